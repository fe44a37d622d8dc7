// Reductions over one axis.
import { kernels, type Kernel } from '../../kernels/index.js';
import { defineOp, flat, launch, mismatch } from '../op.js';
import { around, type Shape } from '../shape.js';
import { Tensor } from '../tensor.js';

interface Along {
  axis: number;
}

/** Runs a kernel that reduces the middle of three axes. */
function reduce(kernel: Kernel<'x' | 'n', 'y'>, x: Tensor, axis: number, shape: Shape): { y: Tensor } {
  const [outer, n, inner] = around(x.shape, axis);
  const { y } = launch(kernel, { x: x.view([outer, n, inner]), n }, { y: [outer, inner] });
  return { y: new Tensor(y.buffer, shape) };
}

const without = (shape: Shape, axis: number): Shape => shape.filter((_, i) => i !== axis);
const kept = (shape: Shape, axis: number): Shape => shape.map((extent, i) => (i === axis ? 1 : extent));
const samples = [
  { shapes: { x: [2, 3, 4] }, attributes: { axis: 1 } },
  { shapes: { x: [2, 3] }, attributes: { axis: 0 } },
  { shapes: { x: [70] }, attributes: { axis: 0 } },
  { shapes: { x: [3, 1] }, attributes: { axis: 1 } },
  { shapes: { x: [0, 3] }, attributes: { axis: 1 } },
];

export const sum = defineOp({
  name: 'sum',
  inputs: ['x'],
  shape: ({ x }, { axis }: Along) => without(x, axis),
  run: ({ x }, { axis }, shape) => reduce(kernels.sum, x, axis, shape),
  saves: [],
  vjp: ({ dy }, { axis }, { x }) => ({ x: () => dy.reshape(kept(x, axis)).expand(x) }),
  samples,
});

/** Largest value along an axis. Where several are largest, they share the gradient. */
export const max = defineOp({
  name: 'max',
  inputs: ['x'],
  shape: (shapes, { axis }: Along) => {
    if (shapes.x[axis] === 0) throw mismatch('max', shapes, `Axis ${axis} is empty and has no largest value.`);
    return without(shapes.x, axis);
  },
  run: ({ x }, { axis }, shape) => reduce(kernels.max, x, axis, shape),
  saves: ['x', 'y'],
  vjp: ({ x, y, dy }, { axis }) => ({
    x: () => {
      const top = y.reshape(kept(x.shape, axis)).expand(x.shape);
      const best = launch(kernels.greaterEqual, { a: flat(x), b: flat(top) }, { y: x.shape }).y;
      return best.mul(dy.div(best.sum(axis)).reshape(kept(x.shape, axis)));
    },
  }),
  samples,
});
