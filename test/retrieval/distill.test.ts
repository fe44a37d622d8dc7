// Distillation into a static encoder: eigenvalues and components against hand-made matrices and naive sums, the table against
// each step of the method done token by token.
import t from 'tap';
import { Random, setBackend } from '../../core/index.js';
import { WordPiece } from '../../data/index.js';
import { ReferenceBackend } from '../../kernels/index.js';
import { BertForMaskedLM, bertConfig, pooledBert, unitLength, type VectorStep } from '../../nn/index.js';
import { BertEncoder, distillStatic, ModelEncoder } from '../../retrieval/index.js';
import { symmetricEigen } from '../../retrieval/eigen.js';
import { principalComponents } from '../../retrieval/pca.js';

setBackend(new ReferenceBackend());

const dot = (x: ArrayLike<number>, y: ArrayLike<number>): number =>
  Array.from(x, (value, i) => value * y[i]).reduce((sum, value) => sum + value, 0);
const farthest = (x: ArrayLike<number>, y: ArrayLike<number>): number =>
  Math.max(Math.abs(x.length - y.length), ...Array.from(x, (value, i) => Math.abs(value - y[i])));

/** Q diag(values) Q^T, where Q is the mirror I - 2 v v^T: a matrix whose eigenvalues are known. */
function withEigenvalues(values: readonly number[]): Float64Array {
  const n = values.length;
  const v = Array.from({ length: n }, (_, i) => Math.sin(1 + i * i));
  const square = dot(v, v);
  const q = v.map((vi, i) => v.map((vj, j) => Number(i === j) - (2 * vi * vj) / square));
  const matrix = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++)
      matrix[i * n + j] = dot(
        values,
        q[i].map((each, k) => each * q[j][k]),
      );
  return matrix;
}

void t.test('eigenvalues of matrices that have known ones', async (t) => {
  const hand = symmetricEigen(Float64Array.of(2, 1, 0, 1, 2, 0, 0, 0, 5), 3);
  t.ok(farthest(hand.values, [5, 3, 1]) < 1e-15, `${hand.values.join()}`);
  const half = Math.SQRT1_2;
  for (const [i, wanted] of [
    [0, 0, 1],
    [half, half, 0],
    [half, -half, 0],
  ].entries())
    t.ok(Math.abs(Math.abs(dot(hand.vectors[i], wanted)) - 1) < 1e-15, `vector ${i}`);
  const cases = {
    spread: Array.from({ length: 40 }, (_, i) => 10 ** (3 - i / 6)),
    'of both signs': [3, -2, 1, -1, 0.5, 0, -4],
    'many equal': [2, 2, 2, 1, 1, 0, 0, 0],
    'one number': [-7],
    zeros: [0, 0, 0, 0],
    'tiny beside huge': [1e12, 1, 1e-12],
  };
  for (const [name, values] of Object.entries(cases)) {
    const n = values.length;
    const matrix = withEigenvalues(values);
    const before = matrix.slice();
    const { values: found, vectors } = symmetricEigen(matrix, n);
    const scale = Math.max(1e-300, ...values.map(Math.abs));
    t.ok(
      farthest(
        found,
        [...values].sort((a, b) => b - a),
      ) <=
        1e-13 * scale,
      name,
    );
    for (const [k, vector] of vectors.entries()) {
      const rows = Array.from({ length: n }, (_, i) => dot(matrix.subarray(i * n, (i + 1) * n), vector));
      t.ok(
        farthest(
          rows,
          vector.map((value) => value * found[k]),
        ) <=
          1e-13 * scale,
        `${name}: A v = ${found[k]} v`,
      );
      t.ok(
        farthest(
          vectors.map((other) => dot(other, vector)),
          vectors.map((_, j) => Number(j === k)),
        ) < 1e-13,
      );
    }
    t.same(matrix, before, 'the matrix is as it was');
  }
  t.throws(() => symmetricEigen(Float64Array.of(1, NaN, NaN, 1), 2), /the number in row 0, column 1 is NaN/);
});

void t.test('components of points by hand: the mean goes, the longest spread comes first', (t) => {
  // Around (10, 20): far along (3, 4) / 5, near across it; the covariance is that of an ellipse.
  const points = [
    [3, 4],
    [-3, -4],
    [0.8, -0.6],
    [-0.8, 0.6],
  ].map(([x, y]) => [10 + x, 20 + y]);
  const { rows, directions, mean, kept, count } = principalComponents(Float32Array.from(points.flat()), 2, 2);
  t.ok(farthest(mean, [10, 20]) < 1e-6);
  t.ok(farthest(directions[0], [0.6, 0.8]) < 1e-6 && farthest(directions[1], [0.8, -0.6]) < 1e-6);
  t.ok(farthest(rows, [5, 0, -5, 0, 0, 1, 0, -1]) < 1e-5, rows.join());
  t.same([kept, count], [1, 2]);
  const one = principalComponents(Float32Array.from(points.flat()), 2, 1);
  t.ok(farthest(one.rows, [5, -5, 0, 0]) < 1e-5);
  t.ok(Math.abs(one.kept - 50 / 52) < 1e-7, `${one.kept}`);
  t.equal(principalComponents(Float32Array.of(1, 2), 2, 9).count, 2, 'no more than there are');
  t.same([...principalComponents(Float32Array.of(1, 2), 2, 1).rows], [0], 'of one row nothing is left');
  t.throws(() => principalComponents(Float32Array.of(1, 2, 3), 2, 1), /3 numbers are no rows of 2/);
  t.throws(() => principalComponents(new Float32Array(0), 2, 1), /0 numbers are no rows of 2/);
  t.end();
});

void t.test(
  'components of many rows: variances are those of a naive covariance, and what is between them is none',
  (t) => {
    const [n, width] = [103, 7];
    const random = new Random(8);
    const x = new Float32Array(n * width);
    random.normals(x, 1);
    for (let at = 0; at < x.length; at++) x[at] = x[at] * (1 + (at % width)) + x[at - 1 < 0 ? 0 : at - 1] / 2;
    const column = (i: number) => Array.from({ length: n }, (_, row) => x[row * width + i]);
    const centred = Array.from({ length: width }, (_, i) => {
      const values = column(i);
      const mean = values.reduce((sum, value) => sum + value, 0) / n;
      return values.map((value) => value - mean);
    });
    const { rows, directions, kept } = principalComponents(x, width, 3);
    const total = centred.reduce((sum, each) => sum + dot(each, each), 0);
    const found = Array.from({ length: 3 }, (_, k) => Array.from({ length: n }, (__, row) => rows[row * 3 + k]));
    t.ok(Math.abs(kept - found.reduce((sum, each) => sum + dot(each, each), 0) / total) < 1e-12, `${kept}`);
    for (const [k, direction] of directions.entries()) {
      // C v = lambda v, with C the covariance and lambda the variance along v.
      const spread = dot(found[k], found[k]);
      const product = centred.map((one) =>
        dot(
          centred.map((other) => dot(one, other)),
          direction,
        ),
      );
      t.ok(
        farthest(
          product,
          direction.map((value) => value * spread),
        ) <
          1e-9 * total,
        `component ${k}`,
      );
      t.ok(direction[direction.map(Math.abs).indexOf(Math.max(...direction.map(Math.abs)))] > 0, 'upright');
    }
    t.ok(Math.abs(dot(found[0], found[1])) < 1e-9 * total);
    t.end();
  },
);

const words = [
  '[PAD]',
  '[unused0]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  '[MASK]',
  'air',
  'flow',
  'wing',
  '##s',
  'heat',
  '[unused1]',
];
const tokenizer = WordPiece.fromVocab(words);
const ORDINARY = [6, 7, 8, 9, 10];

function newModel(): BertForMaskedLM {
  const dimensions = { hidden_size: 8, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 12 };
  const config = bertConfig({ vocab_size: 14, max_position_embeddings: 16, initializer_range: 0.4, ...dimensions });
  return new BertForMaskedLM(config, new Random(5));
}

/** The rows of ordinary tokens as the method says, one by one: their vectors, less the mean, along the components, weighed. */
async function naiveRows(dims: number, probabilities: readonly number[], sif: number, steps: readonly VectorStep[]) {
  const encoder = new BertEncoder(newModel(), tokenizer, { pooling: 'mean', steps });
  const alone: number[][] = [];
  for (const id of ORDINARY) {
    const one = { ...{ cls: tokenizer.cls, sep: tokenizer.sep }, encode: () => [id] };
    alone.push([...(await new BertEncoder(newModel(), one, { pooling: 'mean', steps }).encode(['']))]);
  }
  const { dim } = encoder;
  const mean = Array.from({ length: dim }, (_, i) => alone.reduce((sum, each) => sum + each[i], 0) / alone.length);
  const { directions } = principalComponents(Float32Array.from(alone.flat()), dim, dims);
  return alone.map((each, n) =>
    directions.map(
      (direction) =>
        (dot(
          each.map((value, i) => value - mean[i]),
          direction,
        ) *
          sif) /
        (sif + probabilities[n]),
    ),
  );
}

async function tableOf(options: Parameters<typeof distillStatic>[2], steps: readonly VectorStep[] = []) {
  const distilled = await distillStatic({ model: pooledBert(newModel(), 'mean'), steps }, tokenizer, options);
  const values = [...(await distilled.model.embedding.weight.read())];
  const { dim } = distilled.model;
  return { ...distilled, dim, rows: words.map((_, id) => values.slice(id * dim, (id + 1) * dim)) };
}

void t.test('every row is what the method says', async (t) => {
  const inverse = ORDINARY.map((_, n) => 1 / (n + 2));
  const total = inverse.reduce((sum, value) => sum + value, 0);
  const zipf = inverse.map((value) => value / total);
  const counts = [0, 50, 9, 0, 70, 0, 6, 3, 0, 1, 0, 90];
  const counted = [0.6, 0.3, 0, 0.1, 0];
  const halved: VectorStep = (x) => x.map((value) => value / 2);
  const cases = {
    'by Zipf’s law': [{ dims: 3 }, zipf, 1e-4, []],
    'by counts, and another a': [{ dims: 3, frequencies: counts, sif: 0.01 }, counted, 0.01, []],
    'after the steps, but the last scaling': [{ dims: 2 }, zipf, 1e-4, [halved, unitLength]],
    'a scaling that is not the last stays': [{ dims: 2 }, zipf, 1e-4, [unitLength, halved]],
  } as const;
  for (const [name, [options, probabilities, sif, steps]] of Object.entries(cases)) {
    const { rows, dim, tokens, kept } = await tableOf(options, steps);
    const naive = await naiveRows(options.dims, probabilities, sif, steps.at(-1) === unitLength ? [halved] : steps);
    t.same([dim, tokens], [options.dims, 5]);
    t.ok(kept > 0.3 && kept < 1, `${kept}`);
    const scale = Math.max(...naive.flat().map(Math.abs));
    ORDINARY.forEach((id, n) => t.ok(farthest(rows[id], naive[n]) < 1e-5 * scale, `${name}: ${words[id]}`));
    const others = rows.filter((_, id) => !ORDINARY.includes(id)).flat();
    t.ok(
      others.every((value) => value === 0),
      'special and unused tokens are zeros',
    );
  }
  const seen: [number, number][] = [];
  const { dim, kept } = await tableOf({ onProgress: (done, all) => void seen.push([done, all]) });
  t.same([dim, seen], [8, [[5, 5]]], 'at most as wide as the encoder');
  t.ok(Math.abs(kept - 1) < 1e-12);
});

void t.test('a text is the mean of its tokens, scaled to length 1', async (t) => {
  const { model, rows } = await tableOf({ dims: 4 });
  const [vector] = [await new ModelEncoder(model, tokenizer).encode(['air flows'])];
  const mean = [0, 1, 2, 3].map((i) => (rows[6][i] + rows[7][i] + rows[9][i]) / 3);
  const length = Math.hypot(...mean);
  t.ok(
    farthest(
      vector,
      mean.map((value) => value / length),
    ) < 1e-6,
  );
});

void t.test('what cannot be', async (t) => {
  const model = pooledBert(newModel());
  const distil = (options: Parameters<typeof distillStatic>[2], own = tokenizer) =>
    distillStatic({ model }, own, options);
  await t.rejects(distil({ dims: 0 }), /dims is 0, expected a whole number of at least 1/);
  await t.rejects(distil({ dims: 1.5 }), /dims is 1\.5/);
  await t.rejects(distil({ sif: 0 }), /sif is 0, expected a number above 0/);
  await t.rejects(distil({ frequencies: [1, 2] }), /there are 2 counts, but the tokenizer has 12 tokens/);
  const broken: VectorStep = (x) => x.map((value, i) => (i === 3 ? value / 0 : value));
  await t.rejects(
    distillStatic({ model, steps: [broken] }, tokenizer),
    /the vector of air has a number that is -?Infinity; the weights of the model are damaged/,
  );
  await t.rejects(distil({}, WordPiece.fromVocab(words.slice(0, 6))), /the vocabulary of 6 tokens has none/);
});
