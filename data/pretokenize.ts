// Text to words as BERT does it (Devlin et al., `tokenization.py`): clean, space out CJK, lower-case, strip accents, split.
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

const WORD = 0;
const SPACE = 1;
const PUNCTUATION = 2;
/** ASCII that the quick path does not handle: control characters, which cleaning removes from within a word. */
const REMOVED = 3;

const PUNCTUATION_PATTERN = /[\p{P}!-/:-@[-`{-~]/u;
/** What cleaning drops; tab, newline and carriage return are control characters too, but count as blanks. */
const DROPPED = /(?![\t\n\r])[\uFFFD\p{Cc}\p{Cf}\p{Co}\p{Cs}]/u;
const DROPPED_ALL = new RegExp(DROPPED.source, 'gu');
/**
 * The ideographs of the Basic Multilingual Plane. BERT's list goes on with extensions B to F and the compatibility
 * supplement beyond U+20000; the JavaScript tokenizer of Hugging Face, with which this one agrees id by id, does not
 * reach them (docs/design/wordpiece.md).
 */
const IDEOGRAPHS = /[\u4E00-\u9FFF\u3400-\u4DBF\uF900-\uFAFF]/g;
const MARKS = /\p{Mn}/gu;

const kindOf = (char: string): number =>
  /\s/.test(char) ? SPACE : PUNCTUATION_PATTERN.test(char) ? PUNCTUATION : WORD;

let planeKinds: Uint8Array | undefined;
/** The kind of every UTF-16 unit, made when first needed (a few ms); a surrogate alone is a word character. */
const kindsOfPlane = (): Uint8Array =>
  (planeKinds ??= Uint8Array.from({ length: 0x10000 }, (_, unit) => kindOf(String.fromCharCode(unit))));

export class PreTokenizer {
  readonly options: Readonly<NormalizerOptions>;
  private readonly ascii: Uint8Array;

  constructor(options: Partial<NormalizerOptions> = {}) {
    this.options = { ...defaultNormalizer, ...options };
    this.ascii = Uint8Array.from({ length: 128 }, (_, code) => {
      const char = String.fromCharCode(code);
      return this.options.cleanText && DROPPED.test(char) ? REMOVED : kindOf(char);
    });
  }

  /** The normalised text, before it is split at blanks and punctuation. */
  normalize(text: string): string {
    const { cleanText, chineseChars, lowercase, stripAccents } = this.options;
    if (cleanText && DROPPED.test(text)) text = text.replace(DROPPED_ALL, '');
    if (chineseChars) text = text.replace(IDEOGRAPHS, ' $& ');
    if (lowercase) text = text.toLowerCase();
    if (stripAccents ?? lowercase) text = text.normalize('NFD').replace(MARKS, '');
    return text;
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
      else {
        const normalized = this.normalize(text.slice(start, end));
        splitStretch(normalized, 0, normalized.length, kindsOfPlane(), sink);
      }
      start = end + 1;
    }
  }

  /** The words of `text`, as strings. */
  words(text: string): string[] {
    const words: string[] = [];
    this.split(text, { word: (source, start, end) => words.push(this.fold(source.slice(start, end))) });
    return words;
  }
}

/** Splits `text[start, end)` at blanks and around each punctuation character. */
function splitStretch(text: string, start: number, end: number, kinds: Uint8Array, sink: WordSink): void {
  let from = start;
  let hash = HASH_SEED;
  let i = start;
  while (i < end) {
    const code = text.charCodeAt(i);
    let kind = kinds[code];
    let width = 1;
    if (code >= 0xd800 && code < 0xdc00) {
      const point = text.codePointAt(i)!;
      if (point > 0xffff) {
        width = 2;
        if (PUNCTUATION_PATTERN.test(String.fromCodePoint(point))) kind = PUNCTUATION;
      }
    }
    if (kind === WORD) {
      hash = foldHash(hash, code);
      if (width === 2) hash = foldHash(hash, text.charCodeAt(i + 1));
    } else {
      if (i > from) sink.word(text, from, i, hash);
      if (kind === PUNCTUATION) {
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
