// Matrix products, batched, with either side transposed; the naive kernels are the definition of the tuned ones.
import { defineKernel } from '../kernel.js';

/** y[b] = a[b] c[b]. a [B, M, K], c [B, K, N], y [B, M, N]. */
export const matmulNN = defineKernel({
  name: 'matmulNN',
  inputs: { a: 3, c: 3, n: 0 },
  outputs: { y: 3 },
  stages: [
    {
      out: 'y',
      reads: ['a', 'c', 'n'],
      cell: function (a: number[][][], c: number[][][], n: number) {
        let sum = 0.0;
        for (let k = 0; k < n; k++) sum += a[this.thread.z][this.thread.y][k] * c[this.thread.z][k][this.thread.x];
        return sum;
      },
    },
  ],
});

/** y[b] = a[b] c[b]^T. a [B, M, K], c [B, N, K], y [B, M, N]. */
export const matmulNT = defineKernel({
  name: 'matmulNT',
  inputs: { a: 3, c: 3, n: 0 },
  outputs: { y: 3 },
  stages: [
    {
      out: 'y',
      reads: ['a', 'c', 'n'],
      cell: function (a: number[][][], c: number[][][], n: number) {
        let sum = 0.0;
        for (let k = 0; k < n; k++) sum += a[this.thread.z][this.thread.y][k] * c[this.thread.z][this.thread.x][k];
        return sum;
      },
    },
  ],
});

/** y[b] = a[b]^T c[b]. a [B, K, M], c [B, K, N], y [B, M, N]. */
export const matmulTN = defineKernel({
  name: 'matmulTN',
  inputs: { a: 3, c: 3, n: 0 },
  outputs: { y: 3 },
  stages: [
    {
      out: 'y',
      reads: ['a', 'c', 'n'],
      cell: function (a: number[][][], c: number[][][], n: number) {
        let sum = 0.0;
        for (let k = 0; k < n; k++) sum += a[this.thread.z][k][this.thread.y] * c[this.thread.z][k][this.thread.x];
        return sum;
      },
    },
  ],
});

/** y[b] = a[b]^T c[b]^T. a [B, K, M], c [B, N, K], y [B, M, N]. */
export const matmulTT = defineKernel({
  name: 'matmulTT',
  inputs: { a: 3, c: 3, n: 0 },
  outputs: { y: 3 },
  stages: [
    {
      out: 'y',
      reads: ['a', 'c', 'n'],
      cell: function (a: number[][][], c: number[][][], n: number) {
        let sum = 0.0;
        for (let k = 0; k < n; k++) sum += a[this.thread.z][k][this.thread.y] * c[this.thread.z][this.thread.x][k];
        return sum;
      },
    },
  ],
});

/** y[b] += a[b] c[b], in place: gradients that meet are added up by the product that makes the second. */
export const addMatmulNN = defineKernel({
  name: 'addMatmulNN',
  inputs: { y: 3, a: 3, c: 3, n: 0 },
  outputs: { y: 3 },
  stages: [
    {
      out: 'y',
      reads: ['y', 'a', 'c', 'n'],
      cell: function (y: number[][][], a: number[][][], c: number[][][], n: number) {
        let sum = 0.0;
        for (let k = 0; k < n; k++) sum += a[this.thread.z][this.thread.y][k] * c[this.thread.z][k][this.thread.x];
        return y[this.thread.z][this.thread.y][this.thread.x] + sum;
      },
    },
  ],
});

/** y[b] += a[b]^T c[b], in place. */
export const addMatmulTN = defineKernel({
  name: 'addMatmulTN',
  inputs: { y: 3, a: 3, c: 3, n: 0 },
  outputs: { y: 3 },
  stages: [
    {
      out: 'y',
      reads: ['y', 'a', 'c', 'n'],
      cell: function (y: number[][][], a: number[][][], c: number[][][], n: number) {
        let sum = 0.0;
        for (let k = 0; k < n; k++) sum += a[this.thread.z][k][this.thread.y] * c[this.thread.z][k][this.thread.x];
        return y[this.thread.z][this.thread.y][this.thread.x] + sum;
      },
    },
  ],
});

/** y = x w^T + bias. x [N, K], w [M, K] (as PyTorch and Hugging Face store it), bias [M], y [N, M]. */
export const linear = defineKernel({
  name: 'linear',
  inputs: { x: 2, w: 2, bias: 1, n: 0 },
  outputs: { y: 2 },
  stages: [
    {
      out: 'y',
      reads: ['x', 'w', 'bias', 'n'],
      cell: function (x: number[][], w: number[][], bias: number[], n: number) {
        let sum = 0.0;
        for (let k = 0; k < n; k++) sum += x[this.thread.y][k] * w[this.thread.x][k];
        return sum + bias[this.thread.x];
      },
    },
  ],
});
