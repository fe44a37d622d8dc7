// Sentences to training blocks: RetroMAE's packing (retromae-spec.md 1.1; `preprocess.py` of the authors), without its loss.
import type { Document } from './document.js';
import { sentencesOf } from './sentences.js';
import type { WordPiece } from './wordpiece.js';

/** The shortest length that a short block may aim at. */
const SHORTEST = 3;
/** A text with more characters than this for each token of a block is not tried whole first: it hardly ever fits. */
const CHARACTERS = 8;

export interface PackOptions {
  /** Whether a token goes on with the word of the one before it: no word is cut in two. By default none does. */
  isContinuation?: (id: number) => boolean;
  /** Chance of a block to aim at a random length from 3 to `maxTokens` instead. Default 0. */
  shortProbability?: number;
  /** Uniform numbers in [0, 1); needed only with `shortProbability`. */
  random?: () => number;
}

/**
 * Packs token ids into blocks of at most `maxTokens`: units are appended while the block is shorter than its target. A
 * unit that does not fit begins the next block; one that is longer than a block is split where a word ends, or within a
 * word that is longer than a block by itself. End to end, the blocks are the units: nothing is lost.
 *
 * The authors test the length before they append (retromae-spec.md 1.1), so a block runs over by up to a unit, which
 * their collator cuts off. That loses the ends of sentences everywhere, and nearly all of a text that a sentence rule
 * finds no ends in: lower case, lists, addresses.
 * @param units ids of one sentence or line each, without special tokens
 * @param maxTokens the longest sequence less 2, for [CLS] and [SEP]
 * @throws if `maxTokens` holds no block, or chance and `random` do not go together
 */
export function* pack(
  units: Iterable<ArrayLike<number>>,
  maxTokens: number,
  options: PackOptions = {},
): Generator<Int32Array> {
  const { isContinuation = () => false } = options;
  const draw = targets(maxTokens, options);
  let block: number[] = [];
  let target = draw();
  for (const unit of units) {
    for (let from = 0; from < unit.length;) {
      const left = unit.length - from;
      if (block.length > 0 && (block.length >= target || block.length + left > maxTokens)) {
        yield Int32Array.from(block);
        block = [];
        target = draw();
        continue;
      }
      const end = left > maxTokens ? wordEnd(unit, from, from + maxTokens, isContinuation) : unit.length;
      while (from < end) block.push(unit[from++]);
    }
  }
  if (block.length > 0) yield Int32Array.from(block);
}

/** Where to end a block that begins at `from` and may reach to `most`: before the last word that begins there, if one does. */
function wordEnd(ids: ArrayLike<number>, from: number, most: number, isContinuation: (id: number) => boolean): number {
  for (let end = most; end > from; end--) if (!isContinuation(ids[end])) return end;
  return most;
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

export interface Block {
  /** [1 .. maxTokens] content ids, without [CLS] and [SEP]. */
  ids: Int32Array;
  document: Document;
}

export interface PackDocumentsOptions extends Omit<PackOptions, 'isContinuation'> {
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

/**
 * The blocks of one text; end to end, they are `tokenizer.encode(text)`. A text that fits into one block needs no
 * sentences: it comes to the same ids.
 */
export function* packText(
  text: string,
  tokenizer: WordPiece,
  { maxTokens, locale, ...options }: PackDocumentsOptions,
): Generator<Int32Array> {
  const rules = { ...options, isContinuation: (id: number) => tokenizer.isContinuation(id) };
  if (!options.shortProbability && text.length <= CHARACTERS * maxTokens) {
    const ids = tokenizer.encode(text);
    if (ids.length <= maxTokens) {
      yield* pack([ids], maxTokens, rules);
      return;
    }
  }
  yield* pack(encoded(text, tokenizer, locale), maxTokens, rules);
}

function* encoded(text: string, tokenizer: WordPiece, locale?: string): Generator<Int32Array> {
  for (const sentence of sentencesOf(text, locale)) yield tokenizer.encode(sentence);
}
