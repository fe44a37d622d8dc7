// Arrays as NumPy has them, computed cell by cell with no thought of speed: what tensors are compared with.
import type { Shape } from '../../core/index.js';

export interface Nd {
  readonly shape: Shape;
  readonly data: readonly number[];
}

type Index = readonly number[];

const count = (shape: Shape): number => shape.reduce((product, extent) => product * extent, 1);

/** An array whose cell at `index` is f(index). */
export function build(shape: Shape, f: (index: Index) => number): Nd {
  const data = Array.from({ length: count(shape) }, (_, cell) => {
    const index = new Array<number>(shape.length);
    let rest = cell;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = rest % shape[axis];
      rest = Math.floor(rest / shape[axis]);
    }
    return f(index);
  });
  return { shape, data };
}

/** The cell that broadcasting finds at `index`: axes aligned at the right, those of extent 1 repeated. */
export function at({ shape, data }: Nd, index: Index): number {
  const skipped = index.length - shape.length;
  return data[shape.reduce((cell, extent, axis) => cell * extent + (extent === 1 ? 0 : index[axis + skipped]), 0)];
}

/** The shape that all broadcast to; they must. */
export function broadcastShape(...shapes: Shape[]): number[] {
  const rank = Math.max(...shapes.map(({ length }) => length));
  return Array.from({ length: rank }, (_, axis) => {
    const extents = shapes.map((shape) => shape[axis - rank + shape.length] ?? 1);
    return extents.find((extent) => extent !== 1) ?? 1;
  });
}

export const map = (x: Nd, f: (value: number) => number): Nd => ({ shape: x.shape, data: x.data.map(f) });

export const zip = (a: Nd, b: Nd, f: (a: number, b: number) => number): Nd =>
  build(broadcastShape(a.shape, b.shape), (index) => f(at(a, index), at(b, index)));

export const expand = (x: Nd, shape: Shape): Nd => build(shape, (index) => at(x, index));

/** Axis i of the result is axis axes[i] of x. */
export const permute = (x: Nd, axes: readonly number[]): Nd =>
  build(
    axes.map((axis) => x.shape[axis]),
    (index) =>
      at(
        x,
        axes.map((_, axis) => index[axes.indexOf(axis)]),
      ),
  );

/** Combines the cells along one axis, which goes away. */
export const reduce = (x: Nd, axis: number, f: (values: number[]) => number): Nd =>
  build(
    x.shape.filter((_, i) => i !== axis),
    (index) =>
      f(Array.from({ length: x.shape[axis] }, (_, i) => at(x, [...index.slice(0, axis), i, ...index.slice(axis)]))),
  );

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Adds up the axes along which `shape` was broadcast to x's shape. */
export function sumTo(x: Nd, shape: Shape): Nd {
  let result = x;
  while (result.shape.length > shape.length) result = reduce(result, 0, sum);
  shape.forEach((extent, axis) => {
    if (extent !== 1) return;
    const { data } = reduce(result, axis, sum);
    result = { shape: result.shape.map((all, i) => (i === axis ? 1 : all)), data };
  });
  return result;
}

/** Matrix product over the last two axes; the others broadcast. */
export function matmul(a: Nd, b: Nd): Nd {
  const batch = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const inner = a.shape[a.shape.length - 1];
  return build([...batch, a.shape[a.shape.length - 2], b.shape[b.shape.length - 1]], (index) => {
    const [row, column] = index.slice(-2);
    const first = index.slice(0, -2);
    return sum(Array.from({ length: inner }, (_, k) => at(a, [...first, row, k]) * at(b, [...first, k, column])));
  });
}
