// All that a run's batches are a function of, as plain data: whoever has it, in whatever thread, makes the same ones.
import { Batches, objectiveNamed, type ObjectiveName } from '../retromae/index.js';
import type { TokenFile } from './token-file.js';

export interface BatchRecipe {
  /** Folder of the tokenised corpus. */
  readonly tokens: string;
  readonly objective: ObjectiveName;
  /** The objective's options. */
  readonly options: object;
  /** Longest sequence, [CLS] and [SEP] included. */
  readonly maxLength: number;
  /** Sequences in a batch. */
  readonly size: number;
  readonly seed: number;
}

/** @param file the open folder that the recipe names @throws as the objective's collator and `Batches` */
export function batchesOf(file: TokenFile, { objective, options, maxLength, size, seed }: BatchRecipe): Batches {
  const rules = { tokenizer: file.tokenizer, maxLength };
  return new Batches(file, objectiveNamed(objective).collator(options, rules), size, seed);
}
