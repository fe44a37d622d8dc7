// What an optimizer step needs: the global norm of the gradients, the factor that clips it, and AdamW in place.
import { defineKernel, type Stage } from '../kernel.js';
import { scatter } from './movement.js';

/** total += sum of g^2, in place. g [R, C], total [1]; rows is R, columns is C. */
export const sumOfSquares = defineKernel({
  name: 'sumOfSquares',
  inputs: { g: 2, total: 1, rows: 0, columns: 0 },
  outputs: { total: 1 },
  temps: { partial: ({ g }) => [g[0]] },
  stages: [
    {
      out: 'partial',
      reads: ['g', 'columns'],
      cell: function (g: number[][], columns: number) {
        let sum = 0.0;
        for (let i = 0; i < columns; i++) sum += g[this.thread.x][i] * g[this.thread.x][i];
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

/** What a step updates, and the numbers that it needs. */
const state = { p: 2, m: 2, v: 2 } as const;
const rates = { factor: 1, lr: 0, beta1: 0, beta2: 0, eps: 0, decay: 0, correction1: 0, correction2: 0 } as const;

/**
 * One AdamW step (Loshchilov and Hutter, 2019, as torch.optim.AdamW) on the gradient g factor[0], in place:
 * p -= lr decay p; m += (1 - beta1) (g - m); v += (1 - beta2) (g^2 - v);
 * p -= lr / correction1 * m / (sqrt(v / correction2) + eps), correction_i = 1 - beta_i^t. All [R, C].
 */
export const adamW = defineKernel({
  name: 'adamW',
  inputs: { ...state, g: 2, ...rates },
  outputs: state,
  stages: [
    {
      out: 'm',
      reads: ['m', 'g', 'factor', 'beta1'],
      cell: function (m: number[][], g: number[][], factor: number[], beta1: number) {
        return beta1 * m[this.thread.y][this.thread.x] + (1.0 - beta1) * g[this.thread.y][this.thread.x] * factor[0];
      },
    },
    {
      out: 'v',
      reads: ['v', 'g', 'factor', 'beta2'],
      cell: function (v: number[][], g: number[][], factor: number[], beta2: number) {
        const clipped = g[this.thread.y][this.thread.x] * factor[0];
        return beta2 * v[this.thread.y][this.thread.x] + (1.0 - beta2) * clipped * clipped;
      },
    },
    {
      out: 'p',
      reads: ['p', 'm', 'v', 'lr', 'eps', 'decay', 'correction1', 'correction2'],
      cell: function (
        p: number[][],
        m: number[][],
        v: number[][],
        lr: number,
        eps: number,
        decay: number,
        correction1: number,
        correction2: number,
      ) {
        const scale = Math.sqrt(v[this.thread.y][this.thread.x] / correction2) + eps;
        const decayed = p[this.thread.y][this.thread.x] * (1.0 - lr * decay);
        return decayed - ((lr / correction1) * m[this.thread.y][this.thread.x]) / scale;
      },
    },
  ],
});

/** A gradient that is rows added up by id, as the inputs of `scatter`: dy [N, C], order [N], starts [R + 1]. */
const byId = { dy: 2, order: 1, starts: 1 } as const;
const sumById: Stage = { out: 'g', reads: Object.keys(byId), cell: scatter.stages[0].cell };

/** `sumOfSquares` of the g [R, C] that `scatter` makes of dy, which a backend need not write down. */
export const sumOfSquaresRows = defineKernel({
  name: 'sumOfSquaresRows',
  inputs: { ...byId, total: 1, rows: 0, columns: 0 },
  outputs: { total: 1 },
  temps: { g: (_, { rows, columns }) => [rows, columns], partial: (_, { rows }) => [rows] },
  stages: [sumById, ...sumOfSquares.stages],
});

/** `adamW` with the g that `scatter` makes of dy, which a backend need not write down. */
export const adamWRows = defineKernel({
  name: 'adamWRows',
  inputs: { ...state, ...byId, ...rates },
  outputs: state,
  temps: { g: ({ p }) => p },
  stages: [sumById, ...adamW.stages],
});
