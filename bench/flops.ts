// Useful work of a launch: the multiplies and adds of its matrix products; everything else counts as nothing.
import type { View } from '../kernels/backend.js';
import type { Dims } from '../kernels/kernel.js';

type Operands = Readonly<Record<string, View | number>>;

const dims = (operands: Operands, name: string): Dims => (operands[name] as View).dims;

/** Query-key pairs of packed attention: the sum over sequences of queries times keys. */
type Pairs = (operands: Operands) => number;

/** Floating-point operations by kernel name; kernels without a matrix product are not listed. */
const work: Record<string, (inputs: Operands, outputs: Operands, pairs: Pairs) => number> = {
  linear: (x, y) => 2 * dims(y, 'y')[0] * dims(y, 'y')[1] * dims(x, 'x')[1],
  matmulNN: (x, y) => 2 * product(dims(y, 'y')) * Number(x.k),
  matmulNT: (x, y) => 2 * product(dims(y, 'y')) * Number(x.k),
  matmulTN: (x, y) => 2 * product(dims(y, 'y')) * Number(x.k),
  addMatmulNN: (x, y) => 2 * product(dims(y, 'y')) * Number(x.k),
  addMatmulTN: (x, y) => 2 * product(dims(y, 'y')) * Number(x.k),
  matmulTT: (x, y) => 2 * product(dims(y, 'y')) * Number(x.k),
  // Scores and their product with the values; the gradient has four products, and the scores again count as nothing.
  attention: (x, _, pairs) => 4 * pairs(x) * dims(x, 'q')[1],
  attentionGradient: (x, _, pairs) => 8 * pairs(x) * dims(x, 'q')[1],
  crossEntropy: (x) => 2 * product(dims(x, 'table')) * dims(x, 'x')[0],
  crossEntropyGradient: (x) => 6 * product(dims(x, 'table')) * dims(x, 'x')[0],
  vocabularyMax: (x) => 2 * product(dims(x, 'table')) * dims(x, 'x')[0],
};

const product = (extents: Dims): number => extents.reduce((total, extent) => total * extent, 1);

/** Useful operations of one launch, where a query of attention has so many keys on average. */
export function flopsOf(kernel: string, inputs: Operands, outputs: Operands, keys: number): number {
  return work[kernel]?.(inputs, outputs, (x) => dims(x, 'q')[0] * keys) ?? 0;
}
