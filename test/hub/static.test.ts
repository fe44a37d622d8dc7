// Static encoders in folders: what is written is read, tokens that are weighted or share a row included; what is wrong is told.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Random, setBackend } from '../../core/index.js';
import { isStatic, loadModel, loadStatic, saveStatic } from '../../hub/index.js';
import { ReferenceBackend } from '../../kernels/index.js';
import {
  assign,
  bertConfig,
  BertForMaskedLM,
  initWords,
  pooledBert,
  StaticModel,
  writeSafetensors,
  type HostTensor,
} from '../../nn/index.js';
import { BertEncoder, ModelEncoder } from '../../retrieval/index.js';
import { tokenizer } from '../retromae/tiny.js';

setBackend(new ReferenceBackend());
const dir = t.testdir({});
const config = { words: tokenizer.size, dim: 4, unk: tokenizer.unk };
const json = (name: string) => JSON.parse(readFileSync(join(dir, 'model', name), 'utf8')) as Record<string, unknown>;
const edit = (name: string, change: object) =>
  writeFileSync(join(dir, 'model', name), JSON.stringify({ ...json(name), ...change }));
async function saved(similarity: 'cosine' | 'dot' = 'cosine'): Promise<StaticModel> {
  rmSync(join(dir, 'model'), { recursive: true, force: true });
  const model = new StaticModel(config, new Random(3));
  await saveStatic(join(dir, 'model'), model, tokenizer, { similarity, prompts: { query: 'a ', document: '' } });
  return model;
}
const put = (tensors: Record<string, HostTensor>) =>
  writeFileSync(join(dir, 'model', 'model.safetensors'), Buffer.concat(writeSafetensors(Object.entries(tensors))));

void t.test('what was written is what is read', async (t) => {
  for (const similarity of ['cosine', 'dot'] as const) {
    const model = await saved(similarity);
    t.ok(await isStatic(join(dir, 'model')));
    const loaded = await loadStatic(join(dir, 'model'));
    t.equal(loaded.similarity, similarity);
    t.same(loaded.prompts, { query: 'a ', document: '' });
    const texts = ['a b c', 'd', '', 'z z'];
    const steps = similarity === 'cosine' ? undefined : [];
    const [ours, theirs] = [
      new ModelEncoder(model, tokenizer, { steps }),
      new ModelEncoder(loaded.model, loaded.tokenizer, loaded),
    ];
    const [found, wanted] = [await theirs.encode(texts), await ours.encode(texts)];
    // In a folder [UNK] has no vector.
    t.same(found.subarray(0, 12), wanted.subarray(0, 12));
    t.equal(loaded.fingerprint, (await loadStatic(join(dir, 'model'))).fingerprint);
    const cut = await new ModelEncoder(loaded.model, tokenizer, { ...loaded, maxLength: 3 }).encode(['a b']);
    t.same(
      cut,
      await new ModelEncoder(loaded.model, tokenizer, loaded).encode(['a']),
      'of a longer text the beginning',
    );
  }
});

void t.test('model2vec: weights, shared rows, scaling without modules.json', async (t) => {
  await saved();
  rmSync(join(dir, 'model', 'modules.json'));
  const table = Float32Array.from({ length: 8 }, (_, i) => i + 1);
  const size = tokenizer.size;
  const each = (f: (id: number) => number) => Float32Array.from({ length: size }, (_, id) => f(id));
  put({
    embeddings: { shape: [2, 4], data: table },
    mapping: { shape: [size], data: each((id) => id % 2) },
    weights: { shape: [size], data: each((id) => id / 10) },
  });
  const { model, steps } = await loadStatic(join(dir, 'model'));
  t.equal(steps.length, 1, 'scaled to length 1');
  const rows = await model.embedding.weight.read();
  const close = (id: number) => [...rows.subarray(4 * id, 4 * id + 4)].map((x) => Math.round(1e4 * x) / 1e4);
  t.same(
    [close(5), close(6), close(tokenizer.unk)],
    [
      [2.5, 3, 3.5, 4],
      [0.6, 1.2, 1.8, 2.4],
      [0, 0, 0, 0],
    ],
  );
});

void t.test('what is wrong is told by its file', async (t) => {
  await saved();
  await t.rejects(loadModel(join(dir, 'model')), /model: is a static encoder, a table of words; expected a BERT/);
  put({ embeddings: { shape: [3, 4], data: new Float32Array(12) } });
  await t.rejects(
    loadStatic(join(dir, 'model')),
    /model\.safetensors: embeddings has 3 rows, but the tokenizer has 35 tokens/,
  );
  put({ embeddings: { shape: [12], data: new Float32Array(12) } });
  await t.rejects(loadStatic(join(dir, 'model')), /has no table "embeddings" of rows and columns/);
  put({ other: { shape: [1], data: new Float32Array(1) } });
  await t.rejects(loadStatic(join(dir, 'model')), /has no table "embeddings"/);
  await saved();
  edit('config_sentence_transformers.json', { similarity_fn_name: 'nope' });
  await t.rejects(loadStatic(join(dir, 'model')), /similarity_fn_name/);
  const other = new StaticModel({ ...config, words: 3 }, new Random(1));
  await t.rejects(saveStatic(join(dir, 'never'), other, tokenizer), /the tokenizer has 35 tokens, the model 3/);
});

void t.test('a BERT that begins with words is near their bag', async (t) => {
  const words = new StaticModel({ ...config, dim: 32 }, new Random(3));
  // As words are made here: special tokens have no vector.
  const table = Float32Array.from(await words.embedding.weight.read(), (x, i) =>
    i < 5 * 32 ? 0 : x * (1 + (i >> 5) / 9),
  );
  assign(words.embedding.weight, table);
  const shape = bertConfig({
    vocab_size: tokenizer.size,
    hidden_size: 32,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    intermediate_size: 64,
    max_position_embeddings: 16,
  });
  const bert = new BertForMaskedLM(shape, new Random(5));
  await initWords(bert, words, new Random(6));
  const texts = ['a b c d', 'e f', 'a a g h i j', 'k l m', 'n o a'];
  const bag = await new ModelEncoder(words, tokenizer).encode(texts);
  const own = await new BertEncoder(bert, tokenizer, { pooling: 'mean' }).encode(texts);
  t.equal(pooledBert(bert, 'mean').dim, 32);
  texts.forEach((text, b) => {
    let cosine = 0;
    for (let i = 32 * b; i < 32 * b + 32; i++) cosine += bag[i] * own[i];
    t.ok(cosine > 0.85, `${text}: ${cosine}`);
  });
  await t.rejects(
    initWords(bert, new StaticModel(config, new Random(3)), new Random(6)),
    /of 4 numbers, the BERT 35 of 32/,
  );
});
