// English text to index terms: words, lower case, no stop words, stemmed. After Lucene's EnglishAnalyzer.
import { stemmer } from 'stemmer';

/** Turns a text into the terms it is indexed and searched by, in order, repeated as they repeat. */
export type Analyzer = (text: string) => string[];

/** Lucene's EnglishAnalyzer.ENGLISH_STOP_WORDS_SET, all 33. */
const STOP_WORDS = new Set(
  (
    'a an and are as at be but by for if in into is it no not of on or such ' +
    'that the their then there these they this to was will with'
  ).split(' '),
);

const ALONE = String.raw`\p{Script=Han}\p{Script=Hiragana}`;
const PART = String.raw`[[\p{Alphabetic}\p{M}\p{Nd}_\u200d]--[${ALONE}]]`;
const BETWEEN_LETTERS = String.raw`(?<=\p{Alphabetic}\p{M}*)['’‘＇.．․:：·‧](?=\p{Alphabetic})`;
const BETWEEN_DIGITS = String.raw`(?<=\p{Nd}\p{M}*)['’‘＇.．․,，;；](?=\p{Nd})`;
/**
 * Words as Unicode's default word boundaries (UAX #29) make them, which is what Lucene's StandardTokenizer follows: runs
 * of letters, marks, digits and underscores; kept together over an apostrophe, full stop, colon or middle dot between two
 * letters ("don't", "u.s"), over an apostrophe, full stop, comma or semicolon between two digits ("1,000.5"); Chinese
 * characters and hiragana each alone. Left out: Hebrew's quotation marks, emoji, and the dictionaries of Thai and Lao.
 */
const WORD = new RegExp(`[${ALONE}]|${PART}+(?:(?:${BETWEEN_LETTERS}|${BETWEEN_DIGITS})${PART}+)*`, 'gv');
const LETTER_OR_DIGIT = /[\p{Alphabetic}\p{Nd}]/u;
const POSSESSIVE = /['’＇][sS]$/;

/** A memo of this many words is enough for a natural language, and bounds memory on noise. */
const MEMO_LIMIT = 1 << 18;

/**
 * Lucene's EnglishAnalyzer: words, the possessive 's taken off, lower case, stop words dropped, Porter's stemmer (1980,
 * with his later two changes, logi and bli). One closure is to be shared by documents and queries: it remembers stems.
 */
export function englishAnalyzer(): Analyzer {
  const memo = new Map<string, string>();
  const toTerm = (word: string): string => {
    const lower = word.replace(POSSESSIVE, '').toLowerCase();
    return STOP_WORDS.has(lower) || !LETTER_OR_DIGIT.test(lower) ? '' : stemmer(lower);
  };
  return (text) => {
    const terms: string[] = [];
    for (const word of text.match(WORD) ?? []) {
      let term = memo.get(word);
      if (term === undefined) {
        if (memo.size >= MEMO_LIMIT) memo.clear();
        memo.set(word, (term = toTerm(word)));
      }
      if (term !== '') terms.push(term);
    }
    return terms;
  };
}
