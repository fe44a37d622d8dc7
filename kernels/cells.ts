// A stage as plain JavaScript: its function called for one cell after the other, in the precision of the arrays.
import { cellsOf, type Dims, type Stage } from './kernel.js';
import type { FloatArray, View } from './backend.js';

export type Nested<A extends FloatArray = FloatArray> = A | Nested<A>[];

/** A flat array as rows of rows, sharing its memory. */
export function nest<A extends FloatArray>(data: A, dims: Dims): Nested<A> {
  if (dims.length === 1) return data;
  const stride = cellsOf(dims.slice(1));
  // The methods of the two kinds of array have no type in common, but each gives its own kind.
  const row = (i: number) => data.subarray(i * stride, (i + 1) * stride) as A;
  return Array.from({ length: dims[0] }, (_, i) => nest(row(i), dims.slice(1)));
}

/** Computes every cell of `out`; `operands` come in the order of `stage.reads`, and `dataOf` gives a view's memory. */
export function runCells(
  stage: Stage,
  operands: readonly (View | number)[],
  out: View,
  dataOf: (view: View) => FloatArray,
): void {
  const target = dataOf(out);
  const round = target instanceof Float32Array ? Math.fround : Number;
  const values = operands.map((operand) =>
    typeof operand === 'number' ? round(operand) : nest(dataOf(operand), operand.dims),
  );
  const [depth, height, width] = [1, 1, 1, ...out.dims].slice(-3);
  const thread = { x: 0, y: 0, z: 0 };
  const cell = stage.cell.bind({ thread });
  let index = 0;
  for (thread.z = 0; thread.z < depth; thread.z++)
    for (thread.y = 0; thread.y < height; thread.y++)
      for (thread.x = 0; thread.x < width; thread.x++) target[index++] = cell(...values);
}
