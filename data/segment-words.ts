// Whole words of text without blanks, for masking: Chinese and Japanese by Unicode's rules and dictionaries (UAX 29).
import type { Unit } from './pack.js';
import { wordStarts } from './sentences.js';
import { IDEOGRAPH, unicodeClasses } from './unicode-classes.js';
import type { WordPiece } from './wordpiece.js';

/** What a word is where whole words are masked. */
export const WORD_RULES = ['pieces', 'segmented'] as const;
export type WordRule = (typeof WORD_RULES)[number];

/** Characters that BERT takes for words of their own, one after another; and what is between them. */
function* stretches(text: string): Generator<{ start: number; text: string; isIdeographs: boolean }> {
  const classes = unicodeClasses();
  let start = 0;
  let was = false;
  for (let at = 0; at <= text.length; at++) {
    const code = text.codePointAt(at);
    const is = code !== undefined && (classes[code] & IDEOGRAPH) !== 0;
    if (at === text.length || is !== was) {
      if (at > start) yield { start, text: text.slice(start, at), isIdeographs: was };
      [start, was] = [at, is];
    }
    if (code !== undefined && code > 0xffff) at++;
  }
}

/**
 * The ids of a text, and which tokens go on with a word. BERT makes each ideograph a word of its own; a segmenter says which
 * of them are one. Where the tokens of a text are not those of its parts, end to end, nothing is said of words.
 */
export function encodeWords(text: string, tokenizer: WordPiece, locale?: string): Unit {
  const ids = tokenizer.encode(text);
  const continues = new Uint8Array(ids.length);
  const starts = wordStarts(text, locale);
  let at = 0;
  for (const stretch of stretches(text)) {
    const own = tokenizer.encode(stretch.text);
    if (own.some((id, i) => id !== ids[at + i])) return { ids, continues: continues.fill(0) };
    const goesOn = (place: number, token: number) => {
      if (place > 0 && own.length > 0 && !starts.has(place)) continues[token] = 1;
    };
    const characters = Array.from(stretch.text);
    if (!stretch.isIdeographs || characters.length !== own.length) goesOn(stretch.start, at);
    else {
      let place = stretch.start;
      characters.forEach((character, i) => {
        goesOn(place, at + i);
        place += character.length;
      });
    }
    at += own.length;
  }
  return at === ids.length ? { ids, continues } : { ids, continues: continues.fill(0) };
}
