// Texts of which words are deleted, for TSDAE.
import type { Batch } from './batch.js';
import { TextCollator, type Generators } from './collator.js';
import type { Example } from './example.js';
import { roundHalfEven, WordMasker } from './masking.js';
import type { Collates, TextRules } from './objective.js';

/** What TSDAE needs. */
export interface DeletedBatch extends Batch {
  /** [N] 1 where a token stays: always on [CLS] and [SEP]. */
  readonly kept: Int32Array;
}

export class DeletionCollator implements Collates<DeletedBatch> {
  private readonly texts: TextCollator;

  /** @param share of the tokens of a text that are deleted, by whole words; one token at least stays */
  constructor(
    private readonly rules: TextRules,
    private readonly share: number,
  ) {
    this.texts = new TextCollator(rules);
  }

  /** @throws as `Collator.collate`, or if `generators` are not of each example */
  collate(examples: readonly Example[], generators: Generators): DeletedBatch {
    if (typeof generators !== 'function')
      throw new Error(
        'deletion: each example needs a generator of its own. Give a function of its place in the batch.',
      );
    const { offsets, ids } = this.texts.collate(examples);
    const kept = new Int32Array(ids.length).fill(1);
    for (let text = 0; text < examples.length; text++) {
      const [begin, end] = offsets.subarray(text, text + 2);
      const masker = new WordMasker(ids.subarray(begin, end), this.rules.tokenizer);
      const content = end - begin - 2;
      const count = Math.min(content - 1, roundHalfEven(content * this.share));
      const bits = new Uint16Array(masker.words);
      masker.draw(count, generators(text), bits);
      for (let p = 0; p < end - begin; p++) if ((bits[p >> 4] >> (p & 15)) & 1) kept[begin + p] = 0;
    }
    return { offsets, ids, kept };
  }
}

/** What is left of the texts. */
export function keptTokens({ ids, offsets, kept }: DeletedBatch): Pick<Batch, 'ids' | 'offsets'> {
  const before = new Int32Array(ids.length + 1);
  kept.forEach((stays, row) => (before[row + 1] = before[row] + stays));
  return { ids: ids.filter((_, row) => kept[row] === 1), offsets: offsets.map((row) => before[row]) };
}
