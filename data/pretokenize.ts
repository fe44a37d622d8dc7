// Text to words as BERT does it (Devlin et al., `tokenization.py`), character by character as Hugging Face's `tokenizers`.
import { IDEOGRAPH, LATER, MARK, PUNCTUATION, REMOVED, SPACE, unicodeClasses } from './unicode-classes.js';
import { HASH_SEED, foldHash } from './word-table.js';

/** How text is normalised before it is cut into words: the fields of Hugging Face's `BertNormalizer`. */
export interface NormalizerOptions {
  /** Lower-case the text. Default true. */
  lowercase: boolean;
  /** Remove accents (NFD, then drop category Mn); null means: if and only if `lowercase`. Default null. */
  stripAccents: boolean | null;
  /** Make every CJK ideograph a word of its own. Default true. */
  chineseChars: boolean;
  /** Drop control characters and U+FFFD, make every white space a blank. Default true. */
  cleanText: boolean;
}

export const defaultNormalizer: Readonly<NormalizerOptions> = {
  lowercase: true,
  stripAccents: null,
  chineseChars: true,
  cleanText: true,
};

/**
 * Gets the words of a text one by one: `text[start, end)`, with the FNV-1a hash of its units (word-table.ts).
 * ASCII words come as they stand in the text, not yet lower-cased: a sink that remembers words by their hash
 * then builds no string for a word that it has seen.
 */
export interface WordSink {
  word(text: string, start: number, end: number, hash: number): void;
}

/** What ends a word. */
const BREAK = SPACE | PUNCTUATION;

export class PreTokenizer {
  readonly options: Readonly<NormalizerOptions>;
  /** Classes of ASCII characters; REMOVED only where cleaning is on: such characters need the slow path. */
  private readonly ascii: Uint8Array;
  /** Classes that the first step of normalisation acts on. */
  private readonly replaced: number;

  constructor(options: Partial<NormalizerOptions> = {}) {
    this.options = { ...defaultNormalizer, ...options };
    const { cleanText, chineseChars } = this.options;
    this.replaced = (cleanText ? REMOVED | SPACE : 0) | (chineseChars ? IDEOGRAPH : 0);
    this.ascii = Uint8Array.from(unicodeClasses().subarray(0, 128), (bits) =>
      cleanText && bits & REMOVED ? REMOVED : bits & BREAK,
    );
  }

  /** The normalised text, before it is split at blanks and punctuation: clean, space out CJK, strip accents, lower-case. */
  normalize(text: string): string {
    const { lowercase, stripAccents } = this.options;
    if (this.replaced) text = replaceClasses(text, this.replaced, respaced);
    if (stripAccents ?? lowercase) text = replaceClasses(decomposed(text), MARK, () => '');
    // One character at a time, as Rust: a whole text's lower case would end a word in ς.
    return lowercase ? text.replaceAll('Σ', 'σ').toLowerCase() : text;
  }

  /** A word as the vocabulary spells it: what `WordSink` gets raw when it is ASCII. */
  fold(word: string): string {
    return this.options.lowercase ? word.toLowerCase() : word;
  }

  /**
   * Hands the words of `text` to `sink`. A stretch between two blanks that is plain ASCII is split where it stands;
   * any other stretch goes through `normalize` first. Stretches are independent: no step of the normaliser looks
   * across a blank.
   */
  split(text: string, sink: WordSink): void {
    const { ascii } = this;
    const { length } = text;
    let start = 0;
    while (start < length) {
      let end = start;
      let plain = true;
      for (; end < length; end++) {
        const code = text.charCodeAt(end);
        const kind = code < 128 ? ascii[code] : REMOVED;
        if (kind === SPACE) break;
        if (kind === REMOVED) plain = false;
      }
      if (plain) splitStretch(text, start, end, ascii, sink);
      else this.splitNormalized(this.normalize(text.slice(start, end)), sink);
      start = end + 1;
    }
  }

  /** Hands the words of a text that is normalised already to `sink`. */
  splitNormalized(text: string, sink: WordSink): void {
    splitStretch(text, 0, text.length, unicodeClasses(), sink);
  }

  /** The words of `text`, as strings. */
  words(text: string): string[] {
    const words: string[] = [];
    this.split(text, { word: (source, start, end) => words.push(this.fold(source.slice(start, end))) });
    return words;
  }
}

const respaced = (char: string, bits: number): string => (bits & REMOVED ? '' : bits & SPACE ? ' ' : ` ${char} `);

/** The text with each character of one of the classes in `mask` replaced; `bits` are its classes in `mask`. */
function replaceClasses(text: string, mask: number, replacement: (char: string, bits: number) => string): string {
  const classes = unicodeClasses();
  let made = '';
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    const point = text.codePointAt(i)!;
    const bits = classes[point] & mask;
    const start = i;
    if (point > 0xffff) i++;
    if (bits === 0) continue;
    made += text.slice(from, start) + replacement(text.slice(start, i + 1), bits);
    from = i + 1;
  }
  return from === 0 ? text : made + text.slice(from);
}

/** NFD of Rust's version of Unicode: a character that only later versions decompose or reorder stays where it stands. */
function decomposed(text: string): string {
  const whole = text.normalize('NFD');
  if (whole === text) return text;
  let made = '';
  let from = 0;
  const classes = unicodeClasses();
  for (let i = 0; i < text.length; i++) {
    const point = text.codePointAt(i)!;
    const start = i;
    if (point > 0xffff) i++;
    if ((classes[point] & LATER) === 0) continue;
    made += text.slice(from, start).normalize('NFD') + text.slice(start, i + 1);
    from = i + 1;
  }
  return from === 0 ? whole : made + text.slice(from).normalize('NFD');
}

/** Splits `text[start, end)` at blanks and around each punctuation character; `classes` has those of its characters. */
function splitStretch(text: string, start: number, end: number, classes: Uint8Array, sink: WordSink): void {
  let from = start;
  let hash = HASH_SEED;
  let i = start;
  while (i < end) {
    const code = text.charCodeAt(i);
    let kind = classes[code];
    let width = 1;
    if (code >= 0xd800 && code < 0xdc00) {
      const point = text.codePointAt(i)!;
      if (point > 0xffff) width = 2;
      kind = classes[point];
    }
    if ((kind & BREAK) === 0) {
      hash = foldHash(hash, code);
      if (width === 2) hash = foldHash(hash, text.charCodeAt(i + 1));
    } else {
      if (i > from) sink.word(text, from, i, hash);
      if (kind & PUNCTUATION) {
        hash = foldHash(HASH_SEED, code);
        if (width === 2) hash = foldHash(hash, text.charCodeAt(i + 1));
        sink.word(text, i, i + width, hash);
      }
      from = i + width;
      hash = HASH_SEED;
    }
    i += width;
  }
  if (end > from) sink.word(text, from, end, hash);
}
