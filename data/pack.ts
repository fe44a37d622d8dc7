// Sentences to training blocks: RetroMAE's packing (retromae-spec.md 1.1; `preprocess.py` of the authors), without its loss.
import type { Document } from './document.js';
import { encodeWords, type WordRule } from './segment-words.js';
import { sentencesOf } from './sentences.js';
import type { WordPiece } from './wordpiece.js';

/** The shortest length that a short block may aim at. */
const SHORTEST = 3;

export interface PackOptions {
  /** Whether a token goes on with the word of the one before it: no word is cut in two. By default none does. */
  isContinuation?: (id: number) => boolean;
  /** Chance of a block to aim at a random length from 3 to `maxTokens` instead. Default 0. */
  shortProbability?: number;
  /** Uniform numbers in [0, 1); needed only with `shortProbability`. */
  random?: () => number;
}

/** Tokens of one sentence or line, without special tokens. */
export interface Unit {
  readonly ids: ArrayLike<number>;
  /** 1 where a token goes on with the word of the one before it, where more is known of words than `##` says. */
  readonly continues?: ArrayLike<number>;
}

/** A block of text, and where its sentences begin. */
export interface PackedBlock {
  /** [1 .. maxTokens] content ids, without [CLS] and [SEP]. */
  readonly ids: Int32Array;
  /** Where in `ids` each sentence begins: from 0, which may be within one that began in the block before. */
  readonly sentences: Int32Array;
  /** As `Unit.continues`, where the units have it. */
  readonly continues?: Uint8Array;
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
  function* unmarked(): Generator<Unit> {
    for (const ids of units) yield { ids };
  }
  for (const { ids } of packUnits(unmarked(), maxTokens, options)) yield ids;
}

/** The same, and where the units begin. @throws as `pack` */
export function* packUnits(
  units: Iterable<Unit>,
  maxTokens: number,
  options: PackOptions = {},
): Generator<PackedBlock> {
  const { isContinuation = () => false } = options;
  const draw = targets(maxTokens, options);
  let block = new OpenBlock();
  let target = draw();
  for (const { ids, continues } of units) {
    const goesOn = (at: number): boolean => isContinuation(ids[at]) || continues?.[at] === 1;
    for (let from = 0; from < ids.length;) {
      const left = ids.length - from;
      if (block.length > 0 && (block.length >= target || block.length + left > maxTokens)) {
        yield block.closed();
        block = new OpenBlock();
        target = draw();
        continue;
      }
      const end = left > maxTokens ? wordEnd(from, from + maxTokens, goesOn) : ids.length;
      block.add(ids, from, end, continues);
      from = end;
    }
  }
  if (block.length > 0) yield block.closed();
}

class OpenBlock {
  private readonly ids: number[] = [];
  private readonly sentences: number[] = [];
  private readonly continues: number[] = [];

  get length(): number {
    return this.ids.length;
  }

  add(ids: ArrayLike<number>, from: number, end: number, continues?: ArrayLike<number>): void {
    this.sentences.push(this.length);
    for (let i = from; i < end; i++) this.ids.push(ids[i]);
    if (continues) for (let i = from; i < end; i++) this.continues.push(continues[i]);
  }

  closed(): PackedBlock {
    const { ids, sentences, continues } = this;
    return {
      ids: Int32Array.from(ids),
      sentences: Int32Array.from(sentences),
      ...(continues.length > 0 && { continues: Uint8Array.from(continues) }),
    };
  }
}

/** Where to end a block that begins at `from` and may reach to `most`: before the last word that begins there, if one does. */
function wordEnd(from: number, most: number, goesOn: (at: number) => boolean): number {
  for (let end = most; end > from; end--) if (!goesOn(end)) return end;
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
  /** What a word is: the pieces that `##` joins (default), or, of text without blanks, what Unicode's rules and dictionaries say. */
  words?: WordRule;
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

/** The blocks of one text; end to end, they are `tokenizer.encode(text)`. */
export function* packText(text: string, tokenizer: WordPiece, options: PackDocumentsOptions): Generator<Int32Array> {
  for (const { ids } of packSentences(text, tokenizer, options)) yield ids;
}

/** The same, and where sentences begin. */
export function* packSentences(
  text: string,
  tokenizer: WordPiece,
  { maxTokens, locale, words = 'pieces', ...options }: PackDocumentsOptions,
): Generator<PackedBlock> {
  function* units(): Generator<Unit> {
    for (const sentence of sentencesOf(text, locale))
      yield words === 'segmented' ? encodeWords(sentence, tokenizer, locale) : { ids: tokenizer.encode(sentence) };
  }
  yield* packUnits(units(), maxTokens, { ...options, isContinuation: (id) => tokenizer.isContinuation(id) });
}
