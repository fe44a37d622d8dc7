// The test table of layer norm, the residual connection and the embeddings.
import * as kernels from '../../kernels/library/index.js';
import type { Dims } from '../../kernels/kernel.js';
import { vector, type Random } from '../support/random.js';
import { forward, recipe, type Operands, type Recipe } from './case.js';
import { dropoutOperands, rows } from './cases-rows.js';

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

/** At least two columns: a row of one has no spread, and dividing by it is noise. */
function drawRows(random: Random): number[] {
  return [1 + random.integer(10), 3 + random.integer(100)];
}

const drawDropped = (random: Random): number[] => [...drawRows(random), random.integer(90)];

/** Rows, columns, per cent dropped. */
const dropped = [
  [0, 5, 10],
  [1, 3, 0],
  [7, 33, 0],
  [7, 33, 10],
  [2, 768, 10],
  [130, 9, 50],
];

function residualOperands(random: Random, n: number, width: number, percent: number): Operands {
  const { x, p, key } = dropoutOperands(random, n, width, percent).inputs;
  const { inputs, outputs } = layerNormOperands(random, n, width);
  const shift = random.array([width]);
  return { inputs: { ...inputs, residual: inputs.x, x, shift, p, key }, outputs: { ...outputs, total: [n, width] } };
}

function embedOperands(random: Random, n: number, width: number, percent: number): Operands {
  const { p, key } = dropoutOperands(random, 1, 1, percent).inputs;
  const { inputs, outputs } = layerNormOperands(random, n, width);
  const { gain, bias, eps } = inputs;
  const chosen = (words: number) => vector(Array.from({ length: n }, () => random.integer(words)));
  return {
    inputs: {
      ...{ words: activations(random, [17, width]), ids: chosen(17) },
      ...{ positions: random.array([5, width]), places: chosen(5), types: random.array([2, width]) },
      ...{ gain, bias, n: width, eps, p, key },
    },
    outputs: { ...outputs, total: [n, width] },
  };
}

/** What the gradients of both read, from the results of the forward kernel. */
function gradientInputs(random: Random, n: number, width: number, results: ReturnType<typeof forward>, from: Operands) {
  const { total, mean, inverse } = results;
  const { gain, p, key } = from.inputs;
  return { dy: random.array([n, width]), total, mean, inverse, gain, n: width, rows: n, p, key };
}

export const normRecipes: readonly Recipe[] = [
  recipe(kernels.layerNorm, 4e-6, rows, drawRows, (random, [n, width]) => layerNormOperands(random, n, width)),
  recipe(
    kernels.layerNormGradient,
    1e-5,
    [...rows.filter(([, width]) => width > 2), [150, 5]],
    drawRows,
    (random, [n, width]) => layerNormGradientOperands(random, n, width),
  ),
  recipe(kernels.dropoutAddNorm, 4e-6, dropped, drawDropped, (random, [n, width, percent]) =>
    residualOperands(random, n, width, percent),
  ),
  recipe(kernels.dropoutAddNormGradient, 1e-5, dropped, drawDropped, (random, [n, width, percent]) => {
    const from = residualOperands(random, n, width, percent);
    return {
      inputs: gradientInputs(random, n, width, forward(kernels.dropoutAddNorm, from), from),
      outputs: { dresidual: [n, width], dx: [n, width], dshift: [width], dgain: [width], dbias: [width] },
    };
  }),
  recipe(kernels.embedNorm, 4e-6, dropped, drawDropped, (random, [n, width, percent]) =>
    embedOperands(random, n, width, percent),
  ),
  recipe(kernels.embedNormGradient, 1e-5, dropped, drawDropped, (random, [n, width, percent]) => {
    const from = embedOperands(random, n, width, percent);
    return {
      inputs: gradientInputs(random, n, width, forward(kernels.embedNorm, from), from),
      outputs: { dx: [n, width], dtypes: [2, width], dgain: [width], dbias: [width] },
    };
  }),
];
