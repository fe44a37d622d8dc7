// Row-wise kernels: softmax and dropout.
import { defineKernel } from '../kernel.js';
import { dropoutCalls, keep } from './random.js';

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
