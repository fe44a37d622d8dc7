// Sentence vectors: what the rows of each packed sequence come to.
import * as ops from './ops/index.js';
import type { Sequences } from './sequences.js';
import { show } from './shape.js';
import { tensor, type Tensor } from './tensor.js';

/** Sums over sequences divided by those of their weights (1 each if none are given); 0 for a sequence without rows. */
export function pool(x: Tensor, sequences: Sequences, weights?: Tensor): Tensor {
  const { backend } = x;
  const offsets = sequences.offsets.values;
  const column = (f: (length: number) => number) =>
    tensor(
      Float64Array.from({ length: sequences.count }, (_, b) => f(offsets[b + 1] - offsets[b])),
      [sequences.count, 1],
      { backend },
    );
  if (!weights) return ops.segmentSum.apply({ x }, { sequences }).mul(column((length) => length && 1 / length));
  if (weights.rank !== 1 || weights.size !== x.shape[0])
    throw new Error(`pool: weights are ${show(weights.shape)}, x is ${show(x.shape)}. Give one weight a row.`);
  const each = weights.reshape([weights.size, 1]);
  const totals = ops.segmentSum.apply({ x: each }, { sequences });
  // Where there are no rows, 0 / 1.
  const divisors = totals.add(column((length) => (length ? 0 : 1)));
  return ops.segmentSum.apply({ x: x.mul(each) }, { sequences }).div(divisors);
}
