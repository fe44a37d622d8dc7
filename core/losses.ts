// Losses as functions of tensors.
import type { Ids } from './host.js';
import * as ops from './ops/index.js';
import { zeros, type Operand, type Tensor } from './tensor.js';

/**
 * Mean cross-entropy of logits scale x table^T + bias against labels, one row of the table for each row of x, without
 * keeping logits; and the share of rows whose label scores best. x [N, H], table [V, H], bias [V].
 *
 * InfoNCE (van den Oord et al., 2018) is x = queries, table = passages, scale = 1 / temperature, labels = where the
 * passage of each query is: all other passages of the batch are its negatives.
 */
export function crossEntropy(
  x: Tensor,
  table: Tensor,
  labels: Ids,
  { bias, scale = 1 }: { bias?: Tensor; scale?: Operand } = {},
): { loss: Tensor; accuracy: Tensor } {
  const inputs = {
    x: scale === 1 ? x : x.mul(scale),
    table,
    bias: bias ?? zeros([table.shape[0]], { backend: x.backend }),
  };
  const { y, hit } = ops.linearCrossEntropy.applyAll(inputs, { labels });
  return { loss: y, accuracy: hit.mean() };
}
