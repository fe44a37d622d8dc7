// The vocabulary of the specification's golden collator case: 5 special tokens, 25 words, 10 "##" pieces.
import fc from 'fast-check';
import type { MaskingVocabulary } from '../../retromae/masking.js';

export const [PAD, UNK, CLS, SEP, MASK] = [0, 1, 2, 3, 4];

export const toyVocabulary: MaskingVocabulary = {
  size: 40,
  cls: CLS,
  sep: SEP,
  mask: MASK,
  isContinuation: (id) => id >= 30,
  isSpecial: (id) => id < 5,
};

/** Ids of one text: words, pieces that go on, and sometimes [UNK]. */
export const toyText = (minLength: number, maxLength: number): fc.Arbitrary<number[]> =>
  fc.array(
    fc.oneof({ weight: 12, arbitrary: fc.integer({ min: 5, max: 39 }) }, { weight: 1, arbitrary: fc.constant(UNK) }),
    { minLength, maxLength, size: 'max' },
  );
