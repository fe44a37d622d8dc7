// Activation recomputation: memory for time, with the same bits (Chen et al., 2016, arXiv 1604.06174).
import { inReverse, propagate } from './backward.js';
import { scope } from './lifetime.js';
import { isRecording, noGrad, tapeLength, TapeEntry, withRecording, type Receive } from './tape.js';
import { Tensor } from './tensor.js';
import { sameShape, show } from './shape.js';
import type { Random } from './random.js';

/**
 * `work(...inputs)`, of which the tape keeps the inputs alone: the backward pass runs `work` again and goes back through
 * it. The gradients are those without recomputation, bit for bit; leaves (parameters) may be used wherever they come from.
 * @param work a function of its inputs, of leaves, and of numbers drawn from `random`; any other tensor that needs a
 *   gradient must be an input
 * @param random the generator that `work` draws from; for the second run it is set back to where it was
 * @throws (in the backward pass) if `work` used such another tensor, or gives another shape the second time
 */
export function recompute(work: (...inputs: Tensor[]) => Tensor, inputs: readonly Tensor[], random?: Random): Tensor {
  const state = random?.state();
  const y = noGrad(() => scope(() => work(...inputs)));
  if (!isRecording()) return y;
  const pullback = (dy: Tensor, receive: Receive) => {
    const after = random?.state();
    if (state) random?.restore(state);
    try {
      scope(() => again(work, inputs, y.shape, dy, receive));
    } finally {
      if (after) random?.restore(after);
    }
    return {};
  };
  const entry = new TapeEntry('recompute', Object.fromEntries(inputs.entries()), inputs, pullback);
  return new Tensor(y.buffer, y.shape, y.strides, entry);
}

/** Runs `work` on copies of the inputs, this time with a tape, and hands the gradients of the originals on. */
function again(
  work: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  shape: readonly number[],
  dy: Tensor,
  receive: Receive,
): void {
  const first = tapeLength();
  const originals = new Map<Tensor, Tensor>();
  const copies = inputs.map((input) => {
    const copy = new Tensor(input.buffer, input.shape, input.strides, undefined, input.tracked);
    originals.set(copy, input);
    return copy;
  });
  const y = withRecording(true, () => scope(() => work(...copies)));
  if (!sameShape(y.shape, shape))
    throw new Error(
      `recompute: the function gave ${show(shape)} first and ${show(y.shape)} now. Take all its randomness from \`random\`.`,
    );
  const foreign = y.record && inReverse(y.record).find(({ order }) => order < first);
  if (foreign)
    throw new Error(
      `recompute: the function uses a result of ${foreign.name} that is not among its inputs. Pass it as one.`,
    );
  if (y.tracked) propagate(y, dy, (leaf, rule) => receive(originals.get(leaf) ?? leaf, rule));
}
