// The test table of the kernels that see their arrays flat: elementwise ones and the optimizer.
import * as kernels from '../../kernels/library/index.js';
import type { Kernel } from '../../kernels/kernel.js';
import { vector, type Random } from '../support/random.js';
import { sized, type Operands, type Recipe } from './case.js';
import { rowsById, scattered } from './cases-movement.js';

const flat = [[0], [1], [3], [64], [1001], [4096]];
const tables = [
  [0, 5],
  [1, 1],
  [3, 7],
  [40, 65],
  [2, 3000],
  [1, 4097],
];

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

/** An optimizer's step on n rows, but for its gradient. */
function adamWOperands(random: Random, n: number, width: number): Operands {
  const table = [n, width];
  const step = 1 + random.integer(50);
  return {
    inputs: {
      p: random.array(table),
      m: random.array(table, () => random.normal() * 0.1),
      v: random.array(table, () => random.between(0.01, 0.1)),
      factor: vector([random.next()]),
      lr: 1e-2,
      beta1: 0.9,
      beta2: 0.999,
      eps: 1e-8,
      decay: 0.01,
      correction1: 1 - 0.9 ** step,
      correction2: 1 - 0.999 ** step,
    },
    outputs: { p: table, m: table, v: table },
  };
}

export const flatRecipes: readonly Recipe[] = [
  unary(kernels.copy, 0, (random) => random.normal()),
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
  sized(kernels.addTo, 1e-6, [500], flat, (random, n) => ({
    inputs: { y: random.array([n]), x: random.array([n]) },
    outputs: { y: [n] },
  })),
  sized(kernels.scaleBy, 1e-6, [500], flat, (random, n) => ({
    inputs: { y: random.array([n]), factor: vector([n === 64 ? 1 : random.normal()]) },
    outputs: { y: [n] },
  })),
  whole(kernels.maximum),
  whole(kernels.greaterEqual),
  sized(kernels.affine, 1e-6, [500], flat, (random, n) => ({
    inputs: { x: random.array([n]), scale: random.normal(), shift: random.normal() },
    outputs: { y: [n] },
  })),
  sized(kernels.addScaled, 1e-6, [500], flat, (random, n) => ({
    inputs: { y: random.array([n]), x: random.array([n]), factor: vector([random.normal()]) },
    outputs: { y: [n] },
  })),
  sized(kernels.sumOfSquares, 1e-6, [20, 50], tables, (random, rows, columns) => ({
    inputs: { g: random.array([rows, columns]), total: vector([random.next()]), rows, columns },
    outputs: { total: [1] },
  })),
  sized(kernels.sumOfSquaresRows, 1e-6, [40, 20, 20], scattered, (random, rows, columns, n) => ({
    inputs: { ...rowsById(random, rows, columns, n), total: vector([random.next()]), rows, columns },
    outputs: { total: [1] },
  })),
  sized(kernels.clipFactor, 1e-6, [3], [[0], [1], [9]], (random, size) => ({
    inputs: { total: vector([size * size * random.between(0.8, 1.2)]), limit: 1 },
    outputs: { factor: [1] },
  })),
  sized(kernels.adamW, 1e-6, [20, 50], tables, (random, rows, columns) => {
    const { inputs, outputs } = adamWOperands(random, rows, columns);
    return { inputs: { ...inputs, g: random.array([rows, columns]) }, outputs };
  }),
  sized(kernels.adamWRows, 1e-6, [40, 20, 20], scattered, (random, rows, columns, n) => {
    const { inputs, outputs } = adamWOperands(random, rows, columns);
    return { inputs: { ...inputs, ...rowsById(random, rows, columns, n) }, outputs };
  }),
];
