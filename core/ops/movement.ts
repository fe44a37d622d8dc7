// Ops that move numbers: reshape, permute and expand are views; slice, concat and gather copy.
import { kernels, type View } from '../../kernels/index.js';
import { asRows, defineOp, launch, mismatch, shaped, update } from '../op.js';
import { BagIds, Ids } from '../host.js';
import { Sequences } from '../sequences.js';
import { around, isShape, sameShape, show, sizeOf, type Shape } from '../shape.js';
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

/**
 * The sum of the rows of a table that each bag (sequence) of ids names, 0 for an empty bag: table [V, H], y [B, H]. As
 * gathering rows and adding them up, without the rows in memory, neither here nor on the way back.
 */
export const bagSum = defineOp({
  name: 'bagSum',
  inputs: ['table'],
  shape: ({ table }, { ids, sequences }: { ids: Ids; sequences: Sequences }) => {
    if (table.length !== 2 || ids.length !== sequences.rows)
      throw mismatch('bagSum', { table }, `Wanted [V, H] and ${sequences.rows} ids; there are ${ids.length}.`);
    ids.check('bagSum', table[0]);
    return [sequences.count, table[1]];
  },
  run: ({ table }, { ids, sequences }, shape) => {
    const { backend } = table;
    // The transpose of gathering, of a table whose rows are in the order of ids.
    const named = { order: ids.view(backend), starts: sequences.offsets.view(backend) };
    return launch(kernels.scatter, { x: table, ...named }, { y: shape });
  },
  saves: [],
  vjp: ({ dy }, { ids, sequences }, { table }) => ({
    table: scatterRule(() => dy, new BagIds(ids.values, sequences.ofRow.values, ids.padding), table),
  }),
  composition: ({ table }, { ids, sequences }) => segmentSum.apply({ x: table.gather(ids) }, { sequences }),
  samples: [
    {
      shapes: { table: [5, 3] },
      attributes: { ids: new Ids([1, 4, 1, 0, 1]), sequences: Sequences.ofLengths([3, 0, 2]) },
    },
    { shapes: { table: [2, 1] }, attributes: { ids: new Ids([1]), sequences: Sequences.ofLengths([1]) } },
    { shapes: { table: [2, 3] }, attributes: { ids: new Ids([]), sequences: Sequences.ofLengths([]) } },
  ],
});

/** x from `start` on along an axis, `count` cells of it, 0 where x has none. */
function cut(x: Tensor, axis: number, start: number, count: number): Tensor {
  const [outer, n, inner] = around(x.shape, axis);
  const { y } = launch(kernels.slice, { x: shaped(x, [outer, n, inner]), n, start }, { y: [outer, count, inner] });
  return new Tensor(y.buffer, x.shape.with(axis, count));
}

/** Cells start .. end - 1 of an axis. Its derivative puts dy back there, zeros around it. */
export const slice = defineOp({
  name: 'slice',
  inputs: ['x'],
  shape: ({ x }, { axis, start, end }: { axis: number; start: number; end: number }) => {
    if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || end < start || end > x[axis])
      throw mismatch(
        'slice',
        { x },
        `There are no cells ${start} to ${end} of axis ${axis}: 0 <= start <= end <= ${x[axis]}.`,
      );
    return x.with(axis, end - start);
  },
  run: ({ x }, { axis, start, end }) => ({ y: cut(x, axis, start, end - start) }),
  saves: [],
  vjp: ({ dy }, { axis, start }, { x }) => ({ x: () => cut(dy, axis, -start, x[axis]) }),
  samples: [
    { shapes: { x: [4, 3] }, attributes: { axis: 0, start: 1, end: 3 } },
    { shapes: { x: [2, 5] }, attributes: { axis: 1, start: 2, end: 5 } },
    { shapes: { x: [2, 3, 2] }, attributes: { axis: 1, start: 0, end: 2 } },
    { shapes: { x: [3] }, attributes: { axis: 0, start: 1, end: 1 } },
  ],
});

/** a, then b, along an axis; all others are equal. */
export const concat = defineOp({
  name: 'concat',
  inputs: ['a', 'b'],
  shape: ({ a, b }, { axis }: { axis: number }) => {
    if (a.length !== b.length || !sameShape(a, b.with(axis, a[axis])))
      throw mismatch('concat', { a, b }, `All axes but axis ${axis} must be equal.`);
    return a.with(axis, a[axis] + b[axis]);
  },
  run: ({ a, b }, { axis }, shape) => {
    const [n, parts] = [a.shape[axis], { a: a.view(around(a.shape, axis)), b: b.view(around(b.shape, axis)) }];
    const { y } = launch(kernels.concat, { ...parts, n }, { y: around(shape, axis) });
    return { y: new Tensor(y.buffer, shape) };
  },
  saves: [],
  vjp: ({ dy }, { axis }, { a, b }) => ({
    a: () => dy.slice(axis, 0, a[axis]),
    b: () => dy.slice(axis, a[axis], a[axis] + b[axis]),
  }),
  samples: [
    { shapes: { a: [2, 3], b: [4, 3] }, attributes: { axis: 0 } },
    { shapes: { a: [2, 3], b: [2, 1] }, attributes: { axis: 1 } },
    { shapes: { a: [2, 3, 2], b: [2, 1, 2] }, attributes: { axis: 1 } },
    { shapes: { a: [1], b: [2] }, attributes: { axis: 0 } },
    { shapes: { a: [0, 2], b: [2, 2] }, attributes: { axis: 0 } },
    { shapes: { a: [0, 2], b: [0, 2] }, attributes: { axis: 0 } },
  ],
});

/** The sum of the rows of each sequence: x [N, H], y [B, H], 0 for a sequence without rows. */
export const segmentSum = defineOp({
  name: 'segmentSum',
  inputs: ['x'],
  shape: ({ x }, { sequences }: { sequences: Sequences }) => {
    if (x.length !== 2 || x[0] !== sequences.rows)
      throw mismatch(
        'segmentSum',
        { x },
        `The sequences have ${sequences.rows} rows; wanted x [${sequences.rows}, H].`,
      );
    return [sequences.count, x[1]];
  },
  run: ({ x }, { sequences }, shape) => ({ y: scatter(x, sequences.ofRow, shape) }),
  saves: [],
  vjp: ({ dy }, { sequences }) => ({ x: () => dy.gather(sequences.ofRow) }),
  samples: [
    { shapes: { x: [5, 3] }, attributes: { sequences: Sequences.ofLengths([2, 0, 3]) } },
    { shapes: { x: [1, 1] }, attributes: { sequences: Sequences.ofLengths([1]) } },
    { shapes: { x: [0, 3] }, attributes: { sequences: Sequences.ofLengths([]) } },
  ],
});
