// Shapes and strides: pure arithmetic on extents, outermost first.

export type Shape = readonly number[];

export const show = (shape: Shape): string => `[${shape.join(', ')}]`;

export const sizeOf = (shape: Shape): number => shape.reduce((product, extent) => product * extent, 1);

/** Whether these are extents at all: whole numbers from 0. */
export const isShape = (shape: Shape): boolean => shape.every((extent) => Number.isInteger(extent) && extent >= 0);

export const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((extent, i) => extent === b[i]);

/** Strides of a row-major array of that shape. */
export function rowMajor(shape: Shape): number[] {
  const strides: number[] = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

/** Whether a view with these strides is a row-major array (axes of extent 1 may have any stride). */
export function isRowMajor(shape: Shape, strides: readonly number[]): boolean {
  const wanted = rowMajor(shape);
  return sizeOf(shape) === 0 || shape.every((extent, axis) => extent === 1 || strides[axis] === wanted[axis]);
}

/** The shape that both broadcast to, as NumPy has it. Throws naming the operation and both shapes. */
export function broadcast(name: string, a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1)
      throw new Error(
        `${name}: shapes ${show(a)} and ${show(b)} do not broadcast (axis ${i - rank}: ${x} against ${y}). ` +
          'Each axis must be equal or 1; reshape or expand one of them.',
      );
    return x === 1 ? y : x;
  });
}

/** An axis counted from the end if negative, checked. */
export function axisOf(name: string, axis: number, rank: number): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(resolved) || resolved < 0 || resolved >= rank)
    throw new Error(`${name}: axis ${axis} is out of range for ${rank} axes. Take one from ${-rank} to ${rank - 1}.`);
  return resolved;
}

/** A shape seen as [outer, axis, inner]. */
export function around(shape: Shape, axis: number): [outer: number, extent: number, inner: number] {
  return [sizeOf(shape.slice(0, axis)), shape[axis], sizeOf(shape.slice(axis + 1))];
}
