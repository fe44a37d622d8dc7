// The test table of the kernels that see their arrays flat: elementwise ones and the optimizer.
import * as kernels from '../../kernels/library/index.js';
import type { Kernel } from '../../kernels/kernel.js';
import { isMap } from '../../kernels/wasm/natives/elementwise.js';
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

type Law = (random: Random, cell: number) => number;

/** Half of all comparisons are between equals or neighbours. */
const smallWhole: Law = (random) => random.integer(5) - 2;

/** What maps need that are not right to 1e-6 of the largest value for normal numbers. */
const special: Record<string, { tolerance?: number; x?: Law; a?: Law; b?: Law }> = {
  copy: { tolerance: 0 },
  exp: { tolerance: 4e-6, x: (random) => random.between(-8, 8) },
  log: { x: (random) => Math.exp(random.between(-8, 8)) },
  sqrt: { x: (random) => random.between(0, 9) },
  tanh: { tolerance: 4e-6, x: (random) => random.normal() * (random.next() < 0.1 ? 100 : 1) },
  erf: { tolerance: 2e-6, x: (random) => random.between(-7, 7) },
  // One value is away from the tail, where 1 + erf(x) is all rounding.
  gelu: { x: (random, cell) => (cell === 0 ? 1 : random.between(-7, 7)) },
  geluGradient: { tolerance: 2e-6 },
  div: { b: (random) => random.between(0.5, 2) * (random.next() < 0.5 ? -1 : 1) },
  maximum: { tolerance: 0, a: smallWhole, b: smallWhole },
  greaterEqual: { tolerance: 0, a: smallWhole, b: smallWhole },
};

/** Every kernel of the library that is y = f(x) or y = f(a, b). */
const maps = Object.values(kernels as unknown as Record<string, Kernel>)
  .filter(isMap)
  .map((kernel) => {
    const { tolerance = 1e-6, ...laws } = special[kernel.name] ?? {};
    const names = Object.keys(kernel.inputs) as (keyof typeof laws)[];
    return sized(kernel, tolerance, [500], flat, (random, n) => {
      const draw = (law: Law = (source) => source.normal()) => random.array([n], (cell) => law(random, cell));
      return { inputs: Object.fromEntries(names.map((name) => [name, draw(laws[name])])), outputs: { y: [n] } };
    });
  });

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
  ...maps,
  sized(kernels.addTo, 1e-6, [500], flat, (random, n) => ({
    inputs: { y: random.array([n]), x: random.array([n]) },
    outputs: { y: [n] },
  })),
  sized(kernels.scaleBy, 1e-6, [500], flat, (random, n) => ({
    inputs: { y: random.array([n]), factor: vector([n === 64 ? 1 : random.normal()]) },
    outputs: { y: [n] },
  })),
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
