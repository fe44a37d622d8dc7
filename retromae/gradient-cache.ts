// Gradient caching (Gao et al., 2021, arXiv 2101.06983): a contrastive batch that does not fit into memory, to the same
// gradients. Encode chunk by chunk without a tape; the loss of all vectors, and its gradients g with respect to them;
// encode each chunk again and go back from sum(h . g).
import { noGrad, scope, Tensor } from '../core/index.js';
import type { Losses, Part } from '../nn/index.js';

/** A batch in chunks, under any loss of its vectors. */
export interface CachedBatch<C> {
  readonly chunks: readonly C[];
  /**
   * The vectors [n, D] of a chunk, and losses of its own, by its share of the batch: they add up to the batch's. Called
   * twice, and gives the same both times.
   */
  encode(chunk: C, index: number): { h: Tensor; losses?: Losses };
  /** The loss of the vectors of all chunks [B, D], one after another. */
  loss(h: Tensor): Losses;
}

/**
 * The parts of a training step, for `step` of retromae/nn: each is gone back from before the next is computed, so that the
 * tape of one chunk at a time is in memory. Their losses, and gradients, add up to those of the whole batch.
 * @param weight of the batch among those of the step
 */
export function* gradientCache<C>({ chunks, encode, loss }: CachedBatch<C>, weight = 1): Generator<() => Part> {
  const vectors = scope(() => noGrad(() => chunks.map((chunk, i) => encode(chunk, i).h)).reduce((a, b) => a.concat(b)));
  const leaf = new Tensor(vectors.buffer, vectors.shape, vectors.strides, undefined, true);
  yield () => {
    const losses = loss(leaf);
    return { losses, root: losses.loss.mul(weight) };
  };
  const gradient = leaf.grad;
  let from = 0;
  for (const [i, chunk] of chunks.entries())
    yield () => {
      const { h, losses } = encode(chunk, i);
      const to = from + h.shape[0];
      // Its gradient holds the weight already.
      const cached = gradient && h.mul(gradient.slice(0, from, to)).sum();
      from = to;
      const own = losses?.loss.mul(weight);
      return { losses: losses ?? {}, root: own && cached ? own.add(cached) : (own ?? cached) };
    };
}
