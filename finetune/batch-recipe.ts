// All that a fine-tuning run's batches are a function of, as plain data: whoever has it, in whatever thread, makes the same.
import { Batches } from '../retromae/index.js';
import { TokenFile } from '../train/index.js';
import { ExampleFile, type StoredExample } from './example-file.js';
import { GroupCollator, type GroupBatch } from './groups.js';
import { readClusters } from './near-duplicates.js';
import { readNegatives } from './negatives-file.js';
import { pairCollator, type PairRules } from './pairs.js';

export interface FinetuneRecipe extends PairRules {
  /** Folder of the tokenised corpus, or of examples. */
  readonly dir: string;
  readonly labelled: boolean;
  /** Whether query and passage are one text. */
  readonly joined: boolean;
  /** Whether a teacher's scores are learnt from, so that every example needs a negative. */
  readonly taught: boolean;
  /** Negatives of a query. */
  readonly negatives: number;
  /** File of mined negatives, to be drawn instead of those of the examples. */
  readonly mined?: string;
  readonly queryLength: number;
  readonly size: number;
  readonly seed: number;
}

export interface OpenBatches {
  readonly batches: Pick<Batches<GroupBatch>, 'at' | 'dropout' | 'perEpoch'>;
  readonly file: TokenFile | ExampleFile;
}

/** Opens what a recipe names. @throws if it is not whole */
export const openBatches = (recipe: FinetuneRecipe): Promise<OpenBatches> =>
  recipe.labelled ? ofExamples(recipe) : ofPairs(recipe);

async function ofExamples(recipe: FinetuneRecipe): Promise<OpenBatches> {
  const { dir, joined, taught, negatives, mined, queryLength, passageLength, size, seed } = recipe;
  const file = await ExampleFile.open(dir, taught);
  if (mined !== undefined) file.mined = await readNegatives(mined, file);
  const rules = { tokenizer: file.texts.tokenizer, queryLength, passageLength, joined };
  const collator = new GroupCollator<StoredExample>(rules, (example, random) => file.group(example, random, negatives));
  return { batches: new Batches(file, collator, size, seed), file };
}

async function ofPairs(recipe: FinetuneRecipe): Promise<OpenBatches> {
  const { dir, size, seed } = recipe;
  const file = await TokenFile.open(dir);
  const clusters = await readClusters(dir);
  const collator = pairCollator(file.tokenizer, recipe, (document) => clusters?.[document] ?? document);
  return { batches: new Batches(file, collator, size, seed), file };
}
