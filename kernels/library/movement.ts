// Kernels that move numbers: strided views made contiguous, arrays cut and joined, rows gathered and added up by id.
import { defineKernel } from '../kernel.js';

/**
 * Makes a permuted or expanded view contiguous. The source has up to four axes, its first two merged:
 * x is [n0 * n1, n2, n3]; the output has axes (z1, z0, y, x), its first two merged: z = z1 * depth + z0.
 * Each source axis follows one output axis, or none where it is expanded: `i0..i3`, `j0..j3`, `k0..k3` are the factors
 * (0 or 1, and n1 in i) by which (z1, z0, y, x) enter the three source indices; all are small, so nothing rounds.
 */
export const arrange = defineKernel({
  name: 'arrange',
  inputs: { x: 3, depth: 0, i0: 0, i1: 0, i2: 0, i3: 0, j0: 0, j1: 0, j2: 0, j3: 0, k0: 0, k1: 0, k2: 0, k3: 0 },
  outputs: { y: 3 },
  stages: [
    {
      out: 'y',
      reads: ['x', 'depth', 'i0', 'i1', 'i2', 'i3', 'j0', 'j1', 'j2', 'j3', 'k0', 'k1', 'k2', 'k3'],
      cell: function (
        x: number[][][],
        depth: number,
        i0: number,
        i1: number,
        i2: number,
        i3: number,
        j0: number,
        j1: number,
        j2: number,
        j3: number,
        k0: number,
        k1: number,
        k2: number,
        k3: number,
      ) {
        const z1 = Math.floor((this.thread.z + 0.5) / depth);
        const z0 = this.thread.z - z1 * depth;
        const i = z1 * i0 + z0 * i1 + this.thread.y * i2 + this.thread.x * i3;
        const j = z1 * j0 + z0 * j1 + this.thread.y * j2 + this.thread.x * j3;
        const k = z1 * k0 + z0 * k1 + this.thread.y * k2 + this.thread.x * k3;
        return x[i][j][k];
      },
    },
  ],
});

/** y = a, then b along the middle axis. a [outer, n, inner], b [outer, m, inner], y [outer, n + m, inner]. */
export const concat = defineKernel({
  name: 'concat',
  inputs: { a: 3, b: 3, n: 0 },
  outputs: { y: 3 },
  stages: [
    {
      out: 'y',
      reads: ['a', 'b', 'n'],
      cell: function (a: number[][][], b: number[][][], n: number) {
        if (this.thread.y < n) return a[this.thread.z][this.thread.y][this.thread.x];
        return b[this.thread.z][this.thread.y - n][this.thread.x];
      },
    },
  ],
});

/**
 * y = x from `start` on along the middle axis, 0 before its first and behind its last cell: with -start its own transpose.
 * x [outer, n, inner], y [outer, m, inner].
 */
export const slice = defineKernel({
  name: 'slice',
  inputs: { x: 3, n: 0, start: 0 },
  outputs: { y: 3 },
  stages: [
    {
      out: 'y',
      reads: ['x', 'n', 'start'],
      cell: function (x: number[][][], n: number, start: number) {
        const i = this.thread.y + start;
        if (i < 0) return 0.0;
        if (i >= n) return 0.0;
        return x[this.thread.z][i][this.thread.x];
      },
    },
  ],
});

/** y[n] = table[ids[n]], rows of the table by id. table [V, H], ids [N], y [N, H]. */
export const gather = defineKernel({
  name: 'gather',
  inputs: { table: 2, ids: 1 },
  outputs: { y: 2 },
  stages: [
    {
      out: 'y',
      reads: ['table', 'ids'],
      cell: function (table: number[][], ids: number[]) {
        return table[ids[this.thread.y]][this.thread.x];
      },
    },
  ],
});

/**
 * The transpose of `gather`: y[v] = sum of x[n] over all n with ids[n] = v. x [N, H], y [V, H].
 * The ids come turned round: order[starts[v]] .. order[starts[v + 1] - 1] are the rows n of id v. order [N], starts [V + 1].
 */
export const scatter = defineKernel({
  name: 'scatter',
  inputs: { x: 2, order: 1, starts: 1 },
  outputs: { y: 2 },
  stages: [
    {
      out: 'y',
      reads: ['x', 'order', 'starts'],
      cell: function (x: number[][], order: number[], starts: number[]) {
        let sum = 0.0;
        const end = starts[this.thread.y + 1];
        for (let i = starts[this.thread.y]; i < end; i += 1.0) sum += x[order[i]][this.thread.x];
        return sum;
      },
    },
  ],
});

/** y[v] += what `scatter` gives; rows of ids that do not occur stay as they are, and a backend need not touch them. */
export const addScatter = defineKernel({
  name: 'addScatter',
  inputs: { y: 2, x: 2, order: 1, starts: 1 },
  outputs: { y: 2 },
  stages: [
    {
      out: 'y',
      reads: ['y', 'x', 'order', 'starts'],
      cell: function (y: number[][], x: number[][], order: number[], starts: number[]) {
        let sum = y[this.thread.y][this.thread.x];
        const end = starts[this.thread.y + 1];
        for (let i = starts[this.thread.y]; i < end; i += 1.0) sum += x[order[i]][this.thread.x];
        return sum;
      },
    },
  ],
});
