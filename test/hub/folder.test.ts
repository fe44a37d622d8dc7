// Model folders: what is written reads back, other dialects of BERT are read, and what is wrong is named by its file.
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { Ids, Random, scope, Sequences } from '../../core/index.js';
import {
  assign,
  BertForMaskedLM,
  parameters,
  readSafetensors,
  writeSafetensors,
  type HostTensor,
} from '../../nn/index.js';
import { initialise, loadModel, saveModel } from '../../hub/folder.js';
import { encoderOf, safetensorsOf } from '../../hub/model-files.js';
import { bitsOf, config, newModel, smallDisk, tokenizer } from '../retromae/tiny.js';

const maxLength = 12;
const WEIGHTS = 'model.safetensors';
const json = (...path: string[]) => JSON.parse(readFileSync(join(...path), 'utf8')) as Record<string, unknown>;
const writeJson = (value: unknown, ...path: string[]) => writeFileSync(join(...path), JSON.stringify(value));
const tensorsIn = (...path: string[]) => readSafetensors(readFileSync(join(...path)), join(...path));
const writeTensors = (tensors: Iterable<readonly [string, HostTensor]>, ...path: string[]) =>
  writeFileSync(join(...path), Buffer.concat(writeSafetensors(tensors)));

/** A model whose numbers are all different from initial ones, so that a load has every one to restore. */
function shaken(seed: number) {
  const model = newModel(seed);
  const random = new Random(seed);
  for (const x of parameters(model).values())
    assign(
      x,
      Float32Array.from({ length: x.size }, () => random.normal()),
    );
  return model;
}
const model = shaken(1);

void t.test('a folder holds what Hugging Face reads, and no decoder', async (t) => {
  const dir = join(t.testdir(), 'new', 'model');
  await saveModel(dir, model, tokenizer, { maxLength, card: { name: 'Tiny: "model"', language: 'en' } });
  t.same(readdirSync(dir).sort(), [
    '1_Pooling',
    '2_Normalize',
    'README.md',
    'config.json',
    'config_sentence_transformers.json',
    'model.safetensors',
    'modules.json',
    'sentence_bert_config.json',
    'tokenizer.json',
    'tokenizer_config.json',
    'vocab.txt',
  ]);
  t.match(json(dir, 'config.json'), { model_type: 'bert', architectures: ['BertForMaskedLM'], hidden_size: 8 });
  t.match(json(dir, '1_Pooling', 'config.json'), { pooling_mode_cls_token: true, word_embedding_dimension: 8 });
  t.equal(json(dir, 'sentence_bert_config.json').max_seq_length, maxLength);
  t.equal(json(dir, 'tokenizer_config.json').model_max_length, maxLength);
  t.equal(json(dir, 'config_sentence_transformers.json').similarity_fn_name, 'cosine');
  t.same(
    (json(dir, 'modules.json') as unknown as { type: string; path: string }[]).map(({ type, path }) => [type, path]),
    [
      ['sentence_transformers.models.Transformer', ''],
      ['sentence_transformers.models.Pooling', '1_Pooling'],
      ['sentence_transformers.models.Normalize', '2_Normalize'],
    ],
  );
  const stored = [...tensorsIn(dir, WEIGHTS).keys()];
  t.ok(stored.every((name) => /^(bert|cls)\./.test(name)));
  t.equal(stored.length, 5 + 2 * 16 + 5);
  t.ok(stored.includes('cls.predictions.bias') && stored.includes('bert.encoder.layer.1.output.LayerNorm.bias'));
  const card = readFileSync(join(dir, 'README.md'), 'utf8');
  t.match(card, /^---\npipeline_tag: "sentence-similarity"\n[^]*language: "en"\n---\n\n# Tiny: "model"\n/);
  t.match(card, "{ pooling: 'cls', normalize: true }");
  const reference = new Tokenizer(json(dir, 'tokenizer.json'), json(dir, 'tokenizer_config.json'));
  t.same(reference.encode('abc o').ids, [tokenizer.cls, ...tokenizer.encode('abc o'), tokenizer.sep]);
});

void t.test('what was saved is loaded, bit for bit', async (t) => {
  const dir = t.testdir();
  await saveModel(dir, model, tokenizer, { maxLength });
  const loaded = await loadModel(dir);
  t.same(await bitsOf(parameters(loaded.model)), await bitsOf(parameters(encoderOf(model))));
  t.same(loaded.tokenizer.vocab, tokenizer.vocab);
  t.same(loaded.config, config);
  t.equal(loaded.maxLength, maxLength);
  t.equal(loaded.similarity, 'cosine');
  t.same(loaded.notes, []);
  const encode = async (x: BertForMaskedLM) =>
    scope(() => x.encode(new Ids([2, 6, 7, 3, 2, 9, 3]), Sequences.ofLengths([4, 3]))).read();
  t.same(await encode(loaded.model), await encode(model));
});

void t.test('dot product: no normalisation', async (t) => {
  const dir = t.testdir();
  await saveModel(dir, model, tokenizer, { maxLength, similarity: 'dot' });
  t.equal((json(dir, 'modules.json') as unknown as unknown[]).length, 2);
  t.notOk(readdirSync(dir).includes('2_Normalize'));
  t.equal((await loadModel(dir)).similarity, 'dot');
});

void t.test('what else is in the folder stays', async (t) => {
  const dir = t.testdir({ 'log.jsonl': 'lines', checkpoints: { x: 'y' }, [WEIGHTS]: 'old' });
  await saveModel(dir, model, tokenizer, { maxLength });
  t.equal(readFileSync(join(dir, 'log.jsonl'), 'utf8'), 'lines');
  t.equal(readFileSync(join(dir, 'checkpoints', 'x'), 'utf8'), 'y');
  t.same(await bitsOf(parameters((await loadModel(dir)).model)), await bitsOf(parameters(encoderOf(model))));
});

void t.test('a model is saved with its own tokenizer and length only', async (t) => {
  const dir = join(t.testdir(), 'out');
  const save = (length: number) => saveModel(dir, model, tokenizer, { maxLength: length });
  await t.rejects(save(17), /maxLength is 17, expected an integer 3 \.\. 16/);
  const other = new BertForMaskedLM({ ...config, vocab_size: 34 }, new Random(0));
  await t.rejects(saveModel(dir, other, tokenizer, { maxLength }), /tokenizer has 35 tokens, the model 34/);
  t.throws(() => readdirSync(dir), 'nothing was written');
});

/** A saved folder whose tensors go through `change`. */
async function changed(t: Test, change: (name: string) => string | undefined): Promise<string> {
  const dir = t.testdir();
  await saveModel(dir, model, tokenizer, { maxLength });
  const tensors = [...tensorsIn(dir, WEIGHTS)].flatMap(([name, x]) => {
    const renamed = change(name);
    return renamed === undefined ? [] : [[renamed, x] as const];
  });
  writeTensors(tensors, dir, WEIGHTS);
  return dir;
}

void t.test('names of Google, without prefix, and with tensors that BERT has elsewhere', async (t) => {
  const dir = await changed(t, (name) =>
    name
      .replace(/^bert\./, '')
      .replace(/LayerNorm\.weight$/, 'LayerNorm.gamma')
      .replace(/LayerNorm\.bias$/, 'LayerNorm.beta'),
  );
  const extra: [string, HostTensor][] = [
    'bert.pooler.dense.weight',
    'cls.seq_relationship.bias',
    'cls.predictions.decoder.weight',
    'embeddings.position_ids',
    'classifier.weight',
  ].map((name) => [name, { shape: [2], data: new Float32Array(2) }]);
  writeTensors([...tensorsIn(dir, WEIGHTS), ...extra], dir, WEIGHTS);
  const loaded = await loadModel(dir);
  t.same(await bitsOf(parameters(loaded.model)), await bitsOf(parameters(encoderOf(model))));
  t.same(loaded.notes, [`${join(dir, WEIGHTS)}: 1 tensors are not used, the first is classifier.weight.`]);
});

void t.test('without an MLM head: a fresh one, from the generator given', async (t) => {
  const dir = await changed(t, (name) => (name.startsWith('cls.') ? undefined : name));
  const loaded = await loadModel(dir, { random: new Random(5) });
  t.match(loaded.notes, [/model\.safetensors: has no masked-language-model head, so a fresh one is used/]);
  t.same(await bitsOf(parameters(loaded.model.bert)), await bitsOf(parameters(model.bert)));
  const again = await loadModel(dir, { random: new Random(5) });
  const other = await loadModel(dir, { random: new Random(6) });
  t.same(await bitsOf(parameters(again.model.cls)), await bitsOf(parameters(loaded.model.cls)));
  t.not((await bitsOf(parameters(other.model.cls)))[DENSE], (await bitsOf(parameters(loaded.model.cls)))[DENSE]);
});
const DENSE = 'predictions.transform.dense.weight';

void t.test('a head with a part missing is damage', async (t) => {
  const dir = await changed(t, (name) => (name.endsWith('cls.predictions.bias') ? undefined : name));
  await t.rejects(loadModel(dir), /model\.safetensors: 1 tensors are missing, the first is cls\.predictions\.bias/);
});

void t.test('shards, by their index', async (t) => {
  const dir = t.testdir();
  await saveModel(dir, model, tokenizer, { maxLength });
  const tensors = [...tensorsIn(dir, WEIGHTS)];
  const shard = (i: number) => `model-0000${i}-of-00002.safetensors`;
  const weightMap = Object.fromEntries(tensors.map(([name], i) => [name, shard((i % 2) + 1)]));
  for (const i of [1, 2])
    writeTensors(
      tensors.filter(([name]) => weightMap[name] === shard(i)),
      dir,
      shard(i),
    );
  rmSync(join(dir, WEIGHTS));
  const index = [dir, `${WEIGHTS}.index.json`];
  writeJson({ metadata: { total_size: 1 }, weight_map: weightMap }, ...index);
  const loaded = await loadModel(dir);
  t.same(await bitsOf(parameters(loaded.model)), await bitsOf(parameters(encoderOf(model))));
  t.same(loaded.notes, []);

  writeTensors(
    tensors.filter((_, i) => i % 2 === 1 && i !== 7),
    dir,
    shard(2),
  );
  await t.rejects(loadModel(dir), {
    message: new RegExp(`1 tensors are in none of the 2 shards, the first is ${tensors[7][0]}`),
  });
  rmSync(join(dir, shard(2)));
  await t.rejects(loadModel(dir), /model-00002-of-00002\.safetensors: is not there/);
  writeJson({ weight_map: { a: '../model.safetensors' } }, ...index);
  await t.rejects(loadModel(dir), /index\.json: weight_map must name a file of this folder/);
});

void t.test('bad folders are refused in one line that names the file', async (t) => {
  const good = t.testdir();
  await saveModel(good, model, tokenizer, { maxLength });
  const bad = async (what: string, harm: (dir: string) => void, message: RegExp) => {
    const dir = `${good}-bad`;
    cpSync(good, dir, { recursive: true });
    harm(dir);
    const error = await loadModel(dir).then(
      () => undefined,
      (reason: Error) => reason,
    );
    t.match(error?.message, message, what);
    t.ok(error?.message.includes(dir) && !error.message.includes('\n'), `${what}: one line with the folder`);
    rmSync(dir, { recursive: true });
  };
  const edit = (change: object) => (dir: string) =>
    writeJson({ ...json(dir, 'config.json'), ...change }, dir, 'config.json');
  const header = (length: bigint) => (dir: string) => {
    const bytes = readFileSync(join(dir, WEIGHTS));
    bytes.writeBigUInt64LE(length);
    writeFileSync(join(dir, WEIGHTS), bytes);
  };
  const remove = (name: string) => (dir: string) => rmSync(join(dir, name));
  const vocab = (change: (tokens: string[]) => string[]) => (dir: string) => {
    rmSync(join(dir, 'tokenizer.json'));
    writeFileSync(join(dir, 'vocab.txt'), change([...tokenizer.vocab]).join('\n'));
  };
  const size = readFileSync(join(good, WEIGHTS)).length;
  await bad('no config', remove('config.json'), /config\.json: is not there/);
  await bad('no weights', remove(WEIGHTS), /model\.safetensors: is not there, nor is model\.safetensors\.index\.json/);
  await bad(
    'a folder for weights',
    (dir) => (rmSync(join(dir, WEIGHTS)), mkdirSync(join(dir, WEIGHTS))),
    /is not there/,
  );
  await bad('cut short', (dir) => truncateSync(join(dir, WEIGHTS), size - 4), /model\.safetensors.*cut short/);
  await bad('empty', (dir) => truncateSync(join(dir, WEIGHTS), 0), /model\.safetensors.*too short/);
  await bad(
    'long header',
    header(2n ** 62n),
    /model\.safetensors.*the header says it is 4611686018427387904 bytes long/,
  );
  await bad('short header', header(16n), /model\.safetensors.*the header is not JSON/);
  await bad('config cut short', (dir) => truncateSync(join(dir, 'config.json'), 30), /config\.json: is not JSON/);
  await bad(
    'config of other kind',
    (dir) => writeFileSync(join(dir, 'config.json'), '[]'),
    /config\.json: expected a JSON object/,
  );
  await bad(
    'other shapes',
    edit({ intermediate_size: 16 }),
    /model\.safetensors: \S+ is \[12, 8\], the model wants \[16, 8\].*config\.json/,
  );
  await bad(
    'more layers',
    edit({ num_hidden_layers: 3 }),
    /model\.safetensors: 16 tensors are missing, the first is bert\.encoder\.layer\.2/,
  );
  await bad('heads', edit({ num_attention_heads: 3 }), /config\.json: hidden size 8 is not divisible by 3 heads/);
  await bad(
    'other vocabulary',
    edit({ vocab_size: 34 }),
    /tokenizer has 35 tokens, but vocab_size in config\.json is 34/,
  );
  await bad(
    'no [MASK]',
    vocab((tokens) => tokens.map((token) => (token === '[MASK]' ? 'x' : token))),
    /the tokenizer has 36 tokens, but vocab_size in config\.json is 35/,
  );
  await bad('no tokenizer', (dir) => (remove('vocab.txt')(dir), remove('tokenizer.json')(dir)), /no tokenizer found/);
});

void t.test('a file that was cut anywhere is refused, never misread', async (t) => {
  const dir = t.testdir();
  await saveModel(dir, model, tokenizer, { maxLength });
  const whole = readFileSync(join(dir, WEIGHTS));
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: whole.length - 1 }), async (length) => {
      writeFileSync(join(dir, WEIGHTS), whole.subarray(0, length));
      await t.rejects(loadModel(dir), /model\.safetensors/);
    }),
    { numRuns: 30 },
  );
});

void t.test('--init: encoder and head, the decoder where it fits', async (t) => {
  const dir = t.testdir();
  await saveModel(dir, model, tokenizer, { maxLength });
  const fresh = newModel(2);
  const before = await bitsOf(parameters({ c_head: fresh.c_head }));
  t.match(await initialise(fresh, dir), [/What is trained beside the encoder begins anew/]);
  t.same(await bitsOf(parameters(encoderOf(fresh))), await bitsOf(parameters(encoderOf(model))));
  t.same(await bitsOf(parameters({ c_head: fresh.c_head })), before);

  mkdirSync(join(dir, 'training_state'));
  const decoder = await safetensorsOf(parameters({ c_head: model.c_head }));
  writeFileSync(join(dir, 'training_state', 'decoder.safetensors'), Buffer.concat(decoder));
  t.same(await initialise(fresh, dir), []);
  t.same(await bitsOf(parameters(fresh)), await bitsOf(parameters(model)));

  const deeper = newModel(3, { decoder: 'basic', decoderLayers: 2 });
  t.match(await initialise(deeper, dir), [/decoder\.safetensors: is of another shape/]);
  t.same(await bitsOf(parameters(deeper.bert)), await bitsOf(parameters(model.bert)));
  t.same(await initialise(newModel(3, { objective: 'mlm' }), dir), []);

  writeJson({ ...json(dir, 'config.json'), num_attention_heads: 4 }, dir, 'config.json');
  await t.rejects(initialise(fresh, dir), /config\.json: num_attention_heads is 4, but 2 is asked for/);
});

void t.test('a folder that cannot be written: what was there stays', async (t) => {
  const root = t.testdir({ file: 'x' });
  await t.rejects(saveModel(join(root, 'file'), model, tokenizer, { maxLength }), /file: cannot be written.*ENOTDIR/);
  await t.rejects(saveModel(join(root, 'file', 'sub'), model, tokenizer, { maxLength }), /sub: cannot be written/);
  t.equal(readFileSync(join(root, 'file'), 'utf8'), 'x');
  await t.test('no permission', { skip: process.getuid?.() === 0 && 'root may write anywhere' }, async (t) => {
    const dir = t.testdir({ log: 'x' });
    chmodSync(dir, 0o500);
    t.teardown(() => chmodSync(dir, 0o700));
    await t.rejects(saveModel(dir, model, tokenizer, { maxLength }), /cannot be written, no permission.*EACCES/);
  });
});

const disk = smallDisk(24);
void t.test('a full disk', { skip: !disk && 'no file system may be mounted here' }, async (t) => {
  const { path, remove } = disk!;
  t.teardown(remove);
  const dir = join(path, 'model');
  await t.rejects(
    saveModel(dir, model, tokenizer, { maxLength }),
    /model: cannot be written, the disk is full \(ENOSPC\)/,
  );
  t.same(readdirSync(path), [], 'nothing is left of it');
  mkdirSync(dir);
  writeFileSync(join(dir, 'log.jsonl'), 'x');
  writeFileSync(join(dir, WEIGHTS), 'old');
  await t.rejects(saveModel(dir, model, tokenizer, { maxLength }), /the disk is full/);
  t.equal(readFileSync(join(dir, WEIGHTS), 'utf8'), 'old');
});
