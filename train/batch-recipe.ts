// All that a run's batches are a function of, as plain data: whoever has it, in whatever thread, makes the same ones.
import { Batches } from '../retromae/batches.js';
import { Collator, type CollatorOptions } from '../retromae/collator.js';
import type { TokenFile } from './token-file.js';

export interface BatchRecipe {
  /** Folder of the tokenised corpus. */
  readonly tokens: string;
  readonly collator: Omit<CollatorOptions, 'tokenizer'>;
  /** Sequences in a batch. */
  readonly size: number;
  readonly seed: number;
}

/** @param file the open folder that the recipe names @throws as `Collator` and `Batches` */
export function batchesOf(file: TokenFile, { collator, size, seed }: BatchRecipe): Batches {
  return new Batches(file, new Collator({ tokenizer: file.tokenizer, ...collator }), size, seed);
}
