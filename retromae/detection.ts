// The detection of replaced tokens (Clark et al., 2020, arXiv 2003.10555), as DiffCSE has it: with a vector that knows the text.
import { crossEntropy, HostArray, Ids, scope, Sequences, type Random, type Tensor } from '../core/index.js';
import type { BertModel, Linear } from '../nn/index.js';
import { longestSequence, sequenceCount, wordsFor, type Batch } from './batch.js';
import { behindSentence } from './decoding.js';
import type { Predicted } from './encoding.js';

/** What detects, by the authors' names. */
export interface Detector {
  readonly discriminator: BertModel;
  /** To the logits of "as it was" and "replaced". */
  readonly electra_head: Linear;
}

/** Texts of which tokens may be replaced, as rows: packed, or padded where padding counts. */
export interface ReplacedTokens {
  readonly sequences: Sequences;
  /** [R] what is read. */
  readonly ids: Int32Array;
  /** [R] 1 where that is not the text's. */
  readonly replaced: Int32Array;
  /** [R, words] which positions a row may see, as `DecoderBatch.visible`; absent where all of its sequence. */
  readonly visible?: HostArray;
}

/**
 * Lays out a batch with what a generator made of it; its first token stays.
 * @param countPadding whether each text is padded to the longest, and padding is to be told from what was replaced as well
 * @throws if there is nothing generated
 */
export function replacedTokens(
  { ids, offsets, generated, ...batch }: Batch & { readonly generated?: Int32Array },
  pad: number,
  countPadding: boolean,
): ReplacedTokens {
  if (!generated)
    throw new Error(
      'DiffCSE: the batch has nothing that was generated. Await model.prepared(batch) before the losses.',
    );
  const count = sequenceCount({ ids, offsets, ...batch });
  const longest = longestSequence({ offsets });
  const lengths = Array.from({ length: count }, (_, b) => offsets[b + 1] - offsets[b]);
  const sequences = Sequences.ofLengths(countPadding ? lengths.map(() => longest) : lengths);
  const read = new Int32Array(sequences.rows).fill(pad);
  const replaced = new Int32Array(sequences.rows);
  const words = wordsFor(longest);
  const visible = new Uint16Array(countPadding ? sequences.rows * words : 0);
  lengths.forEach((length, b) => {
    const start = sequences.offsets.values[b];
    for (let p = 0; p < length; p++) {
      const row = offsets[b] + p;
      read[start + p] = p === 0 ? ids[row] : generated[row];
      replaced[start + p] = Number(read[start + p] !== ids[row]);
    }
    if (!countPadding) return;
    const seen = Uint16Array.from({ length: words }, (_, w) => (1 << Math.max(0, Math.min(16, length - 16 * w))) - 1);
    for (let p = 0; p < longest; p++) visible.set(seen, (start + p) * words);
  });
  return {
    sequences,
    ids: read,
    replaced,
    ...(countPadding && { visible: new HostArray(visible, [sequences.rows, words]) }),
  };
}

/** Mean cross-entropy over all rows, z [B, H] standing in the place of the first token of each text. */
export function detectReplaced(
  { discriminator, electra_head: head }: Detector,
  z: Tensor,
  { sequences, ids, replaced, visible }: ReplacedTokens,
  random?: Random,
): Predicted {
  return scope(() => {
    const embedded = discriminator.embeddings.forward(new Ids(ids), sequences, random);
    const states = discriminator.through(behindSentence(z, embedded, sequences), sequences, { visible, random });
    return crossEntropy(states, head.weight, new Ids(replaced), { bias: head.bias });
  });
}
