// Texts as BERT reads them: [CLS] text [SEP], packed end to end without padding.

/** Sequence b is `ids[offsets[b]] .. ids[offsets[b + 1] - 1]`. */
export interface PackedSequences {
  /** [B + 1], from 0 to N. */
  readonly offsets: Int32Array;
  /** [N] */
  readonly ids: Int32Array;
}

/**
 * Puts [CLS] and [SEP] around each of B texts and lays them end to end; of a text that is too long, the left part stays.
 * Ids are taken as they are.
 * @param texts the ids of each text, without [CLS] and [SEP]; none is a sequence of these two
 * @param maxLength tokens of the longest sequence, with both
 * @throws if maxLength leaves no room for text
 */
export function packSequences(
  texts: readonly ArrayLike<number>[],
  { cls, sep }: { readonly cls: number; readonly sep: number },
  maxLength: number,
): PackedSequences {
  if (!Number.isInteger(maxLength) || maxLength < 3)
    throw new Error(
      `packSequences: maxLength is ${maxLength}, expected a whole number of at least 3, for [CLS], a token and [SEP]; try 128.`,
    );
  const offsets = new Int32Array(texts.length + 1);
  texts.forEach(({ length }, b) => (offsets[b + 1] = offsets[b] + Math.min(length + 2, maxLength)));
  const ids = new Int32Array(offsets[texts.length]);
  texts.forEach((text, b) => {
    const last = offsets[b + 1] - 1;
    ids[offsets[b]] = cls;
    for (let row = offsets[b] + 1, i = 0; row < last; row++, i++) ids[row] = text[i];
    ids[last] = sep;
  });
  return { offsets, ids };
}
