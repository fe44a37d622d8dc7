// Sentences (Unicode text segmentation, UAX 29, through Intl.Segmenter) and RetroMAE's packing of them into blocks.
import type { Document } from './document.js';
import type { WordPiece } from './wordpiece.js';

/** `Intl.Segmenter` takes time quadratic in the length of its text, so a long text is fed to it in windows. */
const WINDOW = 4096;

/** UAX 29 ends a sentence at `Mr. Smith` and `J. Smith`: a title or a lone initial before a capital goes on. */
const ABBREVIATION = /(?:^|[\s("“‘])(?:Mr|Mrs|Ms|Messrs|Dr|Prof|Rev|Hon|Gen|Col|Capt|Lt|Sen|Rep|Gov|St|vs|[A-Z]|(?:[A-Z]\.)+[A-Z])\.\s+$/;

const segmenters = new Map<string, Intl.Segmenter>();

/**
 * The sentences of a text, trimmed, without empty ones. Line breaks end sentences (UAX 29). Abbreviations are known
 * for English only, and only titles and initials.
 * @param locale a BCP 47 tag, such as 'en' or 'zh'.
 */
export function splitSentences(text: string, locale = 'en'): string[] {
  let segmenter = segmenters.get(locale);
  if (segmenter === undefined) segmenters.set(locale, (segmenter = new Intl.Segmenter(locale, { granularity: 'sentence' })));
  const english = /^en\b/.test(locale);
  const sentences: string[] = [];
  let open = '';
  for (const segment of segments(text, segmenter)) {
    open += segment;
    if (english && ABBREVIATION.test(segment) && !segment.endsWith('\n')) continue;
    const sentence = open.trim();
    if (sentence !== '') sentences.push(sentence);
    open = '';
  }
  if (open.trim() !== '') sentences.push(open.trim());
  return sentences;
}

function* segments(text: string, segmenter: Intl.Segmenter): Generator<string> {
  let width = WINDOW;
  for (let start = 0; start < text.length; ) {
    const window = text.slice(start, start + width);
    const found = Array.from(segmenter.segment(window), ({ segment }) => segment);
    if (start + width < text.length) {
      // The window may have cut the last sentence short: it begins the next window, or, if it is alone, gets a wider one.
      found.pop();
      if (found.length === 0) {
        width *= 2;
        continue;
      }
    }
    for (const segment of found) {
      yield segment;
      start += segment.length;
    }
    width = WINDOW;
  }
}

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
  if (!Number.isInteger(maxTokens) || maxTokens < 3) {
    throw new Error(`pack: maxTokens is ${maxTokens}, expected a whole number of at least 3. Give the model's longest sequence less 2.`);
  }
  if (shortProbability === 0) return () => maxTokens;
  if (!(shortProbability > 0 && shortProbability <= 1) || random === undefined) {
    throw new Error(
      `pack: shortProbability is ${shortProbability}${random ? '' : ' and random is not given'}, expected a number from 0 to 1 and a function. Pass both.`,
    );
  }
  return () => (random() > shortProbability ? maxTokens : 3 + Math.floor(random() * (maxTokens - 2)));
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
