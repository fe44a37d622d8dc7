// Ops that move numbers: reshape, permute and expand are views; gather reads rows of a table by id.
import type { View } from '../../kernels/backend.js';
import * as kernels from '../../kernels/library/index.js';
import { asRows, defineOp, launch, mismatch, update } from '../op.js';
import { Ids } from '../host.js';
import { isShape, sameShape, show, sizeOf, type Shape } from '../shape.js';
import type { Rule } from '../tape.js';
import { Tensor } from '../tensor.js';

export const reshape = defineOp({
  name: 'reshape',
  inputs: ['x'],
  shape: ({ x }, { shape }: { shape: Shape }) => {
    if (!isShape(shape) || sizeOf(x) !== sizeOf(shape))
      throw mismatch('reshape', { x }, `Its ${sizeOf(x)} numbers do not fit the shape ${show(shape)}.`);
    return shape;
  },
  run: ({ x }, { shape }) => ({ y: new Tensor(x.buffer, shape) }),
  saves: [],
  vjp: ({ dy }, _, { x }) => ({ x: () => dy.reshape(x) }),
  samples: [
    { shapes: { x: [2, 6] }, attributes: { shape: [3, 4] } },
    { shapes: { x: [1] }, attributes: { shape: [] } },
    { shapes: { x: [0, 2] }, attributes: { shape: [3, 0] } },
  ],
});

/** Axis i of y is axis axes[i] of x. A view. */
export const permute = defineOp({
  name: 'permute',
  inputs: ['x'],
  takesViews: true,
  shape: ({ x }, { axes }: { axes: readonly number[] }) => {
    if (axes.length !== x.length || new Set(axes).size !== x.length)
      throw mismatch('permute', { x }, `The axes ${show(axes)} are not a permutation of its ${x.length} axes.`);
    return axes.map((axis) => x[axis]);
  },
  run: ({ x }, { axes }, shape) => ({
    y: new Tensor(
      x.buffer,
      shape,
      axes.map((axis) => x.strides[axis]),
    ),
  }),
  saves: [],
  vjp: ({ dy }, { axes }) => ({ x: () => dy.permute(...axes.map((_, i) => axes.indexOf(i))) }),
  samples: [
    { shapes: { x: [2, 3] }, attributes: { axes: [1, 0] } },
    { shapes: { x: [2, 3, 4] }, attributes: { axes: [2, 0, 1] } },
    { shapes: { x: [2, 3, 2, 4] }, attributes: { axes: [0, 2, 1, 3] } },
    { shapes: { x: [2, 3, 4, 2] }, attributes: { axes: [3, 1, 2, 0] } },
    { shapes: { x: [2, 0, 3] }, attributes: { axes: [2, 0, 1] } },
  ],
});

/** Undoes broadcasting: x summed over the axes along which `shape` would be expanded to x's. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  let sum = x;
  while (sum.rank > shape.length) sum = sum.sum(0);
  shape.forEach((extent, axis) => {
    if (extent === 1 && sum.shape[axis] !== 1) sum = sum.sum(axis, true);
  });
  return sum;
}

/** Broadcast to a larger shape, as NumPy does. A view. */
export const expand = defineOp({
  name: 'expand',
  inputs: ['x'],
  takesViews: true,
  shape: ({ x }, { shape }: { shape: Shape }) => {
    const offset = shape.length - x.length;
    if (!isShape(shape) || offset < 0 || x.some((extent, i) => extent !== 1 && extent !== shape[i + offset]))
      throw mismatch('expand', { x }, `It does not broadcast to ${show(shape)}.`);
    return shape;
  },
  run: ({ x }, _, shape) => {
    const offset = shape.length - x.rank;
    const strides = shape.map((extent, i) =>
      i < offset || (x.shape[i - offset] === 1 && extent !== 1) ? 0 : x.strides[i - offset],
    );
    return { y: new Tensor(x.buffer, shape, strides) };
  },
  saves: [],
  vjp: ({ dy }, _, { x }) => ({ x: () => sumTo(dy, x) }),
  samples: [
    { shapes: { x: [3] }, attributes: { shape: [2, 3] } },
    { shapes: { x: [2, 1, 3] }, attributes: { shape: [4, 2, 5, 3] } },
    { shapes: { x: [1] }, attributes: { shape: [2, 2] } },
    { shapes: { x: [1, 3] }, attributes: { shape: [0, 3] } },
  ],
});

/** Rows that are to be added up by id to those of `table`, as kernels take them. */
export function rowsById(dy: Tensor, ids: Ids, table: Shape): Record<'dy' | 'order' | 'starts', View> {
  const { order, starts } = ids.inverse(table[0]);
  return { dy: asRows(dy), order: order.view(dy.backend), starts: starts.view(dy.backend) };
}

/** The transpose of gathering: rows of dy added up by id, to `sum` in place or as many as `table` has. */
export function scatter(dy: Tensor, ids: Ids, table: Shape, sum?: Tensor): Tensor {
  const { dy: x, ...inverse } = rowsById(dy, ids, table);
  const operands = { x, ...inverse };
  return sum ? update(kernels.addScatter, sum, operands) : launch(kernels.scatter, operands, { y: table }).y;
}

/** The gradient of a table of whose rows those with these ids were read, given that of the rows. */
export const scatterRule = (dy: () => Tensor, ids: Ids, table: Shape): Rule => ({
  dense: (sum) => scatter(dy(), ids, table, sum),
  byId: { dy, ids },
});

/** y[n] = table[ids[n]]. table [V, H], y [N, H]. Its derivative adds the rows of dy up by id. */
export const gather = defineOp({
  name: 'gather',
  inputs: ['table'],
  shape: ({ table }, { ids }: { ids: Ids }) => {
    if (table.length !== 2) throw mismatch('gather', { table }, 'It must be [rows, columns]; reshape it.');
    ids.check('gather', table[0]);
    return [ids.length, table[1]];
  },
  run: ({ table }, { ids }, shape) => launch(kernels.gather, { table, ids: ids.view(table.backend) }, { y: shape }),
  saves: [],
  vjp: ({ dy }, { ids }, { table }) => ({ table: scatterRule(() => dy, ids, table) }),
  samples: [
    { shapes: { table: [5, 3] }, attributes: { ids: new Ids([1, 4, 1, 0]) } },
    { shapes: { table: [2, 1] }, attributes: { ids: new Ids([1]) } },
    { shapes: { table: [2, 3] }, attributes: { ids: new Ids([]) } },
  ],
});

/** The rows of a, then those of b. a [N, ...], b [M, ...], y [N + M, ...]. */
export const concat = defineOp({
  name: 'concat',
  inputs: ['a', 'b'],
  shape: ({ a, b }) => {
    if (a.length === 0 || !sameShape(a.slice(1), b.slice(1)))
      throw mismatch('concat', { a, b }, 'All axes but the first must be equal.');
    return [a[0] + b[0], ...a.slice(1)];
  },
  run: ({ a, b }, _, shape) => {
    const inner = sizeOf(shape.slice(1));
    const table = (x: Tensor) => x.view([x.shape[0], inner]);
    const { y } = launch(kernels.concat, { a: table(a), b: table(b), n: a.shape[0] }, { y: [shape[0], inner] });
    return { y: new Tensor(y.buffer, shape) };
  },
  saves: [],
  vjp: ({ dy }, _, { a, b }) => {
    const part = (start: number, shape: Shape) => {
      const ids = new Ids(Int32Array.from({ length: shape[0] }, (_, i) => start + i));
      return dy
        .reshape([dy.shape[0], sizeOf(shape.slice(1))])
        .gather(ids)
        .reshape(shape);
    };
    return { a: () => part(0, a), b: () => part(a[0], b) };
  },
  samples: [
    { shapes: { a: [2, 3], b: [4, 3] } },
    { shapes: { a: [1], b: [2] } },
    { shapes: { a: [0, 2], b: [2, 2] } },
    { shapes: { a: [0, 2], b: [0, 2] } },
  ],
});
