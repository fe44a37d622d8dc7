// Sentences to training blocks: RetroMAE's packing (retromae-spec.md 1.1; `preprocess.py` of the authors).
import type { Document } from './document.js';
import { splitSentences } from './sentences.js';
import type { WordPiece } from './wordpiece.js';

/** The shortest length that a short block may aim at. */
const SHORTEST = 3;

export interface PackOptions {
  /** Chance of a block to aim at a random length from 3 to `maxTokens` instead. Default 0. */
  shortProbability?: number;
  /** Uniform numbers in [0, 1); needed only with `shortProbability`. */
  random?: () => number;
}

/**
 * Packs token ids into blocks of about `maxTokens` (retromae-spec.md 1.1): units are appended while the block is
 * shorter than its target. The test comes before the appending, so a block runs over by up to one unit; the collator
 * cuts that off.
 * @param units ids of one sentence or line each, without special tokens.
 * @param maxTokens the longest sequence less 2, for [CLS] and [SEP].
 */
export function* pack(
  units: Iterable<ArrayLike<number>>,
  maxTokens: number,
  options: PackOptions = {},
): Generator<Int32Array> {
  const draw = targets(maxTokens, options);
  let block: ArrayLike<number>[] = [];
  let length = 0;
  let target = draw();
  for (const unit of units) {
    if (length >= target) {
      yield joined(block, length);
      block = [];
      length = 0;
      target = draw();
    }
    block.push(unit);
    length += unit.length;
  }
  if (length > 0) yield joined(block, length);
}

/** The length that the next block aims at. */
function targets(maxTokens: number, { shortProbability = 0, random }: PackOptions): () => number {
  const shortest = shortProbability === 0 ? 1 : SHORTEST;
  if (!Number.isInteger(maxTokens) || maxTokens < shortest) {
    throw new Error(
      `pack: maxTokens is ${maxTokens}, expected a whole number of at least ${shortest}. Give the model's longest sequence less 2.`,
    );
  }
  if (shortProbability === 0) return () => maxTokens;
  if (!(shortProbability > 0 && shortProbability <= 1) || random === undefined) {
    throw new Error(
      `pack: shortProbability is ${shortProbability}${random ? '' : ' and random is not given'}, expected a number from 0 to 1 and a function. Pass both.`,
    );
  }
  return () => (random() > shortProbability ? maxTokens : SHORTEST + Math.floor(random() * (maxTokens - SHORTEST + 1)));
}

function joined(units: readonly ArrayLike<number>[], length: number): Int32Array {
  const ids = new Int32Array(length);
  let at = 0;
  for (const unit of units) {
    ids.set(unit, at);
    at += unit.length;
  }
  return ids;
}

export interface Block {
  /** Content ids, without [CLS] and [SEP]; may run over `maxTokens` by less than a sentence. */
  ids: Int32Array;
  document: Document;
}

export interface PackDocumentsOptions extends PackOptions {
  maxTokens: number;
  /** Locale of the sentence rules. Default 'en'. */
  locale?: string;
}

/** Tokenises documents sentence by sentence and packs each on its own: no block crosses documents. */
export async function* packDocuments(
  documents: Iterable<Document> | AsyncIterable<Document>,
  tokenizer: WordPiece,
  { maxTokens, locale, ...options }: PackDocumentsOptions,
): AsyncGenerator<Block> {
  for await (const document of documents) {
    for (const ids of packText(document.text, tokenizer, { maxTokens, locale, ...options })) yield { ids, document };
  }
}

/** The blocks of one text. A text that fits into one block needs no sentences: it comes to the same ids. */
export function* packText(
  text: string,
  tokenizer: WordPiece,
  { maxTokens, locale, ...options }: PackDocumentsOptions,
): Generator<Int32Array> {
  if (!options.shortProbability) {
    const ids = tokenizer.encode(text);
    if (ids.length <= maxTokens) {
      yield* pack([ids], maxTokens);
      return;
    }
  }
  yield* pack(
    splitSentences(text, locale).map((sentence) => tokenizer.encode(sentence)),
    maxTokens,
    options,
  );
}
