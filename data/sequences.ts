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

/** Pairs of texts, each `[CLS] first [SEP] second [SEP]`, laid end to end. */
export interface PackedPairs extends PackedSequences {
  /** [N] token types: 0 up to and with the first [SEP], then 1. */
  readonly types: Int32Array;
}

/**
 * Lays pairs end to end. What is too long loses tokens at the end of its longer text, and where both are, so that they become
 * equally long: transformers' `longest_first`.
 * @param maxLength tokens of the longest pair, with [CLS] and both [SEP]
 * @throws if maxLength leaves no room for a token of each
 */
export function packPairs(
  pairs: readonly (readonly [ArrayLike<number>, ArrayLike<number>])[],
  { cls, sep }: { readonly cls: number; readonly sep: number },
  maxLength: number,
): PackedPairs {
  if (!Number.isInteger(maxLength) || maxLength < 5)
    throw new Error(
      `packPairs: maxLength is ${maxLength}, expected a whole number of at least 5, for [CLS], two tokens and two [SEP]; try 256.`,
    );
  // Tokenizers cut each text to maxLength before they look at the pair: past it, both count as equally long.
  const kept = pairs.map(([first, second]) =>
    longestFirst(Math.min(first.length, maxLength), Math.min(second.length, maxLength), maxLength - 3),
  );
  const offsets = new Int32Array(pairs.length + 1);
  kept.forEach(([a, b], i) => (offsets[i + 1] = offsets[i] + a + b + 3));
  const ids = new Int32Array(offsets[pairs.length]);
  const types = new Int32Array(ids.length);
  pairs.forEach(([first, second], i) => {
    const [a, b] = kept[i];
    const begin = offsets[i];
    ids[begin] = cls;
    for (let t = 0; t < a; t++) ids[begin + 1 + t] = first[t];
    ids[begin + 1 + a] = sep;
    for (let t = 0; t < b; t++) ids[begin + 2 + a + t] = second[t];
    ids[offsets[i + 1] - 1] = sep;
    types.fill(1, begin + 2 + a, offsets[i + 1]);
  });
  return { offsets, ids, types };
}

/** How many tokens stay of two texts, of a and b, in a room for so many. */
function longestFirst(a: number, b: number, room: number): [number, number] {
  if (a + b <= room) return [a, b];
  const [short, long] = [Math.min(a, b), Math.max(a, b)];
  const half = Math.floor(room / 2);
  const kept = short <= half ? [short, Math.min(long, room - short)] : [half, room - half];
  return a <= b ? [kept[0], kept[1]] : [kept[1], kept[0]];
}
