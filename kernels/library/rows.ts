// Row-wise kernels: softmax, layer norm, dropout, and the residual connection of BERT in one.
import { defineKernel } from '../kernel.js';
import { absorb, keep, mix, uniform } from './random.js';

const dropoutCalls = [keep, uniform, absorb, mix];

/** y = softmax of each row, shifted by the row's maximum. x, y [N, C]; n is C. */
export const softmax = defineKernel({
  name: 'softmax',
  inputs: { x: 2, n: 0 },
  outputs: { y: 2 },
  temps: { top: ({ x }) => [x[0]], total: ({ x }) => [x[0]] },
  stages: [
    {
      out: 'top',
      reads: ['x', 'n'],
      cell: function (x: number[][], n: number) {
        let top = x[this.thread.x][0];
        for (let i = 1; i < n; i++) top = Math.max(top, x[this.thread.x][i]);
        return top;
      },
    },
    {
      out: 'total',
      reads: ['x', 'top', 'n'],
      cell: function (x: number[][], top: number[], n: number) {
        let total = 0.0;
        for (let i = 0; i < n; i++) total += Math.exp(x[this.thread.x][i] - top[this.thread.x]);
        return total;
      },
    },
    {
      out: 'y',
      reads: ['x', 'top', 'total'],
      cell: function (x: number[][], top: number[], total: number[]) {
        return Math.exp(x[this.thread.y][this.thread.x] - top[this.thread.y]) / total[this.thread.y];
      },
    },
  ],
});

/** dx = y (dy - sum(y dy)), row by row. y, dy, dx [N, C]; n is C. */
export const softmaxGradient = defineKernel({
  name: 'softmaxGradient',
  inputs: { y: 2, dy: 2, n: 0 },
  outputs: { dx: 2 },
  temps: { inner: ({ y }) => [y[0]] },
  stages: [
    {
      out: 'inner',
      reads: ['y', 'dy', 'n'],
      cell: function (y: number[][], dy: number[][], n: number) {
        let sum = 0.0;
        for (let i = 0; i < n; i++) sum += y[this.thread.x][i] * dy[this.thread.x][i];
        return sum;
      },
    },
    {
      out: 'dx',
      reads: ['y', 'dy', 'inner'],
      cell: function (y: number[][], dy: number[][], inner: number[]) {
        return y[this.thread.y][this.thread.x] * (dy[this.thread.y][this.thread.x] - inner[this.thread.y]);
      },
    },
  ],
});

function rowMean(this: { thread: { x: number } }, x: number[][], n: number) {
  let sum = 0.0;
  for (let i = 0; i < n; i++) sum += x[this.thread.x][i];
  return sum / n;
}

function rowInverseDeviation(this: { thread: { x: number } }, x: number[][], mean: number[], n: number, eps: number) {
  let sum = 0.0;
  for (let i = 0; i < n; i++) {
    const centred = x[this.thread.x][i] - mean[this.thread.x];
    sum += centred * centred;
  }
  return 1.0 / Math.sqrt(sum / n + eps);
}

function normalise(
  this: { thread: { x: number; y: number } },
  x: number[][],
  mean: number[],
  inverse: number[],
  gain: number[],
  bias: number[],
) {
  const unit = (x[this.thread.y][this.thread.x] - mean[this.thread.y]) * inverse[this.thread.y];
  return unit * gain[this.thread.x] + bias[this.thread.x];
}

/**
 * Layer norm (Ba et al., 2016) with biased variance: y = (x - mean) inverse gain + bias, inverse = 1 / sqrt(var + eps).
 * x, y [N, H]; gain, bias [H]; mean, inverse [N]; n is H.
 */
export const layerNorm = defineKernel({
  name: 'layerNorm',
  inputs: { x: 2, gain: 1, bias: 1, n: 0, eps: 0 },
  outputs: { y: 2, mean: 1, inverse: 1 },
  stages: [
    { out: 'mean', reads: ['x', 'n'], cell: rowMean },
    { out: 'inverse', reads: ['x', 'mean', 'n', 'eps'], cell: rowInverseDeviation },
    { out: 'y', reads: ['x', 'mean', 'inverse', 'gain', 'bias'], cell: normalise },
  ],
});

/**
 * Gradient of `layerNorm`. With unit = (x - mean) inverse and g = dy gain:
 * dx = inverse (g - mean(g) - unit mean(g unit)), dgain = sum over rows of dy unit, dbias = sum over rows of dy.
 */
export const layerNormGradient = defineKernel({
  name: 'layerNormGradient',
  inputs: { dy: 2, x: 2, mean: 1, inverse: 1, gain: 1, n: 0, rows: 0 },
  outputs: { dx: 2, dgain: 1, dbias: 1 },
  temps: { average: ({ x }) => [x[0]], slope: ({ x }) => [x[0]] },
  stages: [
    {
      out: 'average',
      reads: ['dy', 'gain', 'n'],
      cell: function (dy: number[][], gain: number[], n: number) {
        let sum = 0.0;
        for (let i = 0; i < n; i++) sum += dy[this.thread.x][i] * gain[i];
        return sum / n;
      },
    },
    {
      out: 'slope',
      reads: ['dy', 'x', 'mean', 'inverse', 'gain', 'n'],
      cell: function (dy: number[][], x: number[][], mean: number[], inverse: number[], gain: number[], n: number) {
        let sum = 0.0;
        for (let i = 0; i < n; i++) sum += dy[this.thread.x][i] * gain[i] * (x[this.thread.x][i] - mean[this.thread.x]);
        return (sum * inverse[this.thread.x]) / n;
      },
    },
    {
      out: 'dx',
      reads: ['dy', 'x', 'mean', 'inverse', 'gain', 'average', 'slope'],
      cell: function (
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
      },
    },
    {
      out: 'dgain',
      reads: ['dy', 'x', 'mean', 'inverse', 'rows'],
      cell: function (dy: number[][], x: number[][], mean: number[], inverse: number[], rows: number) {
        let sum = 0.0;
        for (let i = 0; i < rows; i++) sum += dy[i][this.thread.x] * (x[i][this.thread.x] - mean[i]) * inverse[i];
        return sum;
      },
    },
    {
      out: 'dbias',
      reads: ['dy', 'rows'],
      cell: function (dy: number[][], rows: number) {
        let sum = 0.0;
        for (let i = 0; i < rows; i++) sum += dy[i][this.thread.x];
        return sum;
      },
    },
  ],
});

/** Inverted dropout; its own gradient, given dy for x. x, y [N, H]; a cell is dropped by (key, row, column) alone. */
export const dropout = defineKernel({
  name: 'dropout',
  inputs: { x: 2, p: 0, key: 0 },
  outputs: { y: 2 },
  stages: [
    {
      out: 'y',
      reads: ['x', 'p', 'key'],
      cell: function (x: number[][], p: number, key: number) {
        return x[this.thread.y][this.thread.x] * keep(p, key, this.thread.y, this.thread.x);
      },
      calls: dropoutCalls,
    },
  ],
});

/**
 * BERT's residual connection: total = dropout(x) + residual, y = layer norm of total. Shapes as in `layerNorm`.
 * Its gradient is that of `layerNorm` at `total` (that is d residual), then `dropout` of it (that is dx).
 */
export const dropoutAddNorm = defineKernel({
  name: 'dropoutAddNorm',
  inputs: { x: 2, residual: 2, gain: 1, bias: 1, n: 0, eps: 0, p: 0, key: 0 },
  outputs: { y: 2, total: 2, mean: 1, inverse: 1 },
  stages: [
    {
      out: 'total',
      reads: ['x', 'residual', 'p', 'key'],
      cell: function (x: number[][], residual: number[][], p: number, key: number) {
        const kept = x[this.thread.y][this.thread.x] * keep(p, key, this.thread.y, this.thread.x);
        return kept + residual[this.thread.y][this.thread.x];
      },
      calls: dropoutCalls,
    },
    { out: 'mean', reads: ['total', 'n'], cell: rowMean },
    { out: 'inverse', reads: ['total', 'mean', 'n', 'eps'], cell: rowInverseDeviation },
    { out: 'y', reads: ['total', 'mean', 'inverse', 'gain', 'bias'], cell: normalise },
  ],
});
