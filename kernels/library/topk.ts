// The largest cells of each row, in order: which they are is said by how many cells beat each.
import { defineKernel } from '../kernel.js';

/**
 * y [N, K] = the K largest cells of each row of x [N, C], the largest first, and `ids` where they are; of equal cells the
 * first comes first. n is C, at least K. Of a row with NaN any cells may be taken: ids are columns, y is what is there.
 */
export const topK = defineKernel({
  name: 'topK',
  inputs: { x: 2, n: 0 },
  outputs: { y: 2, ids: 2 },
  temps: { rank: ({ x }) => x },
  stages: [
    {
      out: 'rank',
      reads: ['x', 'n'],
      cell: function (x: number[][], n: number) {
        const own = x[this.thread.y][this.thread.x];
        let better = 0.0;
        for (let i = 0; i < n; i++) {
          const other = x[this.thread.y][i];
          if (other > own) better += 1.0;
          if (other === own) if (i < this.thread.x) better += 1.0;
        }
        return better;
      },
    },
    {
      out: 'ids',
      reads: ['rank', 'n'],
      cell: function (rank: number[][], n: number) {
        for (let i = 0; i < n; i++) if (rank[this.thread.y][i] === this.thread.x) return i;
        return 0.0;
      },
    },
    {
      out: 'y',
      reads: ['x', 'ids'],
      cell: function (x: number[][], ids: number[][]) {
        return x[this.thread.y][ids[this.thread.y][this.thread.x]];
      },
    },
  ],
});

/** Gradient of `topK`: dx [N, C] is dy [N, K] where the cells came from, else 0. count is K. */
export const topKGradient = defineKernel({
  name: 'topKGradient',
  inputs: { dy: 2, ids: 2, count: 0 },
  outputs: { dx: 2 },
  stages: [
    {
      out: 'dx',
      reads: ['dy', 'ids', 'count'],
      cell: function (dy: number[][], ids: number[][], count: number) {
        let sum = 0.0;
        for (let i = 0; i < count; i++) if (ids[this.thread.y][i] === this.thread.x) sum += dy[this.thread.y][i];
        return sum;
      },
    },
  ],
});
