// What an optimizer step needs: the global norm of the gradients, the factor that clips it, and AdamW in place.
import { defineKernel } from '../kernel.js';

/** total += sum of x^2, in place. x [R, C], total [1]; rows is R, columns is C. */
export const sumOfSquares = defineKernel({
  name: 'sumOfSquares',
  inputs: { x: 2, total: 1, rows: 0, columns: 0 },
  outputs: { total: 1 },
  temps: { partial: ({ x }) => [x[0]] },
  stages: [
    {
      out: 'partial',
      reads: ['x', 'columns'],
      cell: function (x: number[][], columns: number) {
        let sum = 0.0;
        for (let i = 0; i < columns; i++) sum += x[this.thread.x][i] * x[this.thread.x][i];
        return sum;
      },
    },
    {
      out: 'total',
      reads: ['partial', 'total', 'rows'],
      cell: function (partial: number[], total: number[], rows: number) {
        let sum = total[this.thread.x];
        for (let i = 0; i < rows; i++) sum += partial[i];
        return sum;
      },
    },
  ],
});

/** factor = min(1, limit / (sqrt(total) + 1e-6)), as torch.nn.utils.clip_grad_norm_. total, factor [1]. */
export const clipFactor = defineKernel({
  name: 'clipFactor',
  inputs: { total: 1, limit: 0 },
  outputs: { factor: 1 },
  stages: [
    {
      out: 'factor',
      reads: ['total', 'limit'],
      cell: function (total: number[], limit: number) {
        return Math.min(1.0, limit / (Math.sqrt(total[this.thread.x]) + 1e-6));
      },
    },
  ],
});

/**
 * One AdamW step (Loshchilov and Hutter, 2019, as torch.optim.AdamW) on the gradient g factor[0], in place:
 * p -= lr decay p; m += (1 - beta1) (g - m); v += (1 - beta2) (g^2 - v);
 * p -= lr / correction1 * m / (sqrt(v / correction2) + eps), correction_i = 1 - beta_i^t. All flat and of one length.
 */
export const adamW = defineKernel({
  name: 'adamW',
  inputs: {
    p: 1,
    m: 1,
    v: 1,
    g: 1,
    factor: 1,
    lr: 0,
    beta1: 0,
    beta2: 0,
    eps: 0,
    decay: 0,
    correction1: 0,
    correction2: 0,
  },
  outputs: { p: 1, m: 1, v: 1 },
  stages: [
    {
      out: 'm',
      reads: ['m', 'g', 'factor', 'beta1'],
      cell: function (m: number[], g: number[], factor: number[], beta1: number) {
        return beta1 * m[this.thread.x] + (1.0 - beta1) * g[this.thread.x] * factor[0];
      },
    },
    {
      out: 'v',
      reads: ['v', 'g', 'factor', 'beta2'],
      cell: function (v: number[], g: number[], factor: number[], beta2: number) {
        const clipped = g[this.thread.x] * factor[0];
        return beta2 * v[this.thread.x] + (1.0 - beta2) * clipped * clipped;
      },
    },
    {
      out: 'p',
      reads: ['p', 'm', 'v', 'lr', 'eps', 'decay', 'correction1', 'correction2'],
      cell: function (
        p: number[],
        m: number[],
        v: number[],
        lr: number,
        eps: number,
        decay: number,
        correction1: number,
        correction2: number,
      ) {
        const scale = Math.sqrt(v[this.thread.x] / correction2) + eps;
        const decayed = p[this.thread.x] * (1.0 - lr * decay);
        return decayed - ((lr / correction1) * m[this.thread.x]) / scale;
      },
    },
  ],
});
