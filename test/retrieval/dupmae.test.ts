// DupMAE's representation in retrieval: an index finds what brute force finds, and survives files and folders.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Random, setBackend } from '../../core/index.js';
import { SPECIAL_TOKENS, WordPiece } from '../../data/index.js';
import { loadModel, saveModel } from '../../hub/index.js';
import { ReferenceBackend } from '../../kernels/index.js';
import { bertConfig, BertForMaskedLM, Representation, SafetensorsFile, wordActivations } from '../../nn/index.js';
import { DupmaeEncoder, DupmaeIndex, evaluateEncoder, FlatIndex, loadIndex, saveIndex } from '../../retrieval/index.js';

setBackend(new ReferenceBackend());

const tokenizer = WordPiece.fromVocab([...SPECIAL_TOKENS, ...'abcdefghijklmnop']);
const config = bertConfig({
  vocab_size: tokenizer.size,
  hidden_size: 10,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 12,
  max_position_embeddings: 12,
  initializer_range: 0.5,
});

/** A model with a representation that keeps k words. */
function modelOf(options: ConstructorParameters<typeof Representation>[2]) {
  const model = new BertForMaskedLM(config, new Random(1));
  return Object.assign(model, { cls_projection: new Representation(config, new Random(2), options) });
}

const random = new Random(3);
const textOf = (words: number) => Array.from({ length: words }, () => 'abcdefghijklmnop'[random.below(16)]).join(' ');
const texts = Array.from({ length: 60 }, (_, i) => textOf(i % 9));
const ids = texts.map((_, i) => `d${i}`);
const queries = Array.from({ length: 7 }, (_, i) => textOf(1 + i));

for (const activation of wordActivations)
  void t.test(`an index finds what brute force finds, to the bit: ${activation}`, async (t) => {
    const model = modelOf({ k: 4, activation });
    const encoder = new DupmaeEncoder(model, tokenizer, model.cls_projection);
    const documents = await encoder.encode(texts);
    const asked = await encoder.encode(queries, { role: 'query', tokensPerBatch: 16 });
    const index = await encoder.index(ids, texts, { tokensPerBatch: 30 });
    t.same([index.size, index.dim, index.bytes], [60, 5 + tokenizer.size, 5 * 4 + 4 * 8]);
    const words = (rows: Float32Array, i: number) => rows.subarray(i * encoder.dim + 5, (i + 1) * encoder.dim);
    t.ok(ids.every((_, i) => words(documents, i).filter((x) => x !== 0).length <= 4));
    t.ok(words(asked, 3).filter((x) => x !== 0).length > 4, 'a query has all of its words');
    const flat = new FlatIndex(ids, documents, encoder.dim);
    t.same(index.search(asked, 25), flat.search(asked, 25));
    const named = queries.map((_, q) => ids.filter((_, i) => i % (q + 2) === 0));
    t.same(index.score(asked, named), flat.score(asked, named));
    const scored = flat.search(asked, 60).flat();
    t.ok(new Set(scored.map(({ score }) => score)).size > 200, 'of scores that differ');

    const file = join(t.testdir(), 'some.index');
    await saveIndex(new DupmaeIndex(ids, index.documents, index.shape, 'sha256:1'), file);
    const read = (await loadIndex(file)) as DupmaeIndex;
    t.same([read.documents, read.shape, read.ids], [index.documents, index.shape, ids]);
    t.same([read.model, read.represent], ['sha256:1', 'dupmae']);
    t.same(read.search(asked, 9), index.search(asked, 9));
  });

void t.test('evaluation goes through it', async (t) => {
  const model = modelOf({ k: 21, activation: 'raw' });
  const encoder = new DupmaeEncoder(model, tokenizer, model.cls_projection);
  const set = {
    name: 'own',
    corpus: texts.map((text, i) => ({ id: ids[i], text })),
    queries: queries.map((text, i) => ({ id: `q${i}`, text })),
    qrels: new Map(queries.map((_, i) => [`q${i}`, new Map([[`d${i}`, 1]])])),
    warnings: [],
  };
  const { run } = await evaluateEncoder(encoder, set);
  const index = new FlatIndex(ids, await encoder.encode(texts), encoder.dim);
  const found = index.search(await encoder.encode(queries, { role: 'query' }), 60);
  t.same(run, new Map(found.map((hits, i) => [`q${i}`, hits])));
});

void t.test('a folder keeps it, and the vectors are the same', async (t) => {
  const dir = join(t.testdir(), 'model');
  const model = modelOf({ k: 4, activation: 'log1p_relu' });
  await saveModel(dir, model, tokenizer, { maxLength: 12 });
  const json = JSON.parse(readFileSync(join(dir, 'config.json'), 'utf8')) as object;
  t.match(json, { architectures: ['BertForMaskedLM'], dupmae: { k: 4, activation: 'log1p_relu' } });
  const weights = new SafetensorsFile(readFileSync(join(dir, 'dupmae.safetensors')), 'dupmae.safetensors');
  t.same([...weights.tensors.keys()], ['cls_projection.weight']);
  t.notOk(readFileSync(join(dir, 'model.safetensors')).includes('cls_projection'), 'which other tools do not see');

  const loaded = await loadModel(dir, { represent: 'dupmae' });
  t.match(loaded, { represent: 'dupmae', similarity: 'dot', notes: [] });
  t.match(
    loaded.description,
    /DupMAE's: 5 numbers and, of a document, the 4 heaviest of 21 words; compared by dot product/,
  );
  const before = new DupmaeEncoder(model, tokenizer, model.cls_projection);
  const after = new DupmaeEncoder(loaded.model, loaded.tokenizer, loaded.representation!, loaded);
  for (const role of ['query', 'document'] as const)
    t.same(await after.encode(texts, { role }), await before.encode(texts, { role }));

  const other = modelOf({ k: 5, activation: 'log1p_relu' });
  await saveModel(`${dir}-5`, other, tokenizer, { maxLength: 12 });
  const fingerprints = [loaded, await loadModel(dir), await loadModel(`${dir}-5`, { represent: 'dupmae' })];
  t.equal(new Set(fingerprints.map(({ fingerprint }) => fingerprint)).size, 3, 'each makes other vectors');
  const plain = await loadModel(dir);
  t.match(plain, { represent: 'cls', representation: undefined, similarity: 'cosine' });
  t.match(plain.notes, [/trained for DupMAE's representation too; --represent dupmae takes it/]);
  await saveModel(`${dir}-again`, plain.model, tokenizer, { maxLength: 12 });
  t.equal((await loadModel(`${dir}-again`, { represent: 'dupmae' })).fingerprint, loaded.fingerprint);

  await saveModel(dir, new BertForMaskedLM(config, new Random(1)), tokenizer, { maxLength: 12 });
  await t.rejects(loadModel(dir, { represent: 'dupmae' }), /has no cls_projection/, 'what is left of a model before');
});

void t.test('cls and mean are poolings of any folder', async (t) => {
  const dir = join(t.testdir(), 'model');
  await saveModel(dir, new BertForMaskedLM(config, new Random(1)), tokenizer, { maxLength: 12 });
  const [own, cls, mean] = [
    await loadModel(dir),
    await loadModel(dir, { represent: 'cls' }),
    await loadModel(dir, { represent: 'mean' }),
  ];
  t.same([own.pooling, cls.pooling, mean.pooling], [['cls'], ['cls'], ['mean']]);
  t.equal(cls.fingerprint, own.fingerprint);
  t.not(mean.fingerprint, own.fingerprint);
  t.same([own.notes, cls.notes], [[], []]);
  t.match(mean.notes, [
    /modules\.json: says the state of \[CLS\]; the mean of all tokens is taken instead, as asked for/,
  ]);
  rmSync(join(dir, 'modules.json'));
  t.match((await loadModel(dir)).notes, [/does not say how its vectors are made/]);
  t.same((await loadModel(dir, { represent: 'mean' })).notes, []);
});

void t.test('folders without it, or whose parts do not fit, are refused by name', async (t) => {
  const base = t.testdir();
  const model = modelOf({ k: 4, activation: 'raw' });
  const broken = async (name: string, change: (dir: string) => void) => {
    const dir = join(base, name);
    await saveModel(dir, model, tokenizer, { maxLength: 12 });
    change(dir);
    return loadModel(dir, { represent: 'dupmae' });
  };
  const entry = (value: unknown) => (dir: string) => {
    const file = join(dir, 'config.json');
    const json = JSON.parse(readFileSync(file, 'utf8')) as object;
    writeFileSync(file, JSON.stringify({ ...json, dupmae: value }));
  };
  const cases: [(dir: string) => void, RegExp][] = [
    [
      entry(undefined),
      /0: has no cls_projection, which --represent dupmae needs\. Train it, with .*or give --represent cls/,
    ],
    [entry({ k: 22, activation: 'raw' }), /1.config\.json: dupmae\.k is 22, expected an integer from 1 to 21\./],
    [entry({ activation: 'raw' }), /2.config\.json: dupmae\.k is undefined, expected an integer from 1 to 21\./],
    [
      entry({ k: 4, activation: 'tanh' }),
      /3.config\.json: dupmae\.activation is "tanh", expected 'log1p_relu' or 'raw'/,
    ],
    [entry(7), /4.config\.json: dupmae is 7, expected an object/],
    [(dir) => rmSync(join(dir, 'dupmae.safetensors')), /5.dupmae\.safetensors/],
  ];
  for (const [i, [change, said]] of cases.entries()) await t.rejects(broken(String(i), change), said);
});

void t.test('an index that is not whole is refused', async (t) => {
  const [vectors, words, weights] = [Float32Array.of(1, 2), Int32Array.of(0, 3, 1, 2), Float32Array.of(1, 1, 1, 1)];
  const shape = { dense: 1, k: 2, vocabulary: 4 };
  const made =
    (documents: object, own: object = {}) =>
    () =>
      new DupmaeIndex(['a', 'b'], { vectors, words, weights, ...documents }, { ...shape, ...own });
  t.doesNotThrow(made({}));
  t.throws(made({}, { vocabulary: 3 }), /of document "a", a word is 3; expected rising ids below 3/);
  t.throws(made({}, { vocabulary: 1 }), /2 of 1 words, expected whole numbers of at least 1, and no more words than/);
  t.throws(made({}, { vocabulary: NaN }), /2 of NaN words/);
  t.throws(made({ words: Int32Array.of(0, 3, 2, 2) }), /of document "b", a word is 2; expected rising ids/);
  t.throws(made({ words: Int32Array.of(-1, 3, 1, 2) }), /of document "a", a word is -1/);
  t.throws(made({ words: Int32Array.of(1, 2) }), /words are 2 for 2 documents, expected 4; pass 2 a document/);
  t.throws(made({ weights: Float32Array.of(1, 1, 1, NaN) }), /the vector of document "b" contains NaN/);
  t.throws(() => made({})().search(new Float32Array(4), 1), /4 query values, expected a multiple of 5/);
  t.throws(() => new DupmaeIndex(['a', 'a'], { vectors, words, weights }, shape), /"a" comes twice/);
});
