// Auto-regressive decoding: each token of a text predicts the next one, and sees those before it.
import { HostArray, Ids, Sequences } from '../core/index.js';
import { sequenceCount, wordsFor, type Batch } from './batch.js';

/** The tokens of a batch that have a next one, [R] in all: each text without its last token, [SEP]. */
export interface NextTokens {
  readonly sequences: Sequences;
  readonly ids: Int32Array;
  readonly next: Ids;
  /** The share of a larger batch's such tokens that these are. */
  readonly share: number;
}

export function nextTokens({ ids, offsets, whole }: Batch): NextTokens {
  const lengths = Int32Array.from({ length: offsets.length - 1 }, (_, b) => offsets[b + 1] - offsets[b] - 1);
  const sequences = Sequences.ofLengths(lengths);
  // Each text before this one left its last token behind.
  const rows = Int32Array.from(sequences.ofRow.values, (text, row) => row + text);
  const all = whole ? whole.ids.length - sequenceCount(whole) : rows.length;
  return {
    sequences,
    ids: rows.map((row) => ids[row]),
    next: new Ids(rows.map((row) => ids[row + 1])),
    share: rows.length / all,
  };
}

/** Whether position i sees position j: itself, `reach` - 1 before it (0: all), and the first. */
export const seesBefore = (i: number, j: number, reach: number): boolean =>
  j <= i && (j === 0 || reach === 0 || i - j < reach);

/** What each row may see, as bits: see `DecoderBatch.visible`. */
export function causalBits({ rows, positions, longest }: Sequences, reach = 0): HostArray {
  const words = wordsFor(longest);
  const bits = new Uint16Array(rows * words);
  for (let row = 0; row < rows; row++) {
    const i = positions.values[row];
    for (let j = 0; j <= i; j++) if (seesBefore(i, j, reach)) bits[row * words + (j >> 4)] |= 1 << (j & 15);
  }
  return new HostArray(bits, [rows, words]);
}
