// Text to sentences, by three rules for three purposes. After Unicode text segmentation (UAX 29), through Intl.Segmenter.

import { PUNCTUATION, SPACE, unicodeClasses } from './unicode-classes.js';

/** `Intl.Segmenter` takes time quadratic in the length of its text, so a long text is fed to it in windows. */
const WINDOW = 4096;
/** A sentence that is longer than this is none: it is cut where a word ends. */
const LONGEST = 1 << 16;
/** What has no end of a word for so long beyond that is cut anywhere: encoded files, which are no text. */
const LONGEST_WORD = 1 << 20;

/**
 * A word of BERT ends behind such a character, whatever follows and however the text is normalised. What opens a bracket
 * or a quotation belongs to what follows: UAX 29 ends a sentence within `.[MASK]`.
 */
const WORD_END = /[\t\n\r\p{Z}\p{Pc}\p{Pd}\p{Pe}\p{Pf}\p{Po}]/gu;
const HIGH_SURROGATE = /[\uD800-\uDBFF]/;
const ENDS_WORD = new RegExp(`${WORD_END.source}$`, 'u');
/** Punctuation that is younger than the tokenizer's tables is a part of words to it. */
const CUTS = SPACE | PUNCTUATION;

/** UAX 29 ends a sentence at `Mr. Smith` and `J. Smith`: a title or a lone initial before a capital goes on. */
const ABBREVIATION =
  /(?:^|[\s("“‘])(?:Mr|Mrs|Ms|Messrs|Dr|Prof|Rev|Hon|Gen|Col|Capt|Lt|Sen|Rep|Gov|St|vs|[A-Z]|(?:[A-Z]\.)+[A-Z])\.\s+$/;

/**
 * Text that somebody has tokenised has its stops between blanks, and often no capitals, without which UAX 29 ends no sentence:
 * `the wing is heated . heat flows`.
 */
const TOKENISED_END = /(?<=\s[.?!]\s+)(?=\S)/;

const SENTENCE_END = /[.?!]["'”’)\]]*\s+(?=["'“‘([]?[A-Z0-9])/g;

/**
 * The sentences of a text, trimmed, without empty ones: what training packs into blocks. Line breaks end sentences
 * (UAX 29). Abbreviations are known for English only, and only titles and initials. No sentence ends within a word, so
 * tokenised one by one they come to the ids of the whole.
 * @param locale a BCP 47 tag, such as 'en' or 'zh'.
 */
export const splitSentences = (text: string, locale = 'en'): string[] => [...sentencesOf(text, locale)];

/** The same, one by one. */
export function* sentencesOf(text: string, locale = 'en'): Generator<string> {
  const english = /^en\b/.test(locale);
  let open = '';
  for (const segment of sentenceSegments(text, locale)) {
    open += segment;
    const goesOn = !endsWord(segment) || (english && ABBREVIATION.test(segment) && !segment.endsWith('\n'));
    if (goesOn && open.length < LONGEST_WORD) continue;
    const sentence = open.trim();
    if (sentence !== '') yield sentence;
    open = '';
  }
  if (open.trim() !== '') yield open.trim();
}

/**
 * The sentences of UAX 29 as they stand, which end to end are the text: for whoever takes one out and keeps the rest.
 * Of what has no sentence end in 65,536 characters, about so many at a time: the time stays linear in the text's length.
 */
export function* sentenceSegments(text: string, locale = 'en'): Generator<string> {
  const segmenter = segmenterOf(locale, 'sentence');
  let width = WINDOW;
  for (let start = 0; start < text.length;) {
    const window = text.slice(start, start + width);
    const found = Array.from(segmenter.segment(window), ({ segment }) => segment);
    if (start + width < text.length) {
      // The window may have cut the last sentence short: it begins the next window, or, if it is alone, gets a wider one.
      found.pop();
      if (found.length === 0 && width < LONGEST) {
        width *= 2;
        continue;
      }
      if (found.length === 0) found.push(text.slice(start, cutBetweenWords(text, start, start + width)));
    }
    for (const segment of found) {
      yield* segment.split(TOKENISED_END);
      start += segment.length;
    }
    width = WINDOW;
  }
}

/** Where the last word before `end` ends; behind `end` if none does before. */
function cutBetweenWords(text: string, start: number, end: number): number {
  for (let at = end; at > start; at--) if (endsWord(text[at - 1])) return at;
  const beyond = text.slice(end, end + LONGEST_WORD);
  for (const { 0: found, index } of beyond.matchAll(WORD_END)) if (endsWord(found)) return end + index + found.length;
  return end + beyond.length - (HIGH_SURROGATE.test(beyond.slice(-1)) ? 1 : 0);
}

/** Whether a text ends where a word does. Only its last code point is looked at. */
function endsWord(text: string): boolean {
  const [end] = ENDS_WORD.exec(text.slice(-2)) ?? [];
  return end !== undefined && (unicodeClasses()[end.codePointAt(0)!] & CUTS) !== 0;
}

/**
 * Whole sentences, as many as fit into `limit` characters with the blank behind them, at least one. A stop before a
 * capital or a digit is taken for the end of one: coarser than `splitSentences`, and right often enough for a cut every
 * few sentences.
 */
export function passages(text: string, limit: number): string[] {
  const found: string[] = [];
  let start = 0;
  let end = 0;
  const ends = Array.from(text.matchAll(SENTENCE_END), (match) => match.index + match[0].length);
  for (const next of [...ends, text.length]) {
    if (next - start > limit && end > start) {
      found.push(text.slice(start, end).trim());
      start = end;
    }
    end = next;
  }
  found.push(text.slice(start).trim());
  return found.filter((passage) => passage !== '');
}

/** How many words a text has by UAX 29; marks and blanks are none. */
export function wordCount(text: string, locale = 'en'): number {
  let count = 0;
  for (const { isWordLike } of segmenterOf(locale, 'word').segment(text)) if (isWordLike) count++;
  return count;
}

/** Where in a text a word begins, or what is between words, by UAX 29 and the dictionaries of its languages. */
export function wordStarts(text: string, locale = 'en'): Set<number> {
  const starts = new Set<number>();
  for (const { index } of segmenterOf(locale, 'word').segment(text)) starts.add(index);
  return starts;
}

const segmenters = new Map<string, Intl.Segmenter>();

/** Making a segmenter takes longer than most texts do. */
function segmenterOf(locale: string, granularity: 'sentence' | 'word'): Intl.Segmenter {
  const key = `${granularity} ${locale}`;
  let segmenter = segmenters.get(key);
  if (segmenter === undefined) segmenters.set(key, (segmenter = new Intl.Segmenter(locale, { granularity })));
  return segmenter;
}
