// What contrastive training is put together of, on every backend: pooling, unit length, cutting and joining, the largest
// cells, cross-entropy against other rows. Values against plain arrays, gradients against differences in float64.
import t, { type Test } from 'tap';
import {
  backward,
  checkGradient,
  crossEntropy,
  Ids,
  Random,
  scope,
  Sequences,
  tensor,
  type Tensor,
} from '../../core/index.js';
import { ReferenceBackend, type Backend } from '../../kernels/index.js';
import { testBackends } from '../support/backends.js';
import * as naive from './naive.js';
import { distance, normal, place } from './table.js';

const float64 = new ReferenceBackend('float64');
const random = new Random(11);
const sequences = Sequences.ofLengths([2, 0, 3, 1]);
const [rows, columns] = [normal([6, 5], random), normal([4, 5], random)];
const weights = normal([6], random, true);
const labels = new Ids([3, 0, 0, 2, 1, 3]);

/** Of each sequence, sum of w x over sum of w, cell by cell. */
const pooled = (w: (row: number) => number) =>
  naive.build([4, 5], ([b, column]) => {
    const [start, end] = [sequences.offsets.values[b], sequences.offsets.values[b + 1]];
    const own = Array.from({ length: end - start }, (_, i) => start + i);
    const total = naive.sum(own.map(w));
    return own.length ? naive.sum(own.map((row) => w(row) * rows.data[5 * row + column])) / total : 0;
  });

const unit = naive.build([6, 5], ([row, column]) => {
  const own = rows.data.slice(5 * row, 5 * row + 5);
  return own[column] / Math.hypot(...own);
});

const infoNce = (scale: number, bias: (column: number) => number) => {
  const logits = naive.matmul(rows, naive.permute(columns, [1, 0]));
  const losses = Array.from(labels.values, (label, row) => {
    const scores = [0, 1, 2, 3].map((column) => scale * logits.data[4 * row + column] + bias(column));
    return Math.log(naive.sum(scores.map(Math.exp))) - scores[label];
  });
  return { shape: [], data: [naive.sum(losses) / 6] };
};
const bias = normal([4], random);

/** Functions of tensors, with their inputs and what they give. */
const pieces: Record<string, { f: (...inputs: Tensor[]) => Tensor; inputs: naive.Nd[]; expected: naive.Nd }> = {
  mean: { f: (x) => x.pool(sequences), inputs: [rows], expected: pooled(() => 1) },
  'weighted mean': {
    f: (x, w) => x.pool(sequences, w),
    inputs: [rows, weights],
    expected: pooled((row) => weights.data[row]),
  },
  normalize: { f: (x) => x.normalize(), inputs: [rows], expected: unit },
  'slice of rows': {
    f: (x) => x.slice(0, 1, 3),
    inputs: [rows],
    expected: naive.build([2, 5], ([i, j]) => naive.at(rows, [i + 1, j])),
  },
  'slice of the last axis': {
    f: (x) => x.slice(-1, 2, 5),
    inputs: [rows],
    expected: naive.build([6, 3], ([i, j]) => naive.at(rows, [i, j + 2])),
  },
  'concat of rows': {
    f: (a, b) => a.concat(b),
    inputs: [rows, columns],
    expected: { shape: [10, 5], data: [...rows.data, ...columns.data] },
  },
  'concat along the last axis': {
    f: (a, b) => a.concat(b.slice(0, 0, 4), -1),
    inputs: [columns, columns],
    expected: naive.build([4, 10], ([i, j]) => naive.at(columns, [i, j % 5])),
  },
  'largest cells': {
    f: (x) => x.topK(2).values,
    inputs: [rows],
    expected: naive.build([6, 2], ([i, j]) => rows.data.slice(5 * i, 5 * i + 5).sort((a, b) => b - a)[j]),
  },
  InfoNCE: {
    f: (x, table) => crossEntropy(x, table, labels, { scale: 20 }).loss,
    inputs: [rows, columns],
    expected: infoNce(20, () => 0),
  },
  'cross-entropy with a bias and a scale that is learned': {
    f: (x, table, b, scale) => crossEntropy(x, table, labels, { bias: b, scale }).loss,
    inputs: [rows, columns, bias, { shape: [1], data: [1.5] }],
    expected: infoNce(1.5, (column) => bias.data[column]),
  },
};

void t.test('gradients against differences', async (t) => {
  for (const [name, { f, inputs }] of Object.entries(pieces)) {
    const check = await checkGradient(
      f,
      inputs.map((x) => place(x, float64)),
    );
    t.ok(check.error < 1e-6 && check.largest > 1e-3, `${name}: ${check.error}`);
  }
});

async function values(t: Test, backend: Backend): Promise<void> {
  for (const [name, { f, inputs, expected }] of Object.entries(pieces)) {
    const y = f(...inputs.map((x) => place(x, backend)));
    t.same(y.shape, expected.shape, name);
    t.ok(distance(await y.read(), expected.data) < (backend.dtype === 'float64' ? 1e-12 : 2e-5), name);
  }
}

async function edges(t: Test, backend: Backend): Promise<void> {
  const numbers = (data: number[][]) => tensor(data, undefined, { backend, requiresGrad: true });
  const x = numbers([[0, 0], [3, 4], [1e-20, 0]]); // prettier-ignore
  const y = x.normalize(1e-6);
  t.same([...(await y.read())].slice(0, 2), [0, 0], 'a row of zeros stays one');
  t.ok(distance((await y.read()).slice(2), [0.6, 0.8, 1e-14, 0]) < 1e-6, 'a short one is divided by eps');
  scope(() => backward(y, tensor([[1, 0], [1, 1], [0, 0]], undefined, { backend }))); // prettier-ignore
  const slope = await x.grad!.read();
  t.ok(Math.abs(slope[0] / 1e6 - 1) < 1e-5 && slope.every(Number.isFinite), 'whose gradient is finite');
  const ties = numbers([[2, 5, 5, 1, 5], [-1, -1, -1, -2, -1]]); // prettier-ignore
  const { values, ids } = ties.topK(4);
  t.same([...(await values.read())], [5, 5, 5, 2, -1, -1, -1, -1]);
  t.same([...(await ids.read())], [1, 2, 4, 0, 0, 1, 2, 4], 'of equal cells the first comes first');
  scope(() => backward(ties.topK(2).values.sum()));
  t.same([...(await ties.grad!.read())], [0, 1, 1, 0, 0, 1, 1, 0, 0, 0], 'and takes the gradient');
  const odd = tensor([[NaN, 1, NaN, 2]], undefined, { backend }).topK(3);
  const chosen = [...(await odd.ids.read())];
  t.ok(
    chosen.every((id) => [0, 1, 2, 3].includes(id)),
    `of a row with NaN any cells, here ${chosen.join()}`,
  );
  const empty = numbers([[1, 2]]).pool(Sequences.ofLengths([0, 1, 0]), tensor([3], undefined, { backend }));
  t.same([...(await empty.read())], [0, 0, 1, 2, 0, 0], 'a sequence without rows is 0');
  const { loss, accuracy } = crossEntropy(numbers([[1, 0], [0, 1]]), numbers([[9, 0], [0, 9]]), new Ids([0, 0])); // prettier-ignore
  t.ok(Math.abs((await loss.item()) - 4.5) < 1e-3);
  t.equal(await accuracy.item(), 0.5);
}

void t.test('what does not fit', async (t) => {
  const x = place(rows, float64);
  t.throws(() => x.pool(sequences, place(columns, float64)), /pool: weights are \[4, 5\], x is \[6, 5\]. Give one/);
  t.throws(() => x.slice(2, 0, 1), /slice: axis 2 is out of range for 2 axes/);
  t.throws(() => x.concat(place(columns, float64), 2), /concat: axis 2 is out of range/);
});

for (const { name, open } of testBackends())
  void t.test(name, async (t) => {
    const backend = await open();
    if (typeof backend === 'string') return void t.plan(0, backend);
    await t.test('values', (t) => values(t, backend));
    await t.test('edges', (t) => edges(t, backend));
    await backend.close();
  });
