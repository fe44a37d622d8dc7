// What a folder promises beside its weights: honoured or refused by file and field, fingerprints that tell models apart,
// and folders in which a value was changed at random.
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { configOf, initialise, loadModel, saveModel, tokenizerOf } from '../../hub/index.js';
import { BertForMaskedLM, readSafetensors, writeSafetensors, type HostTensor } from '../../nn/index.js';
import { Random } from '../../core/index.js';
import { config, newModel, tokenizer } from '../retromae/tiny.js';

const ours = join(process.cwd(), 'test', 'hub', 'sentence-folders');
const WEIGHTS = 'model.safetensors';
type Json = Record<string, unknown>;
const json = (...path: string[]) => JSON.parse(readFileSync(join(...path), 'utf8')) as Json;
const writeJson = (value: unknown, ...path: string[]) => writeFileSync(join(...path), JSON.stringify(value));
const edit = (change: Json, ...path: string[]) => writeJson({ ...json(...path), ...change }, ...path);

/** A copy of one of our folders, in a scratch folder that the next copy replaces. */
const scratch = t.testdir({});
function copyOf(name: string): string {
  const dir = join(scratch, 'model');
  rmSync(dir, { recursive: true, force: true });
  cpSync(join(ours, name), dir, { recursive: true });
  return dir;
}

async function saved(): Promise<string> {
  const dir = join(scratch, 'saved');
  rmSync(dir, { recursive: true, force: true });
  await saveModel(dir, newModel(1), tokenizer, { maxLength: 12 });
  return dir;
}

void t.test('the encoder lies where modules.json says, for everybody', async (t) => {
  const dir = copyOf('old-layout');
  t.equal((await tokenizerOf(dir)).size, 19, 'the word table is padded');
  t.match(await configOf(dir), { hidden_size: 8, vocab_size: 24 });
  const { model, description } = await loadModel(dir);
  t.equal(description, 'The model pools: the mean of all tokens; vectors are compared by cosine.');
  const fresh = new BertForMaskedLM(model.config, new Random(7));
  t.match(await initialise(fresh, dir), [/0_Transformer.*no masked-language-model head/]);
  t.same(
    await fresh.bert.embeddings.word_embeddings.weight.read(),
    await model.bert.embeddings.word_embeddings.weight.read(),
  );
});

void t.test('how vectors are made is said in a sentence, but where it is what one assumes', async (t) => {
  t.equal(
    (await loadModel(copyOf('cut'))).description,
    'The model pools: the largest value of all tokens, then a dense layer to 8 (ReLU), then scaled to length 1, then cut to 5 numbers; vectors are compared by dot product.',
  );
  t.match(
    (await loadModel(copyOf('prompt-not-pooled'))).description,
    /the mean of all tokens beside the state of \[CLS\] beside .*; queries begin with "flow: ", documents with "heat in: ", which are not pooled; /,
  );
  t.equal((await loadModel(await saved())).description, undefined);
  t.match((await loadModel(copyOf('only-passage'))).notes, [/the prompts passage are not used/]);
});

void t.test('a folder without modules.json does not say how it pools', async (t) => {
  const dir = await saved();
  rmSync(join(dir, 'modules.json'));
  edit({ pooling_mode_cls_token: false, pooling_mode_max_tokens: true }, dir, '1_Pooling', 'config.json');
  const pooled = await loadModel(dir);
  t.same([pooled.pooling, pooled.steps], [['max'], []]);
  t.match(pooled.notes, [
    /modules\.json: is not there, .*: the largest value of all tokens is taken, as its 1_Pooling says/,
  ]);
  rmSync(join(dir, '1_Pooling'), { recursive: true });
  const plain = await loadModel(dir);
  t.same([plain.pooling, plain.similarity], [['cls'], 'cosine']);
  t.match(plain.notes, [/modules\.json: is not there, .*: the state of \[CLS\] is taken/]);
});

void t.test('the longest text: of the encoder, else of the tokenizer, and never beyond the positions', async (t) => {
  const dir = await saved();
  const lengthWith = async (sentence: Json, ofTokenizer: unknown) => {
    writeJson(sentence, dir, 'sentence_bert_config.json');
    edit({ model_max_length: ofTokenizer }, dir, 'tokenizer_config.json');
    return (await loadModel(dir)).maxLength;
  };
  t.equal(await lengthWith({ max_seq_length: 9 }, 5), 9);
  t.equal(await lengthWith({ max_seq_length: null }, 5), 5);
  t.equal(await lengthWith({}, 1e30), 16);
  t.equal(await lengthWith({ max_seq_length: 99 }, 5), 16);
  t.equal(await lengthWith({ max_seq_length: 9, tokenizer_args: { model_max_length: 7 } }, 5), 7);
  writeJson({}, dir, 'sentence_bert_config.json');
  writeJson({ max_seq_length: 6 }, dir, 'sentence_distilbert_config.json');
  t.equal((await loadModel(dir)).maxLength, 6, 'by another of its names');
});

void t.test('what is not built here is refused by file and field', async (t) => {
  const cases: [file: string, change: Json, said: RegExp][] = [
    [
      '1_Pooling/config.json',
      { pooling_mode: 'first' },
      /pooling_mode is "first", expected one or several of cls, max/,
    ],
    ['1_Pooling/config.json', { pooling_mode: [] }, /pooling_mode is \[\], expected one or/],
    [
      '1_Pooling/config.json',
      { embedding_dimension: 7 },
      /embedding_dimension is 7, expected the model's hidden size, 8/,
    ],
    ['1_Pooling/config.json', { include_prompt: 'no' }, /include_prompt is "no", expected true or false/],
    ['2_Dense/config.json', { in_features: 9 }, /in_features is 9, expected 8, as the module before it gives/],
    ['2_Dense/config.json', { out_features: 7 }, /linear\.weight is \[6, 8\], config\.json beside it wants \[7, 8\]/],
    ['2_Dense/config.json', { bias: false }, /linear\.bias has no place/],
    [
      '2_Dense/config.json',
      { activation_function: 'torch.nn.modules.activation.Mish' },
      /expected one of torch\.nn's Id/,
    ],
    ['2_Dense/config.json', { activation_function: 'mine.Tanh' }, /activation_function is "mine\.Tanh"/],
    ['2_Dense/config.json', { module_input_name: 'token_embeddings' }, /module_input_name is "token_embeddings"/],
    ['4_Dense/config.json', { use_residual: false }, /residual\.weight has no place/],
    ['5_LayerNorm/config.json', { dimension: 5 }, /dimension is 5, expected 4/],
    ['config_sentence_transformers.json', { similarity_fn_name: 'maxsim' }, /similarity_fn_name is "maxsim"/],
    ['config_sentence_transformers.json', { model_type: 'SparseEncoder' }, /model_type is "SparseEncoder"/],
    [
      'config_sentence_transformers.json',
      { truncate_dim: -2 },
      /truncate_dim is -2, expected an integer of at least 1/,
    ],
    ['config_sentence_transformers.json', { prompts: { query: 3 } }, /prompts\.query is 3, expected a text/],
    ['config_sentence_transformers.json', { prompts: ['x'] }, /prompts is a list of 1, expected an object/],
    ['config_sentence_transformers.json', { default_prompt_name: 'x' }, /default_prompt_name is "x"/],
    [
      'sentence_bert_config.json',
      { max_seq_length: 'long' },
      /max_seq_length is "long", expected an integer of at least 3/,
    ],
    ['sentence_bert_config.json', { transformer_task: 'fill-mask' }, /transformer_task is "fill-mask"/],
    ['sentence_bert_config.json', { query_length: 32 }, /query_length is 32/],
    ['sentence_bert_config.json', { config_args: { is_decoder: true } }, /config_args\.is_decoder is true/],
    ['tokenizer_config.json', { model_max_length: 'x' }, /model_max_length is "x", expected a number of at least 3/],
    ['config.json', { hidden_act: 'gelu_new' }, /hidden_act is "gelu_new"/],
    ['config.json', { vocab_size: 2 ** 24, intermediate_size: 2 ** 24 }, /describes a model of \d+ numbers/],
  ];
  for (const [file, change, said] of cases) {
    const dir = copyOf('dense');
    edit(change, dir, file);
    const error = await loadModel(dir).then(() => undefined, String);
    t.match(error, said, `${file} ${JSON.stringify(change)}`);
    t.ok(error?.includes(dir) && !error.includes('\n'));
  }
});

void t.test('the tokenizer alone is that of the loaded model; an adapter is refused', async (t) => {
  const dir = copyOf('lower-case');
  const { tokenizer } = await loadModel(dir);
  t.match(tokenizer.options, { lowercase: true, stripAccents: false });
  t.same((await tokenizerOf(dir)).options, tokenizer.options);
  writeJson({ peft_type: 'LORA' }, dir, 'adapter_config.json');
  for (const read of [loadModel, configOf, tokenizerOf])
    await t.rejects(
      async () => void (await read(dir)),
      /adapter_config\.json: an adapter \(PEFT\) changes the weights, .* Merge it/,
    );
});

void t.test('modules that are not built here are refused by name', async (t) => {
  const good = json(ours, 'dense', 'modules.json') as unknown as { type: string; path: string }[];
  const typed = (type: string) => ({ type: `sentence_transformers.models.${type}`, path: '9_X' });
  const cases: [list: unknown, said: RegExp][] = [
    [
      [...good, typed('WordWeights')],
      /the module WordWeights is not built here; after the Pooling may come Dense, LayerNorm/,
    ],
    [[good[0], typed('WeightedLayerPooling'), good[1]], /after the Transformer comes WeightedLayerPooling/],
    [[...good, good[1]], /the module Pooling is not built here/],
    [[good[0]], /after the Transformer comes nothing/],
    [[typed('Asym'), good[1]], /the first module is Asym/],
    [
      [{ type: 'modeling_x.Transformer', path: '' }, good[1]],
      /module 0 is "modeling_x\.Transformer", code of the model's own/,
    ],
    [[good[0], { ...good[1], path: '../1_Pooling' }], /module 1 lies at "\.\.\/1_Pooling", which is outside/],
    [[good[0], { ...good[1], path: 3 }], /module 1 has no type and path/],
    [[], /expected a list of modules/],
    [{}, /expected a list of modules/],
    [[null], /module 0 has no type and path/],
  ];
  for (const [list, said] of cases) {
    const dir = copyOf('dense');
    writeJson(list, dir, 'modules.json');
    await t.rejects(loadModel(dir), { message: new RegExp(`modules\\.json: ${said.source}`) });
  }
  const dir = copyOf('old-layout');
  const old = json(dir, 'modules.json') as unknown as { type: string; path: string }[];
  writeJson(
    old.map((module) => ({ ...module, type: module.type.toLowerCase() })),
    dir,
    'modules.json',
  );
  t.same((await loadModel(dir)).pooling, ['mean'], 'in small letters, as before classes had files');
});

void t.test('weights: pickles and pointers are named with what to do, wrapped names are read', async (t) => {
  const dir = copyOf('dense');
  renameSync(join(dir, '2_Dense', WEIGHTS), join(dir, '2_Dense', 'pytorch_model.bin'));
  await t.rejects(
    loadModel(dir),
    /2_Dense.pytorch_model\.bin: a pickle is a program and is not run; .*Convert it, in that folder: python -c/,
  );
  const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 12\n';
  for (const name of [WEIGHTS, 'config.json', 'tokenizer.json', 'modules.json', '2_Dense/config.json']) {
    const copy = copyOf('dense');
    writeFileSync(join(copy, name), pointer);
    await t.rejects(loadModel(copy), { message: new RegExp(`${name}: is a Git LFS pointer, .*git lfs pull`) });
  }
  const source = readSafetensors(readFileSync(join(ours, 'cut', WEIGHTS)), 'x');
  const wanted = (await loadModel(copyOf('cut'))).fingerprint;
  for (const prefix of ['bert.', 'model.', 'encoder.', '0.auto_model.', 'module.bert.']) {
    const copy = copyOf('cut');
    const named = Array.from(source, ([name, x]): [string, HostTensor] => [prefix + name, x]);
    writeFileSync(join(copy, WEIGHTS), Buffer.concat(writeSafetensors(named)));
    t.equal((await loadModel(copy)).fingerprint, wanted, prefix);
  }
});

void t.test('more rows than tokens, and a head with a table of its own', async (t) => {
  const dir = await saved();
  const padded = new BertForMaskedLM({ ...config, vocab_size: 40 }, new Random(3));
  await saveModel(dir, padded, tokenizer, { maxLength: 12 });
  const loaded = await loadModel(dir);
  t.match(loaded.notes, [/of the 40 rows of the word table, the tokenizer has 35 tokens/]);
  t.equal(loaded.config.vocab_size, 40);
  t.match(await initialise(new BertForMaskedLM({ ...config, vocab_size: 40 }, new Random(4)), dir), []);

  const tensors = [...readSafetensors(readFileSync(join(dir, WEIGHTS)), 'x')];
  const own: [string, HostTensor] = ['cls.predictions.decoder.weight', { shape: [40, 8], data: new Float32Array(320) }];
  writeFileSync(join(dir, WEIGHTS), Buffer.concat(writeSafetensors([...tensors, own])));
  await initialise(padded, dir);
  edit({ tie_word_embeddings: false }, dir, 'config.json');
  t.same((await loadModel(dir)).fingerprint, loaded.fingerprint, 'vectors do not depend on it');
  await t.rejects(initialise(padded, dir), /decoder\.weight is a table of its own, as tie_word_embeddings is false/);
});

void t.test('a fingerprint is of what changes vectors, and of nothing else', async (t) => {
  const of = async (change: (dir: string) => void) => {
    const dir = copyOf('dense');
    change(dir);
    return (await loadModel(dir)).fingerprint;
  };
  const same = await of(() => undefined);
  t.match(same, /^sha256:[0-9a-f]{64}$/);
  const keeps: ((dir: string) => void)[] = [
    (dir) => edit({ architectures: ['X'], hidden_dropout_prob: 0.3 }, dir, 'config.json'),
    (dir) => edit({ similarity_fn_name: 'dot' }, dir, 'config_sentence_transformers.json'),
    (dir) => {
      const tensors = [...readSafetensors(readFileSync(join(dir, WEIGHTS)), 'x')].reverse();
      writeFileSync(join(dir, WEIGHTS), Buffer.concat(writeSafetensors(tensors, { made: 'elsewhere' })));
    },
  ];
  for (const change of keeps) t.equal(await of(change), same, String(change));
  const changes: ((dir: string) => void)[] = [
    (dir) => edit({ prompts: { query: 'x' } }, dir, 'config_sentence_transformers.json'),
    (dir) => edit({ truncate_dim: 3 }, dir, 'config_sentence_transformers.json'),
    (dir) => edit({ pooling_mode: 'max' }, dir, '1_Pooling', 'config.json'),
    (dir) => edit({ activation_function: 'torch.nn.ReLU' }, dir, '2_Dense', 'config.json'),
    (dir) => edit({ layer_norm_eps: 1e-5 }, dir, 'config.json'),
    (dir) => edit({ max_seq_length: 8 }, dir, 'sentence_bert_config.json'),
    (dir) => cpSync(join(ours, 'cut', WEIGHTS), join(dir, WEIGHTS)),
    (dir) => edit({ do_lower_case: false }, dir, 'tokenizer_config.json'),
  ];
  for (const change of changes) t.not(await of(change), same, String(change));
});

void t.test('a value of any kind in any file loads or is refused in one line that names the folder', async (t) => {
  const values = fc.constantFrom<unknown>(
    null,
    true,
    -1,
    0,
    0.5,
    1e300,
    'x',
    '',
    [],
    [null],
    {},
    { a: 1 },
    [[0]],
    undefined,
  );
  const files = (dir: string) =>
    (readdirSync(dir, { recursive: true }) as string[]).filter((name) => /config.*\.json$|modules\.json$/.test(name));
  const names = files(join(ours, 'dense')).sort();
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...names), fc.nat(99), values, fc.boolean(), async (name, at, value, whole) => {
      const dir = copyOf('dense');
      const content = json(dir, name);
      const holder = Array.isArray(content) ? (content as Json[])[at % content.length] : content;
      const keys = Object.keys(holder);
      if (whole) writeFileSync(join(dir, name), JSON.stringify(value) ?? '');
      else {
        holder[keys[at % keys.length]] = value;
        writeJson(content, dir, name);
      }
      const error = await loadModel(dir).then(() => undefined, String);
      if (error !== undefined && (!error.includes(dir) || error.includes('\n') || /TypeError|RangeError/.test(error)))
        throw new Error(`${name} ${keys[at % keys.length]} ${JSON.stringify(value)}: ${error}`);
    }),
    { numRuns: 150 },
  );
  mkdirSync(join(scratch, 'none'));
  await t.rejects(loadModel(join(scratch, 'none')), /none.config\.json: is not there/);
});
