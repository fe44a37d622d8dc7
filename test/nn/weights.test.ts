// Weights by name: all dialects of BERT checkpoints load, what does not fit changes nothing, and what is saved comes back.
import t from 'tap';
import { Random, setBackend } from '../../core/index.js';
import { ReferenceBackend } from '../../kernels/reference.js';
import {
  assign,
  bertConfig,
  BertForMaskedLM,
  hostTensors,
  loadWeights,
  parameters,
  SafetensorsFile,
  writeSafetensors,
  type HostTensor,
} from '../../nn/index.js';

setBackend(new ReferenceBackend());

const config = bertConfig({
  vocab_size: 11,
  hidden_size: 4,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 6,
  max_position_embeddings: 5,
});
const newModel = (seed: number) => new BertForMaskedLM(config, new Random(seed));

const fileOf = (tensors: Iterable<readonly [string, HostTensor]>) =>
  new SafetensorsFile(Buffer.concat(writeSafetensors(tensors)), 'model.safetensors');

const valuesOf = async (model: object) =>
  Object.fromEntries(Array.from(await hostTensors(parameters(model)), ([name, { data }]) => [name, [...data]]));

/** The tensors of a model under other names; undefined leaves one out. */
async function renamed(model: object, name: (ours: string) => string | undefined) {
  const all: [string, HostTensor][] = [];
  for (const [ours, x] of await hostTensors(parameters(model))) {
    const theirs = name(ours);
    if (theirs !== undefined) all.push([theirs, x]);
  }
  return all;
}

const one = (size = 1): HostTensor => ({ shape: [size], data: new Float32Array(size) });

void t.test('what is saved comes back, bit for bit', async (t) => {
  const [source, target] = [newModel(1), newModel(2)];
  const report = loadWeights(target, fileOf(await hostTensors(parameters(source))));
  t.same(report, { missing: [], unexpected: [] });
  t.same(await valuesOf(target), await valuesOf(source));
});

void t.test('dialects', async (t) => {
  const dialects: Record<string, (name: string) => string> = {
    'without the prefix': (name) => name.replace(/^bert\./, ''),
    'gamma and beta': (name) =>
      name.replace(/LayerNorm\.weight/, 'LayerNorm.gamma').replace(/LayerNorm\.bias/, 'LayerNorm.beta'),
  };
  dialects['both at once'] = (name) => dialects['without the prefix'](dialects['gamma and beta'](name));
  const source = newModel(1);
  for (const [what, name] of Object.entries(dialects)) {
    const target = newModel(2);
    const tensors = await renamed(source, name);
    t.notSame(
      tensors.map(([theirs]) => theirs),
      [...parameters(source).keys()],
      what,
    );
    t.same(loadWeights(target, fileOf(tensors)), { missing: [], unexpected: [] });
    t.same(await valuesOf(target), await valuesOf(source), what);
  }
});

void t.test('what other checkpoints carry is passed over, what nobody knows is reported', async (t) => {
  const known = [
    'bert.pooler.dense.weight',
    'pooler.dense.bias',
    'cls.seq_relationship.weight',
    'bert.embeddings.position_ids',
    'cls.predictions.decoder.weight',
    'cls.predictions.decoder.bias',
  ];
  const tensors = [...(await hostTensors(parameters(newModel(1)))), ...known.map((name) => [name, one()] as const)];
  const unknown = ['c_head.output.dense.weight', 'lora.A'];
  const report = loadWeights(newModel(2), fileOf([...tensors, ...unknown.map((name) => [name, one()] as const)]));
  t.same(report, { missing: [], unexpected: unknown });
});

void t.test('other number formats are read as float32', async (t) => {
  const source = newModel(1);
  const tensors = Array.from(
    await hostTensors(parameters(source)),
    ([name, { shape, data }]) => [name, { shape, data: Float64Array.from(data as Float32Array) }] as const,
  );
  const target = newModel(2);
  loadWeights(target, fileOf(tensors));
  t.same(await valuesOf(target), await valuesOf(source));
});

void t.test('a missing tensor', async (t) => {
  const source = newModel(1);
  const tensors = await renamed(source, (name) => (name.startsWith('cls.') ? undefined : name));
  const target = newModel(2);
  const before = await valuesOf(target);
  t.throws(
    () => loadWeights(target, fileOf(tensors)),
    /model.safetensors: 5 tensors are missing, the first is cls.predictions.transform.dense.weight. Is it a BERT/,
  );
  t.same(await valuesOf(target), before, 'nothing has changed');
  const { missing } = loadWeights(target, fileOf(tensors), (name) => name.startsWith('cls.'));
  t.equal(missing.length, 5, 'an optional one may be missing');
  const after = await valuesOf(target);
  for (const [name, values] of Object.entries(await valuesOf(source)))
    t.same(after[name], missing.includes(name) ? before[name] : values, name);
});

void t.test('a tensor of another shape', async (t) => {
  const target = newModel(2);
  const before = await valuesOf(target);
  const source = await hostTensors(parameters(newModel(1)));
  const last = [...source.keys()].at(-1)!;
  const wrong: [name: string, shape: number[], size: number][] = [
    [last, [1], 1],
    ['bert.embeddings.word_embeddings.weight', [4, 11], 44],
    ['bert.embeddings.LayerNorm.bias', [4, 1], 4],
  ];
  for (const [name, shape, size] of wrong) {
    const file = fileOf(new Map(source).set(name, { shape, data: new Float32Array(size) }));
    t.throws(
      () => loadWeights(target, file),
      new RegExp(`model.safetensors: ${name} is \\[${shape.join(', ')}\\], the model wants \\[.*config.json beside it`),
    );
  }
  t.same(await valuesOf(target), before, 'nothing has changed');
});

void t.test('two names for one parameter', async (t) => {
  const source = await hostTensors(parameters(newModel(1)));
  const twice = new Map(source).set('embeddings.LayerNorm.gamma', one(4));
  t.throws(
    () => loadWeights(newModel(2), fileOf(twice)),
    /model.safetensors: .* both stand for bert.embeddings.LayerNorm.weight/,
  );
});

void t.test('assign keeps every bit, in place', async (t) => {
  const { bias } = newModel(1).cls.predictions;
  const values = Float32Array.from({ length: 11 }, (_, i) => [NaN, -0, 1e-40, Infinity, i][i % 5]);
  const storage = bias.buffer;
  assign(bias, values);
  t.equal(bias.buffer, storage);
  t.same(new Uint32Array((await bias.read()).buffer), new Uint32Array(values.buffer));
});
