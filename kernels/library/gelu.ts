// The exact GELU (Hendrycks and Gimpel, 2016) of x + bias, as BERT's feed-forward part has it. x, y [N, H]; bias [H].
import { defineKernel, type Cell } from '../kernel.js';
import { columnSum } from './reduce.js';
import { erf, geluSlope, normalCdf } from './scalar.js';

function value(this: Cell, x: number[][], bias: number[]) {
  const sum = x[this.thread.y][this.thread.x] + bias[this.thread.x];
  return sum * normalCdf(sum);
}

const y = { out: 'y', reads: ['x', 'bias'], cell: value, calls: [normalCdf, erf] } as const;

/** y = s Phi(s), s = x + bias. */
export const biasGelu = defineKernel({
  name: 'biasGelu',
  inputs: { x: 2, bias: 1 },
  outputs: { y: 2 },
  stages: [y],
});

/**
 * `biasGelu` with its slope, Phi(s) + s phi(s) [N, H]: value and slope share one exponential, and the gradient needs
 * nothing else.
 */
export const biasGeluSlope = defineKernel({
  name: 'biasGeluSlope',
  inputs: { x: 2, bias: 1 },
  outputs: { y: 2, slope: 2 },
  stages: [
    y,
    {
      out: 'slope',
      reads: ['x', 'bias'],
      cell: function (x: number[][], bias: number[]) {
        return geluSlope(x[this.thread.y][this.thread.x] + bias[this.thread.x]);
      },
      calls: [geluSlope, normalCdf, erf],
    },
  ],
});

/** dx = dy slope, dbias = sum over rows of dx. rows is N. */
export const biasGeluGradient = defineKernel({
  name: 'biasGeluGradient',
  inputs: { dy: 2, slope: 2, rows: 0 },
  outputs: { dx: 2, dbias: 1 },
  stages: [
    {
      out: 'dx',
      reads: ['dy', 'slope'],
      cell: function (dy: number[][], slope: number[][]) {
        return dy[this.thread.y][this.thread.x] * slope[this.thread.y][this.thread.x];
      },
    },
    { out: 'dbias', reads: ['dx', 'rows'], cell: columnSum },
  ],
});
