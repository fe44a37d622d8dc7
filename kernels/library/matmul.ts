// Matrix products, batched, with either side transposed; the naive kernels are the definition of the tuned ones. k is K,
// the extent that is summed over.
import { defineKernel } from '../kernel.js';

/** y[z] = a[z] b[z]. a [B, M, K], b [B, K, N], y [B, M, N]. */
export const matmulNN = defineKernel({
  name: 'matmulNN',
  inputs: { a: 3, b: 3, k: 0 },
  outputs: { y: 3 },
  stages: [
    {
      out: 'y',
      reads: ['a', 'b', 'k'],
      cell: function (a: number[][][], b: number[][][], k: number) {
        let sum = 0.0;
        for (let i = 0; i < k; i++) sum += a[this.thread.z][this.thread.y][i] * b[this.thread.z][i][this.thread.x];
        return sum;
      },
    },
  ],
});

/** y[z] = a[z] b[z]^T. a [B, M, K], b [B, N, K], y [B, M, N]. */
export const matmulNT = defineKernel({
  name: 'matmulNT',
  inputs: { a: 3, b: 3, k: 0 },
  outputs: { y: 3 },
  stages: [
    {
      out: 'y',
      reads: ['a', 'b', 'k'],
      cell: function (a: number[][][], b: number[][][], k: number) {
        let sum = 0.0;
        for (let i = 0; i < k; i++) sum += a[this.thread.z][this.thread.y][i] * b[this.thread.z][this.thread.x][i];
        return sum;
      },
    },
  ],
});

/** y[z] = a[z]^T b[z]. a [B, K, M], b [B, K, N], y [B, M, N]. */
export const matmulTN = defineKernel({
  name: 'matmulTN',
  inputs: { a: 3, b: 3, k: 0 },
  outputs: { y: 3 },
  stages: [
    {
      out: 'y',
      reads: ['a', 'b', 'k'],
      cell: function (a: number[][][], b: number[][][], k: number) {
        let sum = 0.0;
        for (let i = 0; i < k; i++) sum += a[this.thread.z][i][this.thread.y] * b[this.thread.z][i][this.thread.x];
        return sum;
      },
    },
  ],
});

/** y[z] = a[z]^T b[z]^T. a [B, K, M], b [B, N, K], y [B, M, N]. */
export const matmulTT = defineKernel({
  name: 'matmulTT',
  inputs: { a: 3, b: 3, k: 0 },
  outputs: { y: 3 },
  stages: [
    {
      out: 'y',
      reads: ['a', 'b', 'k'],
      cell: function (a: number[][][], b: number[][][], k: number) {
        let sum = 0.0;
        for (let i = 0; i < k; i++) sum += a[this.thread.z][i][this.thread.y] * b[this.thread.z][this.thread.x][i];
        return sum;
      },
    },
  ],
});

/** y[z] += a[z] b[z], in place: gradients that meet are added up by the product that makes the second. */
export const addMatmulNN = defineKernel({
  name: 'addMatmulNN',
  inputs: { y: 3, a: 3, b: 3, k: 0 },
  outputs: { y: 3 },
  stages: [
    {
      out: 'y',
      reads: ['y', 'a', 'b', 'k'],
      cell: function (y: number[][][], a: number[][][], b: number[][][], k: number) {
        let sum = 0.0;
        for (let i = 0; i < k; i++) sum += a[this.thread.z][this.thread.y][i] * b[this.thread.z][i][this.thread.x];
        return y[this.thread.z][this.thread.y][this.thread.x] + sum;
      },
    },
  ],
});

/** y[z] += a[z]^T b[z], in place. */
export const addMatmulTN = defineKernel({
  name: 'addMatmulTN',
  inputs: { y: 3, a: 3, b: 3, k: 0 },
  outputs: { y: 3 },
  stages: [
    {
      out: 'y',
      reads: ['y', 'a', 'b', 'k'],
      cell: function (y: number[][][], a: number[][][], b: number[][][], k: number) {
        let sum = 0.0;
        for (let i = 0; i < k; i++) sum += a[this.thread.z][i][this.thread.y] * b[this.thread.z][i][this.thread.x];
        return y[this.thread.z][this.thread.y][this.thread.x] + sum;
      },
    },
  ],
});

/** y = x w^T + bias. x [N, K], w [M, K] (as PyTorch and Hugging Face store it), bias [M], y [N, M]. */
export const linear = defineKernel({
  name: 'linear',
  inputs: { x: 2, w: 2, bias: 1, k: 0 },
  outputs: { y: 2 },
  stages: [
    {
      out: 'y',
      reads: ['x', 'w', 'bias', 'k'],
      cell: function (x: number[][], w: number[][], bias: number[], k: number) {
        let sum = 0.0;
        for (let i = 0; i < k; i++) sum += x[this.thread.y][i] * w[this.thread.x][i];
        return sum + bias[this.thread.x];
      },
    },
  ],
});
