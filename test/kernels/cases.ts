// The test table of all kernels: which shapes each one is tried on, and values that make sense to it.
import * as kernels from '../../kernels/library/index.js';
import type { Dims, Kernel } from '../../kernels/kernel.js';
import { vector, type Operand, type Random } from '../support/random.js';
import { forward, recipe, type Case, type Operands, type Recipe } from './case.js';
import { attentionRecipes } from './cases-attention.js';

/** Every kernel of the library by its name. */
export const library: ReadonlyMap<string, Kernel> = new Map(
  Object.values(kernels as unknown as Record<string, Kernel>).map((kernel) => [kernel.name, kernel]),
);

/** A recipe whose shapes are a few extents each; random shapes have every extent from 1 to its limit. */
function sized(
  kernel: Kernel,
  tolerance: number,
  limits: readonly number[],
  shapes: readonly (readonly number[])[],
  make: (random: Random, ...extents: number[]) => Operands,
): Recipe {
  const draw = (random: Random) => limits.map((limit) => 1 + random.integer(limit));
  return recipe(kernel, tolerance, shapes, draw, (random, shape) => make(random, ...shape));
}

const flat = [[0], [1], [3], [64], [1001], [4096]];

const unary = (kernel: Kernel, tolerance: number, law: (random: Random, cell: number) => number): Recipe =>
  sized(kernel, tolerance, [500], flat, (random, n) => ({
    inputs: { x: random.array([n], (cell) => law(random, cell)) },
    outputs: { y: [n] },
  }));

const binary = (kernel: Kernel, tolerance: number, lawOfB = (random: Random) => random.normal()): Recipe =>
  sized(kernel, tolerance, [500], flat, (random, n) => ({
    inputs: { a: random.array([n]), b: random.array([n], () => lawOfB(random)) },
    outputs: { y: [n] },
  }));

/** Small whole numbers: half of all comparisons are between equals or neighbours. */
const whole = (kernel: Kernel): Recipe =>
  sized(kernel, 0, [500], flat, (random, n) => ({
    inputs: {
      a: random.array([n], () => random.integer(5) - 2),
      b: random.array([n], () => random.integer(5) - 2),
    },
    outputs: { y: [n] },
  }));

const products = [
  [1, 1, 1, 1],
  [2, 0, 3, 4],
  [1, 2, 3, 0],
  [1, 5, 7, 3],
  [3, 16, 16, 16],
  [2, 17, 33, 65],
  [1, 3, 2, 1300],
  [5, 8, 64, 20],
];

/** `aDims` and `cDims` give the extents of the factors from batch, m, n and k. */
const product = (
  kernel: Kernel,
  aDims: (b: number, m: number, k: number) => Dims,
  cDims: (b: number, n: number, k: number) => Dims,
): Recipe =>
  sized(kernel, 2e-6, [3, 20, 20, 40], products, (random, b, m, n, k) => ({
    inputs: { a: random.array(aDims(b, m, k)), c: random.array(cDims(b, n, k)), n: k },
    outputs: { y: [b, m, n] },
  }));

interface Arrangement {
  /** Extents of the four source axes. */
  from: number[];
  /** Output axis that each source axis follows; -1 for a source axis of extent 1 that is dropped. */
  follows: number[];
  /** Extents of output axes that no source axis follows. */
  repeat?: Record<number, number>;
}

function arrangement(random: Random, { from, follows, repeat = {} }: Arrangement): Operands {
  const to = [0, 1, 2, 3].map((axis) => repeat[axis] ?? from[follows.indexOf(axis)] ?? 1);
  const factors: Record<string, number> = {};
  const rows = [
    ['i', 0, from[1]],
    ['i', 1, 1],
    ['j', 2, 1],
    ['k', 3, 1],
  ] as const;
  for (const letter of 'ijk') for (const axis of [0, 1, 2, 3]) factors[letter + axis] = 0;
  for (const [letter, source, stride] of rows) if (follows[source] >= 0) factors[letter + follows[source]] = stride;
  return {
    inputs: { x: random.array([from[0] * from[1], from[2], from[3]]), depth: to[1], ...factors },
    outputs: { y: [to[0] * to[1], to[2], to[3]] },
  };
}

function drawArrangement(random: Random): Arrangement {
  const follows = random.shuffle([0, 1, 2, 3]);
  const from = follows.map(() => 1 + random.integer(6));
  const dropped = random.integer(5);
  if (dropped === 4) return { from, follows };
  from[dropped] = 1;
  return { from, follows: follows.with(dropped, -1), repeat: { [follows[dropped]]: 1 + random.integer(6) } };
}

/** Ids turned round for `scatter`: rows sorted by id, and where each id starts. */
function turnRound(ids: Float32Array, words: number): { order: Operand; starts: Operand } {
  const order = [...ids.keys()].sort((a, b) => ids[a] - ids[b] || a - b);
  const starts = new Array<number>(words + 1).fill(0);
  for (const id of ids) starts[id + 1]++;
  for (let v = 0; v < words; v++) starts[v + 1] += starts[v];
  return { order: vector(order), starts: vector(starts) };
}

const rows = [
  [0, 5],
  [1, 2],
  [3, 7],
  [5, 64],
  [9, 130],
  [2, 2100],
];

const norm = { eps: 1e-12 };

/** Rows of x with an offset, as activations have it. */
const activations = (random: Random, dims: Dims) => random.array(dims, () => 0.5 + random.normal());

function layerNormOperands(random: Random, n: number, width: number): Operands {
  return {
    inputs: {
      x: activations(random, [n, width]),
      gain: random.array([width], () => random.between(0.5, 1.5)),
      bias: random.array([width]),
      n: width,
      ...norm,
    },
    outputs: { y: [n, width], mean: [n], inverse: [n] },
  };
}

function layerNormGradientOperands(random: Random, n: number, width: number): Operands {
  const operands = layerNormOperands(random, n, width);
  const { mean, inverse } = forward(kernels.layerNorm, operands);
  const { x, gain } = operands.inputs;
  return {
    inputs: { dy: random.array([n, width]), x, mean, inverse, gain, n: width, rows: n },
    outputs: { dx: [n, width], dgain: [width], dbias: [width] },
  };
}

function dropoutOperands(random: Random, n: number, width: number, percent: number): Operands {
  return {
    inputs: { x: random.array([n, width]), p: percent / 100, key: random.integer(2 ** 24) },
    outputs: { y: [n, width] },
  };
}

/** Hidden rows, table, bias: the tied output layer. */
const outputLayer = (random: Random, n: number, width: number, words: number) => ({
  x: random.array([n, width], () => random.normal() * 0.5),
  table: random.array([words, width]),
  bias: random.array([words]),
});

const vocabularies = [
  [0, 4, 10],
  [1, 1, 1],
  [1, 8, 1],
  [3, 5, 17],
  [6, 32, 100],
  [4, 16, 2050],
];

function crossEntropyOperands(random: Random, n: number, width: number, words: number): Operands {
  return {
    inputs: {
      ...outputLayer(random, n, width, words),
      labels: random.array([n], () => random.integer(words)),
      width,
      words,
    },
    outputs: { nll: [n], hit: [n] },
  };
}

function crossEntropyGradientOperands(random: Random, n: number, width: number, words: number): Operands {
  const { inputs, outputs } = crossEntropyOperands(random, n, width, words);
  return {
    inputs: { ...inputs, rows: n, scale: 0.25 },
    outputs: { ...outputs, dx: [n, width], dtable: [words, width], dbias: [words] },
  };
}

/** Sequences of 2 to 8 rows each; shapes are [sequences, width, words]. */
function sequences(random: Random, count: number): { offsets: number[]; sequence: number[] } {
  const lengths = Array.from({ length: count }, () => 2 + random.integer(7));
  const offsets = lengths.reduce((ends, length) => [...ends, ends.at(-1)! + length], [0]);
  return { offsets, sequence: lengths.flatMap((length, b) => new Array<number>(length).fill(b)) };
}

const bags = [
  [1, 1, 1],
  [1, 4, 9],
  [3, 8, 33],
  [4, 16, 1030],
];

function bagOperands(random: Random, count: number, width: number, words: number): Operands {
  const { offsets } = sequences(random, count);
  return {
    inputs: { ...outputLayer(random, offsets[count], width, words), offsets: vector(offsets), skip: 1, width },
    outputs: { top: [count, words], row: [count, words] },
  };
}

function bagGradientOperands(random: Random, count: number, width: number, words: number): Operands {
  const { offsets, sequence } = sequences(random, count);
  const length = offsets[count];
  const rowOf = (b: number) => offsets[b] + 1 + random.integer(offsets[b + 1] - offsets[b] - 1);
  return {
    inputs: {
      dtop: random.array([count, words]),
      row: random.array([count, words], (cell) => rowOf(Math.floor(cell / words))),
      x: random.array([length, width]),
      table: random.array([words, width]),
      sequence: vector(sequence),
      words,
      sequences: count,
    },
    outputs: { dx: [length, width], dtable: [words, width], dbias: [words] },
  };
}

function adamWOperands(random: Random, n: number): Operands {
  const step = 1 + random.integer(50);
  return {
    inputs: {
      p: random.array([n]),
      m: random.array([n], () => random.normal() * 0.1),
      v: random.array([n], () => random.between(0.01, 0.1)),
      g: random.array([n]),
      factor: vector([random.next()]),
      lr: 1e-2,
      beta1: 0.9,
      beta2: 0.999,
      eps: 1e-8,
      decay: 0.01,
      correction1: 1 - 0.9 ** step,
      correction2: 1 - 0.999 ** step,
    },
    outputs: { p: [n], m: [n], v: [n] },
  };
}

export const recipes: readonly Recipe[] = [
  unary(kernels.exp, 4e-6, (random) => random.between(-8, 8)),
  unary(kernels.log, 1e-6, (random) => Math.exp(random.between(-8, 8))),
  unary(kernels.sqrt, 1e-6, (random) => random.between(0, 9)),
  unary(kernels.tanh, 4e-6, (random) => random.normal() * (random.next() < 0.1 ? 100 : 1)),
  unary(kernels.erfMap, 2e-6, (random) => random.between(-7, 7)),
  // One value is away from the tail, where 1 + erf(x) is all rounding.
  unary(kernels.gelu, 1e-6, (random, cell) => (cell === 0 ? 1 : random.between(-7, 7))),
  binary(kernels.geluGradient, 2e-6),
  binary(kernels.add, 1e-6),
  binary(kernels.sub, 1e-6),
  binary(kernels.mul, 1e-6),
  binary(kernels.div, 1e-6, (random) => random.between(0.5, 2) * (random.next() < 0.5 ? -1 : 1)),
  whole(kernels.maximum),
  whole(kernels.greaterEqual),
  sized(kernels.affine, 1e-6, [500], flat, (random, n) => ({
    inputs: { x: random.array([n]), scale: random.normal(), shift: random.normal() },
    outputs: { y: [n] },
  })),
  recipe(
    kernels.arrange,
    0,
    [
      { from: [1, 1, 1, 1], follows: [0, 1, 2, 3] },
      { from: [2, 3, 4, 5], follows: [0, 1, 2, 3] },
      { from: [2, 3, 4, 5], follows: [3, 2, 1, 0] },
      { from: [3, 7, 4, 16], follows: [0, 2, 1, 3] },
      { from: [1, 1, 33, 65], follows: [0, 1, 3, 2] },
      { from: [4, 3, 1, 6], follows: [0, 1, -1, 3], repeat: { 2: 5 } },
      { from: [1, 1, 1, 6], follows: [-1, -1, -1, 1], repeat: { 0: 3, 2: 2, 3: 5 } },
      { from: [2, 3, 0, 5], follows: [0, 1, 2, 3] },
    ],
    drawArrangement,
    arrangement,
  ),
  sized(
    kernels.concat,
    0,
    [10, 10, 40],
    [
      [2, 0, 3],
      [0, 2, 3],
      [1, 1, 1],
      [7, 4, 33],
    ],
    (random, n, m, width) => ({
      inputs: { a: random.array([n, width]), b: random.array([m, width]), n },
      outputs: { y: [n + m, width] },
    }),
  ),
  sized(
    kernels.gather,
    0,
    [40, 20, 20],
    [
      [5, 3, 0],
      [1, 1, 1],
      [30, 16, 7],
      [1000, 33, 65],
    ],
    (random, words, width, n) => ({
      inputs: { table: random.array([words, width]), ids: random.array([n], () => random.integer(words)) },
      outputs: { y: [n, width] },
    }),
  ),
  sized(
    kernels.scatter,
    1e-6,
    [40, 20, 20],
    [
      [5, 3, 0],
      [1, 1, 1],
      [9, 5, 70],
      [300, 33, 65],
    ],
    (random, words, width, n) => ({
      inputs: {
        x: random.array([n, width]),
        ...turnRound(random.array([n], () => random.integer(words)).data, words),
      },
      outputs: { y: [words, width] },
    }),
  ),
  sized(
    kernels.sum,
    1e-6,
    [5, 200, 20],
    [
      [0, 4, 3],
      [2, 0, 3],
      [1, 1, 1],
      [3, 64, 5],
      [2, 65, 7],
      [1, 5000, 3],
      [4, 130, 1],
    ],
    (random, outer, n, inner) => ({
      inputs: { x: random.array([outer, n, inner], () => 0.5 + random.normal()), n },
      outputs: { y: [outer, inner] },
    }),
  ),
  sized(
    kernels.max,
    0,
    [5, 200, 20],
    [
      [0, 4, 3],
      [1, 1, 1],
      [3, 64, 5],
      [2, 65, 7],
      [1, 3000, 3],
      [4, 130, 1],
    ],
    (random, outer, n, inner) => ({
      inputs: { x: random.array([outer, n, inner]), n },
      outputs: { y: [outer, inner] },
    }),
  ),
  product(
    kernels.matmulNN,
    (b, m, k) => [b, m, k],
    (b, n, k) => [b, k, n],
  ),
  product(
    kernels.matmulNT,
    (b, m, k) => [b, m, k],
    (b, n, k) => [b, n, k],
  ),
  product(
    kernels.matmulTN,
    (b, m, k) => [b, k, m],
    (b, n, k) => [b, k, n],
  ),
  product(
    kernels.matmulTT,
    (b, m, k) => [b, k, m],
    (b, n, k) => [b, n, k],
  ),
  sized(
    kernels.linear,
    2e-6,
    [20, 20, 40],
    [
      [0, 3, 4],
      [1, 1, 1],
      [5, 7, 3],
      [17, 33, 65],
      [3, 2, 1300],
    ],
    (random, n, m, k) => ({
      inputs: { x: random.array([n, k]), w: random.array([m, k]), bias: random.array([m]), n: k },
      outputs: { y: [n, m] },
    }),
  ),
  sized(kernels.softmax, 4e-6, [10, 100], [...rows, [3, 1]], (random, n, width) => ({
    inputs: { x: random.array([n, width], () => 3 * random.normal()), n: width },
    outputs: { y: [n, width] },
  })),
  sized(kernels.softmaxGradient, 4e-6, [10, 100], rows, (random, n, width) => {
    const x = random.array([n, width]);
    const { y } = forward(kernels.softmax, { inputs: { x, n: width }, outputs: { y: [n, width] } });
    return { inputs: { y, dy: random.array([n, width]), n: width }, outputs: { dx: [n, width] } };
  }),
  recipe(kernels.layerNorm, 4e-6, rows, drawRows, (random, [n, width]) => layerNormOperands(random, n, width)),
  recipe(
    kernels.layerNormGradient,
    1e-5,
    rows.filter(([, width]) => width > 2),
    drawRows,
    (random, [n, width]) => layerNormGradientOperands(random, n, width),
  ),
  sized(
    kernels.dropout,
    1e-6,
    [10, 100, 90],
    [
      [0, 5, 10],
      [1, 1, 0],
      [7, 33, 0],
      [7, 33, 10],
      [3, 1500, 50],
    ],
    dropoutOperands,
  ),
  sized(
    kernels.dropoutAddNorm,
    4e-6,
    [10, 100, 90],
    [
      [0, 5, 10],
      [1, 2, 0],
      [7, 33, 0],
      [7, 33, 10],
      [2, 768, 10],
    ],
    (random, n, width, percent) => {
      const { x, p, key } = dropoutOperands(random, n, width + 1, percent).inputs;
      const { inputs, outputs } = layerNormOperands(random, n, width + 1);
      return { inputs: { ...inputs, residual: inputs.x, x, p, key }, outputs: { ...outputs, total: [n, width + 1] } };
    },
  ),
  ...attentionRecipes,
  sized(kernels.crossEntropy, 4e-6, [8, 16, 60], vocabularies, crossEntropyOperands),
  sized(kernels.crossEntropyGradient, 1e-5, [8, 16, 60], vocabularies, crossEntropyGradientOperands),
  sized(kernels.vocabularyMax, 2e-6, [4, 16, 60], bags, bagOperands),
  sized(kernels.vocabularyMaxGradient, 2e-6, [4, 16, 60], bags, bagGradientOperands),
  sized(
    kernels.sumOfSquares,
    1e-6,
    [20, 50],
    [
      [0, 5],
      [1, 1],
      [3, 7],
      [40, 65],
      [2, 3000],
    ],
    (random, n, width) => ({
      inputs: { x: random.array([n, width]), before: vector([random.next()]), rows: n, columns: width },
      outputs: { total: [1] },
    }),
  ),
  sized(kernels.clipFactor, 1e-6, [3], [[0], [1], [9]], (random, size) => ({
    inputs: { total: vector([size * size * random.between(0.8, 1.2)]), limit: 1 },
    outputs: { factor: [1] },
  })),
  sized(kernels.adamW, 1e-6, [300], flat, adamWOperands),
];

/** At least two columns: a row of one has no spread, and dividing by it is noise. */
function drawRows(random: Random): number[] {
  return [1 + random.integer(10), 3 + random.integer(100)];
}

/** All cases of all kernels, with values from `seed`. */
export const allCases = (seed = 1): Case[] => recipes.flatMap((entry) => entry.table(seed));
