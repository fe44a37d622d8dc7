// The test table of reductions, matrix products and row-wise kernels.
import * as kernels from '../../kernels/library/index.js';
import type { Dims, Kernel } from '../../kernels/kernel.js';
import { Random } from '../support/random.js';
import { forward, sized, type Case, type Operands, type Recipe } from './case.js';

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

/** More than WebGPU dispatches along an axis. */
const manyPlanes = 70_000;

/** `aDims` and `bDims` give the extents of the factors from batch, m, n and k. */
const product = (
  kernel: Kernel,
  aDims: (b: number, m: number, k: number) => Dims,
  bDims: (b: number, n: number, k: number) => Dims,
  more: number[][] = [],
): Recipe =>
  sized(kernel, 2e-6, [3, 20, 20, 40], [...products, ...more], (random, b, m, n, k) => ({
    inputs: { a: random.array(aDims(b, m, k)), b: random.array(bDims(b, n, k)), k },
    outputs: { y: [b, m, n] },
  }));

/** The same product, added to what y is. */
const added = (kernel: Kernel, plain: Recipe): Recipe => {
  const add = (random: Random, item: Case): Case => {
    const inputs = { ...item.inputs, y: random.array(item.outputs.y) };
    return { ...item, kernel, inputs };
  };
  return {
    kernel,
    table: (seed) => plain.table(seed).map((item, i) => add(new Random(seed * 1000 + i), item)),
    draw: (random) => add(random, plain.draw(random)),
  };
};

const productNN = product(
  kernels.matmulNN,
  (b, m, k) => [b, m, k],
  (b, n, k) => [b, k, n],
  [[manyPlanes, 1, 2, 1]],
);
const productTN = product(
  kernels.matmulTN,
  (b, m, k) => [b, k, m],
  (b, n, k) => [b, k, n],
);

export const rows = [
  [0, 5],
  [1, 2],
  [3, 7],
  [5, 64],
  [9, 130],
  [2, 2100],
];

/** Rows, columns that are not taken, columns that are. */
const largest = [
  [0, 3, 2],
  [1, 0, 1],
  [3, 0, 7],
  [5, 64, 1],
  [9, 130, 64],
];

/** Values of the whole range where GELU bends; one is away from the tail, where 1 + erf(x) is all rounding. */
const biasGeluOperands = (random: Random, n: number, width: number) => ({
  x: random.array([n, width], (cell) => (cell === 0 ? 1 : random.between(-6, 6))),
  bias: random.array([width], () => 0.1 * random.normal()),
});

export function dropoutOperands(random: Random, n: number, width: number, percent: number): Operands {
  return {
    inputs: { x: random.array([n, width]), p: percent / 100, key: random.integer(2 ** 24) },
    outputs: { y: [n, width] },
  };
}

export const rowRecipes: readonly Recipe[] = [
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
  productNN,
  added(kernels.addMatmulNN, productNN),
  product(
    kernels.matmulNT,
    (b, m, k) => [b, m, k],
    (b, n, k) => [b, n, k],
  ),
  productTN,
  added(kernels.addMatmulTN, productTN),
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
      inputs: { x: random.array([n, k]), w: random.array([m, k]), bias: random.array([m]), k },
      outputs: { y: [n, m] },
    }),
  ),
  sized(kernels.biasGelu, 1e-6, [10, 100], rows, (random, n, width) => ({
    inputs: biasGeluOperands(random, n, width),
    outputs: { y: [n, width] },
  })),
  sized(kernels.biasGeluSlope, 1e-6, [10, 100], rows, (random, n, width) => ({
    inputs: biasGeluOperands(random, n, width),
    outputs: { y: [n, width], slope: [n, width] },
  })),
  sized(kernels.biasGeluGradient, 1e-6, [200, 100], [...rows, [64, 3], [5000, 3]], (random, n, width) => ({
    inputs: { dy: random.array([n, width], () => 0.5 + random.normal()), slope: random.array([n, width]), rows: n },
    outputs: { dx: [n, width], dbias: [width] },
  })),
  sized(kernels.softmax, 4e-6, [10, 100], [...rows, [3, 1]], (random, n, width) => ({
    inputs: { x: random.array([n, width], () => 3 * random.normal()), n: width },
    outputs: { y: [n, width] },
  })),
  sized(kernels.softmaxGradient, 4e-6, [10, 100], rows, (random, n, width) => {
    const x = random.array([n, width]);
    const { y } = forward(kernels.softmax, { inputs: { x, n: width }, outputs: { y: [n, width] } });
    return { inputs: { y, dy: random.array([n, width]), n: width }, outputs: { dx: [n, width] } };
  }),
  sized(kernels.topK, 0, [10, 60, 20], largest, (random, n, width, count) => ({
    // Of few values, so that many are equal.
    inputs: { x: random.array([n, width + count], () => random.integer(20)), n: width + count },
    outputs: { y: [n, count], ids: [n, count] },
  })),
  sized(kernels.topKGradient, 0, [10, 60, 20], largest, (random, n, width, count) => {
    const shape = [n, count];
    const x = random.array([n, width + count]);
    const { ids } = forward(kernels.topK, { inputs: { x, n: width + count }, outputs: { y: shape, ids: shape } });
    return { inputs: { dy: random.array(shape), ids, count }, outputs: { dx: [n, width + count] } };
  }),
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
];
