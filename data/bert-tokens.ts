// The tokens that every BERT vocabulary has, and the options of its tokenizer.
import type { NormalizerOptions } from './pretokenize.js';

/** Begins every token that goes on with the word of the token before it. */
export const CONTINUATION = '##';

/** The five tokens that BERT cannot do without, in the order in which a trained vocabulary begins with them. */
export const SPECIAL_TOKENS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'] as const;

/** A token that is found in the raw text, before any normalisation. */
export interface AddedToken {
  id: number;
  content: string;
  /** Special tokens are left out by `decode(ids, { skipSpecial: true })` and never masked. */
  special: boolean;
}

export interface WordPieceOptions extends NormalizerOptions {
  /** A word of more characters (code points) than this becomes [UNK]. Default 100. */
  maxChars: number;
  /** Tokens recognised in raw text. Default: the five of `SPECIAL_TOKENS`. */
  added: readonly AddedToken[];
}

/** Longest word that is cut into pieces, in code points. */
export const DEFAULT_MAX_CHARS = 100;
