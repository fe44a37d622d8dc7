// What the tests of data/ share: the tokenizer of Hugging Face as an oracle, and the real texts, where they are.
import { existsSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';
import { toTokenizerConfig, toTokenizerJson } from '../../data/index.js';
import type { WordPiece } from '../../data/index.js';

const root = `${process.cwd()}/../shared/data`;

/** A file or folder of real data, and what to tell tap's `skip` (false where it is there). */
export function shared(path: string): { file: string; skip: string | false } {
  const file = `${root}/${path}`;
  return { file, skip: existsSync(file) ? false : `no ../shared/data/${path} here` };
}

/** Hugging Face's tokenizer for the same vocabulary and options. */
export function oracle(tokenizer: WordPiece): Tokenizer {
  const json: object = JSON.parse(JSON.stringify(toTokenizerJson(tokenizer))) as object;
  return new Tokenizer(json, toTokenizerConfig(tokenizer, 512));
}

export const oracleIds = (reference: Tokenizer, text: string): number[] =>
  reference.encode(text, { add_special_tokens: false }).ids;
