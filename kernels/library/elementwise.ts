// Kernels that compute each cell from the same cell of their inputs. All arrays are seen flat.
import { defineKernel, type Cell } from '../kernel.js';
import { erf, geluSlope, normalCdf } from './scalar.js';

/** y = f(x), cell by cell. */
const unary = (name: string, cell: (this: Cell, x: number[]) => number, calls: ((...v: number[]) => number)[] = []) =>
  defineKernel({ name, inputs: { x: 1 }, outputs: { y: 1 }, stages: [{ out: 'y', reads: ['x'], cell, calls }] });

/** y = f(a, b), cell by cell. */
const binary = (
  name: string,
  cell: (this: Cell, a: number[], b: number[]) => number,
  calls: ((...v: number[]) => number)[] = [],
) =>
  defineKernel({
    name,
    inputs: { a: 1, b: 1 },
    outputs: { y: 1 },
    stages: [{ out: 'y', reads: ['a', 'b'], cell, calls }],
  });

/** y = x, bit for bit. */
export const copy = unary('copy', function (x) {
  return x[this.thread.x];
});

export const exp = unary('exp', function (x) {
  return Math.exp(x[this.thread.x]);
});

export const log = unary('log', function (x) {
  return Math.log(x[this.thread.x]);
});

export const sqrt = unary('sqrt', function (x) {
  return Math.sqrt(x[this.thread.x]);
});

/** tanh(20) is 1 even in float64; WebGPU may compute infinity / infinity for more. */
export const tanh = unary('tanh', function (x) {
  return Math.tanh(Math.max(-20.0, Math.min(20.0, x[this.thread.x])));
});

export const erfMap = unary(
  'erf',
  function (x) {
    return erf(x[this.thread.x]);
  },
  [erf],
);

/** x Phi(x), the exact GELU (Hendrycks and Gimpel, 2016), as BERT has it. */
export const gelu = unary(
  'gelu',
  function (x) {
    return x[this.thread.x] * normalCdf(x[this.thread.x]);
  },
  [normalCdf, erf],
);

/** dx = dy (Phi(x) + x phi(x)); a is x, b is dy. */
export const geluGradient = binary(
  'geluGradient',
  function (a, b) {
    return b[this.thread.x] * geluSlope(a[this.thread.x]);
  },
  [geluSlope, normalCdf, erf],
);

export const add = binary('add', function (a, b) {
  return a[this.thread.x] + b[this.thread.x];
});

export const sub = binary('sub', function (a, b) {
  return a[this.thread.x] - b[this.thread.x];
});

export const mul = binary('mul', function (a, b) {
  return a[this.thread.x] * b[this.thread.x];
});

export const div = binary('div', function (a, b) {
  return a[this.thread.x] / b[this.thread.x];
});

export const maximum = binary('maximum', function (a, b) {
  return Math.max(a[this.thread.x], b[this.thread.x]);
});

/** y = y + x, in place. */
export const addTo = defineKernel({
  name: 'addTo',
  inputs: { y: 1, x: 1 },
  outputs: { y: 1 },
  stages: [
    {
      out: 'y',
      reads: ['y', 'x'],
      cell: function (y: number[], x: number[]) {
        return y[this.thread.x] + x[this.thread.x];
      },
    },
  ],
});

/** y = factor[0] y, in place. */
export const scaleBy = defineKernel({
  name: 'scaleBy',
  inputs: { y: 1, factor: 1 },
  outputs: { y: 1 },
  stages: [
    {
      out: 'y',
      reads: ['y', 'factor'],
      cell: function (y: number[], factor: number[]) {
        return factor[0] * y[this.thread.x];
      },
    },
  ],
});

/** 1 where a >= b, else 0. */
export const greaterEqual = binary('greaterEqual', function (a, b) {
  if (a[this.thread.x] >= b[this.thread.x]) return 1.0;
  return 0.0;
});

/** y = scale x + shift with two numbers. */
export const affine = defineKernel({
  name: 'affine',
  inputs: { x: 1, scale: 0, shift: 0 },
  outputs: { y: 1 },
  stages: [
    {
      out: 'y',
      reads: ['x', 'scale', 'shift'],
      cell: function (x: number[], scale: number, shift: number) {
        return scale * x[this.thread.x] + shift;
      },
    },
  ],
});

/** y += factor[0] x, in place. */
export const addScaled = defineKernel({
  name: 'addScaled',
  inputs: { y: 1, x: 1, factor: 1 },
  outputs: { y: 1 },
  stages: [
    {
      out: 'y',
      reads: ['y', 'x', 'factor'],
      cell: function (y: number[], x: number[], factor: number[]) {
        return y[this.thread.x] + factor[0] * x[this.thread.x];
      },
    },
  ],
});
