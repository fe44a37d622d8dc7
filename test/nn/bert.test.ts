// BERT as a module: names, shapes, initial weights, dropout, and rows that are computed only where somebody reads them.
import t from 'tap';
import { Ids, noGrad, Random, scope, Sequences, setBackend, type Tensor } from '../../core/index.js';
import { ReferenceBackend } from '../../kernels/reference.js';
import { bertConfig, BertForMaskedLM, Dropout, parameterCount, parameters } from '../../nn/index.js';

setBackend(new ReferenceBackend('float64'));

const config = bertConfig({
  vocab_size: 400,
  hidden_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  intermediate_size: 48,
  max_position_embeddings: 20,
  initializer_range: 0.04,
});
const model = new BertForMaskedLM(config, new Random(1));

const both = (name: string) => [`${name}.weight`, `${name}.bias`];
const layerNames = (n: number) =>
  [
    ...['query', 'key', 'value'].flatMap((name) => both(`attention.self.${name}`)),
    ...both('attention.output.dense'),
    ...both('attention.output.LayerNorm'),
    ...both('intermediate.dense'),
    ...both('output.dense'),
    ...both('output.LayerNorm'),
  ].map((name) => `bert.encoder.layer.${n}.${name}`);

void t.test('parameters are named as Hugging Face names them', async (t) => {
  const names = [
    ...['word', 'position', 'token_type'].map((name) => `bert.embeddings.${name}_embeddings.weight`),
    ...both('bert.embeddings.LayerNorm'),
    ...layerNames(0),
    ...layerNames(1),
    ...both('cls.predictions.transform.dense'),
    ...both('cls.predictions.transform.LayerNorm'),
    'cls.predictions.bias',
  ];
  t.same([...parameters(model).keys()], names);
  const shapeOf = (name: string) => parameters(model).get(name)!.shape;
  t.same(shapeOf('bert.embeddings.word_embeddings.weight'), [400, 32]);
  t.same(shapeOf('bert.embeddings.position_embeddings.weight'), [20, 32]);
  t.same(shapeOf('bert.embeddings.token_type_embeddings.weight'), [2, 32]);
  t.same(shapeOf('bert.encoder.layer.1.intermediate.dense.weight'), [48, 32], 'weights are [outputs, inputs]');
  t.same(shapeOf('bert.encoder.layer.1.output.dense.weight'), [32, 48]);
  t.same(shapeOf('cls.predictions.bias'), [400]);
});

void t.test('a layer more is as many numbers more as it should be', async (t) => {
  const [none, one] = [0, 1].map((extra) => {
    const dimensions = { vocab_size: 300, hidden_size: 96, intermediate_size: 384, num_attention_heads: 12 };
    return new BertForMaskedLM(
      bertConfig({ ...dimensions, num_hidden_layers: 1 + extra, max_position_embeddings: 8 }),
      new Random(1),
    );
  });
  t.equal(parameterCount(one) - parameterCount(none), 4 * (96 * 96 + 96) + 2 * 96 * 384 + 384 + 96 + 4 * 96);
});

void t.test('initial weights: normal of the given deviation, biases 0, gains 1', async (t) => {
  for (const [name, x] of parameters(model)) {
    const values = [...(await x.read())];
    if (x.rank === 2) {
      const mean = values.reduce((a, b) => a + b, 0) / x.size;
      const deviation = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / x.size);
      // Within 4.5 standard errors: s / sqrt(n) of the mean, s / sqrt(2 n) of the deviation.
      t.ok(Math.abs(mean) < (4.5 * 0.04) / Math.sqrt(x.size), `${name}: mean ${mean}`);
      t.ok(Math.abs(deviation - 0.04) < (4.5 * 0.04) / Math.sqrt(2 * x.size), `${name}: deviation ${deviation}`);
      t.ok(
        values.some((value) => Math.abs(value) > 0.06),
        'not uniform within sqrt(3) deviations',
      );
    } else
      t.ok(
        values.every((value) => value === (name.endsWith('LayerNorm.weight') ? 1 : 0)),
        name,
      );
  }
});

void t.test('the seed decides, and all matrices differ', async (t) => {
  const first = async (seed: number) => {
    const all = [...parameters(new BertForMaskedLM(config, new Random(seed))).values()];
    return Promise.all(all.filter(({ rank }) => rank === 2).map(async (x) => (await x.read())[0]));
  };
  const one = await first(1);
  t.same(await first(1), one);
  const two = await first(2);
  t.ok(one.every((value, i) => value !== two[i]));
  t.equal(new Set(one).size, one.length);
});

void t.test('dropout draws a fresh key for each use, and none where it does nothing', async (t) => {
  const random = new Random(5);
  const dropout = new Dropout(0.25, random);
  const keys = Array.from({ length: 1000 }, () => dropout.draw());
  t.ok(keys.every(({ p, key }) => p === 0.25 && Number.isInteger(key) && key >= 0 && key < 2 ** 24));
  t.ok(new Set(keys.map(({ key }) => key)).size > 995, 'keys differ');
  t.same(new Dropout(0.25, new Random(5)).draw(), keys[0], 'and are a function of the seed');
  const before = random.state();
  t.same(new Dropout(0, random).draw(), { p: 0, key: 0 });
  t.same(new Dropout(0.25, undefined).draw(), { p: 0, key: 0 });
  t.same(random.state(), before, 'nothing is drawn for nothing');
});

const sequences = Sequences.ofLengths([5, 1, 9]);
const ids = new Ids(Int32Array.from({ length: 15 }, (_, i) => (37 * i) % 400));
const read = async (work: () => Tensor) => [...(await noGrad(() => scope(work)).read())];
const distance = (a: number[], b: number[]) => Math.max(...a.map((x, i) => Math.abs(x - b[i])));

void t.test('a pass with a generator drops, one without does not', async (t) => {
  const pass = (random?: Random) => read(() => model.bert.forward(ids, sequences, { random }));
  const plain = await pass();
  t.same(await pass(), plain);
  const dropped = await pass(new Random(3));
  t.same(await pass(new Random(3)), dropped);
  t.ok(distance(dropped, plain) > 0.1);
  t.ok(distance(await pass(new Random(4)), dropped) > 0.1);
});

void t.test('rows that are asked for are the rows of the whole', async (t) => {
  const whole = await read(() => model.bert.forward(ids, sequences));
  const rows = [0, 3, 4, 6, 7, 14];
  const needed = { rows: new Ids(rows), sequences: Sequences.ofLengths([3, 0, 3]) };
  const some = await read(() => model.bert.forward(ids, sequences, { needed }));
  const wanted = rows.flatMap((row) => whole.slice(32 * row, 32 * row + 32));
  t.ok(some.length === wanted.length && distance(some, wanted) < 1e-12);
  const vectors = await read(() => model.encode(ids, sequences));
  const firsts = [0, 5, 6].flatMap((row) => whole.slice(32 * row, 32 * row + 32));
  t.ok(vectors.length === firsts.length && distance(vectors, firsts) < 1e-12, 'encode: of every sequence the first');
});

void t.test('sentence vectors: [CLS] or the mean, with dropout where a generator is given', async (t) => {
  const whole = await read(() => model.bert.forward(ids, sequences));
  const mean = [0, 1, 2].flatMap((b) => {
    const [start, end] = [sequences.offsets.values[b], sequences.offsets.values[b + 1]];
    return Array.from({ length: 32 }, (_, i) => {
      let sum = 0;
      for (let row = start; row < end; row++) sum += whole[32 * row + i];
      return sum / (end - start);
    });
  });
  t.ok(distance(await read(() => model.encode(ids, sequences, { pooling: 'mean' })), mean) < 1e-12);
  const cls = await read(() => model.encode(ids, sequences));
  t.same(await read(() => model.encode(ids, sequences, { pooling: 'cls' })), cls);
  for (const pooling of ['cls', 'mean'] as const) {
    const dropped = (seed: number) => read(() => model.encode(ids, sequences, { pooling, random: new Random(seed) }));
    t.same(await dropped(1), await dropped(1), pooling);
    t.ok(distance(await dropped(1), await dropped(2)) > 1e-3, `${pooling}: two passes differ, as SimCSE wants`);
  }
});

void t.test('layers in two parts are the layers in one, bit for bit', async (t) => {
  const random = () => new Random(6);
  const whole = await read(() => model.bert.forward(ids, sequences, { random: random() }));
  const needed = { rows: new Ids([0, 5, 6]), sequences: Sequences.ofLengths([1, 1, 1]) };
  const { inner, outer, some } = noGrad(() =>
    scope(() => {
      const { bert } = model;
      const [one, two] = [random(), random()];
      const inner = bert.through(bert.embeddings.forward(ids, sequences, one), sequences, { to: 1, random: one });
      const outer = bert.through(inner, sequences, { from: 1, random: one });
      const again = bert.through(bert.embeddings.forward(ids, sequences, two), sequences, { to: 1, random: two });
      return { inner, outer, some: bert.through(again, sequences, { from: 1, needed, random: two }) };
    }),
  );
  t.same(inner.shape, [15, 32]);
  t.same([...(await outer.read())], whole);
  t.same(some.shape, [3, 32]);
});

void t.test('sequences that share a batch do not see each other', async (t) => {
  const together = await read(() => model.bert.forward(ids, sequences));
  const alone: number[] = [];
  for (const [start, end] of [
    [0, 5],
    [5, 6],
    [6, 15],
  ])
    alone.push(
      ...(await read(() =>
        model.bert.forward(new Ids(Array.from(ids.values).slice(start, end)), Sequences.ofLengths([end - start])),
      )),
    );
  t.ok(distance(together, alone) < 1e-12);
});

void t.test('the head: logits, loss and accuracy agree', async (t) => {
  const { cls, bert } = model;
  const table = bert.embeddings.word_embeddings;
  const labels = new Ids([7, 0, 399]);
  const logits = await read(() => cls.logits(bert.forward(ids, sequences).gather([1, 2, 3]), table));
  const rows = [0, 1, 2].map((row) => logits.slice(400 * row, 400 * row + 400));
  const nll = rows.map((row, i) => Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0)) - row[labels.values[i]]);
  const { loss, accuracy } = noGrad(() =>
    scope(() => cls.loss(cls.transform(bert.forward(ids, sequences).gather([1, 2, 3])), table, labels)),
  );
  t.ok(Math.abs((await loss.item()) - (nll[0] + nll[1] + nll[2]) / 3) < 1e-12);
  const right = rows.filter((row, i) => row.indexOf(Math.max(...row)) === labels.values[i]).length;
  t.equal(await accuracy.item(), right / 3);
  const none = cls.loss(cls.transform(bert.forward(ids, sequences).gather([])), table, new Ids([]));
  t.same([await none.loss.item(), await none.accuracy.item()], [0, 0], 'no labels: no loss');
});

void t.test('a sequence longer than the position table is refused', async (t) => {
  const long = Sequences.ofLengths([21]);
  t.throws(
    () => model.encode(new Ids(new Int32Array(21)), long),
    /BERT: a sequence of 21 tokens is longer than the model's 20 positions. Cut it/,
  );
  t.throws(() => model.encode(new Ids([400]), Sequences.ofLengths([1])), /embedNorm ids: id 400 at index 0/);
});
