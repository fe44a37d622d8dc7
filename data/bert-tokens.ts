// The tokens that every BERT vocabulary has, and the options of its tokenizer.
import type { AddedToken } from './added-tokens.js';
import type { NormalizerOptions } from './pretokenize.js';

/** Begins every token that goes on with the word of the token before it. */
export const CONTINUATION = '##';

/** How a vocabulary spells the five tokens that BERT cannot do without. */
export interface SpecialNames {
  pad: string;
  unk: string;
  cls: string;
  sep: string;
  mask: string;
}

export const defaultNames: Readonly<SpecialNames> = {
  pad: '[PAD]',
  unk: '[UNK]',
  cls: '[CLS]',
  sep: '[SEP]',
  mask: '[MASK]',
};

/** The five names in the order in which a trained vocabulary begins with them. */
export const inOrder = ({ pad, unk, cls, sep, mask }: SpecialNames): string[] => [pad, unk, cls, sep, mask];

/** The five by their usual names. */
export const SPECIAL_TOKENS: readonly string[] = inOrder(defaultNames);

export interface WordPieceOptions extends NormalizerOptions {
  /** A word of more characters (code points) than this becomes [UNK]. Default 100. */
  maxChars: number;
  /** Names of the special tokens. Default [PAD], [UNK], [CLS], [SEP], [MASK]. */
  names: Readonly<SpecialNames>;
  /** Tokens recognised in text. Default: the five of `names`. Ids from the vocabulary's length on extend it. */
  added: readonly AddedToken[];
}

/** Longest word that is cut into pieces, in code points. */
export const DEFAULT_MAX_CHARS = 100;
