// Kernels that reduce one axis: x [outer, n, inner] to y [outer, inner].
import { defineKernel, type Cell } from '../kernel.js';

/** The cell of a column's sum over n rows, in blocks of 64, for kernels that sum a result of theirs. */
export function columnSum(this: Cell, x: number[][], n: number) {
  let total = 0.0;
  for (let start = 0; start < n; start += 64) {
    let block = 0.0;
    const end = Math.min(start + 64, n);
    for (let i = start; i < end; i += 1.0) block += x[i][this.thread.x];
    total += block;
  }
  return total;
}

/** Sum over the middle axis, in blocks of 64 so that float32 loses little. */
export const sum = defineKernel({
  name: 'sum',
  inputs: { x: 3, n: 0 },
  outputs: { y: 2 },
  stages: [
    {
      out: 'y',
      reads: ['x', 'n'],
      cell: function (x: number[][][], n: number) {
        let total = 0.0;
        for (let start = 0; start < n; start += 64) {
          let block = 0.0;
          const end = Math.min(start + 64, n);
          for (let i = start; i < end; i += 1.0) block += x[this.thread.y][i][this.thread.x];
          total += block;
        }
        return total;
      },
    },
  ],
});

/** Maximum over the middle axis; NaN where there is one. */
export const max = defineKernel({
  name: 'max',
  inputs: { x: 3, n: 0 },
  outputs: { y: 2 },
  stages: [
    {
      out: 'y',
      reads: ['x', 'n'],
      cell: function (x: number[][][], n: number) {
        let best = x[this.thread.y][0][this.thread.x];
        for (let i = 1; i < n; i++) best = Math.max(best, x[this.thread.y][i][this.thread.x]);
        return best;
      },
    },
  ],
});
