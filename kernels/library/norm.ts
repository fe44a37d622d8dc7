// Layer norm and what BERT puts around it: the residual connection, and the sum of embeddings; each with its gradient.
//
// x, y [N, H]; gain, bias [H]; mean, inverse [N]; n is H, rows is N.
import { defineKernel, type Cell, type Dims, type Stage } from '../kernel.js';
import { dropoutCalls, keep } from './random.js';
import { columnSum } from './reduce.js';

function rowMean(this: Cell, x: number[][], n: number) {
  let sum = 0.0;
  for (let i = 0; i < n; i++) sum += x[this.thread.x][i];
  return sum / n;
}

function rowInverseDeviation(this: Cell, x: number[][], mean: number[], n: number, eps: number) {
  let sum = 0.0;
  for (let i = 0; i < n; i++) {
    const centred = x[this.thread.x][i] - mean[this.thread.x];
    sum += centred * centred;
  }
  return 1.0 / Math.sqrt(sum / n + eps);
}

function normalise(this: Cell, x: number[][], mean: number[], inverse: number[], gain: number[], bias: number[]) {
  const unit = (x[this.thread.y][this.thread.x] - mean[this.thread.y]) * inverse[this.thread.y];
  return unit * gain[this.thread.x] + bias[this.thread.x];
}

/** Mean and inverse deviation of the rows of an array. */
const moments = (x: string): Stage[] => [
  { out: 'mean', reads: [x, 'n'], cell: rowMean },
  { out: 'inverse', reads: [x, 'mean', 'n', 'eps'], cell: rowInverseDeviation },
];

/** Layer norm (Ba et al., 2016) with biased variance: y = (x - mean) inverse gain + bias, inverse = 1 / sqrt(var + eps). */
export const layerNorm = defineKernel({
  name: 'layerNorm',
  inputs: { x: 2, gain: 1, bias: 1, n: 0, eps: 0 },
  outputs: { y: 2, mean: 1, inverse: 1 },
  stages: [...moments('x'), { out: 'y', reads: ['x', 'mean', 'inverse', 'gain', 'bias'], cell: normalise }],
});

function averageSlope(this: Cell, dy: number[][], gain: number[], n: number) {
  let sum = 0.0;
  for (let i = 0; i < n; i++) sum += dy[this.thread.x][i] * gain[i];
  return sum / n;
}

function unitSlope(
  this: Cell,
  dy: number[][],
  x: number[][],
  mean: number[],
  inverse: number[],
  gain: number[],
  n: number,
) {
  let sum = 0.0;
  for (let i = 0; i < n; i++) sum += dy[this.thread.x][i] * gain[i] * (x[this.thread.x][i] - mean[this.thread.x]);
  return (sum * inverse[this.thread.x]) / n;
}

function normSlope(
  this: Cell,
  dy: number[][],
  x: number[][],
  mean: number[],
  inverse: number[],
  gain: number[],
  average: number[],
  slope: number[],
) {
  const unit = (x[this.thread.y][this.thread.x] - mean[this.thread.y]) * inverse[this.thread.y];
  const g = dy[this.thread.y][this.thread.x] * gain[this.thread.x];
  return inverse[this.thread.y] * (g - average[this.thread.y] - unit * slope[this.thread.y]);
}

function gainSlope(this: Cell, dy: number[][], x: number[][], mean: number[], inverse: number[], rows: number) {
  let sum = 0.0;
  for (let i = 0; i < rows; i++) sum += dy[i][this.thread.x] * (x[i][this.thread.x] - mean[i]) * inverse[i];
  return sum;
}

function dropped(this: Cell, x: number[][], p: number, key: number) {
  return x[this.thread.y][this.thread.x] * keep(p, key, this.thread.y, this.thread.x);
}

/**
 * Gradient of a layer norm of x. With unit = (x - mean) inverse and g = dy gain:
 * dx = inverse (g - mean(g) - unit mean(g unit)), dgain = sum over rows of dy unit, dbias = sum over rows of dy.
 */
const normGradient = (dy: string, x: string, dx: string): Stage[] => [
  { out: 'average', reads: [dy, 'gain', 'n'], cell: averageSlope },
  { out: 'slope', reads: [dy, x, 'mean', 'inverse', 'gain', 'n'], cell: unitSlope },
  { out: dx, reads: [dy, x, 'mean', 'inverse', 'gain', 'average', 'slope'], cell: normSlope },
  { out: 'dgain', reads: [dy, x, 'mean', 'inverse', 'rows'], cell: gainSlope },
  { out: 'dbias', reads: [dy, 'rows'], cell: columnSum },
];

const ofRows = ({ dy }: { dy: Dims }) => [dy[0]];

export const layerNormGradient = defineKernel({
  name: 'layerNormGradient',
  inputs: { dy: 2, x: 2, mean: 1, inverse: 1, gain: 1, n: 0, rows: 0 },
  outputs: { dx: 2, dgain: 1, dbias: 1 },
  temps: { average: ofRows, slope: ofRows },
  stages: normGradient('dy', 'x', 'dx'),
});

/**
 * BERT's residual connection with the bias of the dense layer before it, shift [H]:
 * total = dropout(x + shift) + residual, y = layer norm of total.
 */
export const dropoutAddNorm = defineKernel({
  name: 'dropoutAddNorm',
  inputs: { x: 2, shift: 1, residual: 2, gain: 1, bias: 1, n: 0, eps: 0, p: 0, key: 0 },
  outputs: { y: 2, total: 2, mean: 1, inverse: 1 },
  stages: [
    {
      out: 'total',
      reads: ['x', 'shift', 'residual', 'p', 'key'],
      cell: function (x: number[][], shift: number[], residual: number[][], p: number, key: number) {
        const sum = x[this.thread.y][this.thread.x] + shift[this.thread.x];
        return sum * keep(p, key, this.thread.y, this.thread.x) + residual[this.thread.y][this.thread.x];
      },
      calls: dropoutCalls,
    },
    ...moments('total'),
    { out: 'y', reads: ['total', 'mean', 'inverse', 'gain', 'bias'], cell: normalise },
  ],
});

/** Gradient of `dropoutAddNorm`: dresidual is that of its layer norm, dx = dropout(dresidual), dshift = sum over rows of dx. */
export const dropoutAddNormGradient = defineKernel({
  name: 'dropoutAddNormGradient',
  inputs: { dy: 2, total: 2, mean: 1, inverse: 1, gain: 1, n: 0, rows: 0, p: 0, key: 0 },
  outputs: { dresidual: 2, dx: 2, dshift: 1, dgain: 1, dbias: 1 },
  temps: { average: ofRows, slope: ofRows },
  stages: [
    ...normGradient('dy', 'total', 'dresidual'),
    { out: 'dx', reads: ['dresidual', 'p', 'key'], cell: dropped, calls: dropoutCalls },
    { out: 'dshift', reads: ['dx', 'rows'], cell: columnSum },
  ],
});

/**
 * BERT's embeddings: total[i] = words[ids[i]] + positions[places[i]] + types[0], y = dropout(layer norm of total).
 * words [V, H], positions [P, H], types [T, H]; ids, places [N].
 */
export const embedNorm = defineKernel({
  name: 'embedNorm',
  inputs: { words: 2, ids: 1, positions: 2, places: 1, types: 2, gain: 1, bias: 1, n: 0, eps: 0, p: 0, key: 0 },
  outputs: { y: 2, total: 2, mean: 1, inverse: 1 },
  temps: { unit: ({ y }) => y },
  stages: [
    {
      out: 'total',
      reads: ['words', 'ids', 'positions', 'places', 'types'],
      cell: function (words: number[][], ids: number[], positions: number[][], places: number[], types: number[][]) {
        const placed = words[ids[this.thread.y]][this.thread.x] + positions[places[this.thread.y]][this.thread.x];
        return placed + types[0][this.thread.x];
      },
    },
    ...moments('total'),
    { out: 'unit', reads: ['total', 'mean', 'inverse', 'gain', 'bias'], cell: normalise },
    { out: 'y', reads: ['unit', 'p', 'key'], cell: dropped, calls: dropoutCalls },
  ],
});

/**
 * Gradient of `embedNorm`: dx [N, H] belongs to the word and to the position of each row; row 0 of dtypes is its sum over
 * rows, the others are 0.
 */
export const embedNormGradient = defineKernel({
  name: 'embedNormGradient',
  inputs: { dy: 2, total: 2, mean: 1, inverse: 1, gain: 1, n: 0, rows: 0, p: 0, key: 0 },
  outputs: { dx: 2, dtypes: 2, dgain: 1, dbias: 1 },
  temps: { kept: ({ dy }) => dy, average: ofRows, slope: ofRows },
  stages: [
    { out: 'kept', reads: ['dy', 'p', 'key'], cell: dropped, calls: dropoutCalls },
    ...normGradient('kept', 'total', 'dx'),
    {
      out: 'dtypes',
      reads: ['dx', 'rows'],
      cell: function (dx: number[][], rows: number) {
        if (this.thread.y > 0) return 0.0;
        let total = 0.0;
        for (let start = 0; start < rows; start += 64) {
          let block = 0.0;
          const end = Math.min(start + 64, rows);
          for (let i = start; i < end; i += 1.0) block += dx[i][this.thread.x];
          total += block;
        }
        return total;
      },
    },
  ],
});
