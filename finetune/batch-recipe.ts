// All that a fine-tuning run's batches are a function of, as plain data: whoever has it, in whatever thread, makes the same.
import { Batches, type Example, passageOf } from '../retromae/index.js';
import { TokenFile } from '../train/index.js';
import { ExampleFile, type StoredExample } from './example-file.js';
import { GroupCollator, type Group, type GroupBatch } from './groups.js';
import { readClusters } from './near-duplicates.js';
import { drawPair, dropTokens, parseMix, type PairOptions } from './pair-kinds.js';

export interface FinetuneRecipe extends Omit<PairOptions, 'questionMark'> {
  /** Folder of the tokenised corpus, or of examples. */
  readonly dir: string;
  readonly labelled: boolean;
  /** Whether query and passage are one text. */
  readonly joined: boolean;
  /** Whether a teacher's scores are learnt from, so that every example needs a negative. */
  readonly taught: boolean;
  /** As it was typed. */
  readonly pairs: string;
  readonly tokenDrop: number;
  /** Negatives of a query. */
  readonly negatives: number;
  readonly queryLength: number;
  readonly passageLength: number;
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
  const { dir, joined, taught, negatives, queryLength, passageLength, size, seed } = recipe;
  const file = await ExampleFile.open(dir, taught);
  const rules = { tokenizer: file.texts.tokenizer, queryLength, passageLength, joined };
  const collator = new GroupCollator<StoredExample>(rules, (example, random) => file.group(example, random, negatives));
  return { batches: new Batches(file, collator, size, seed), file };
}

/** The stream of an example's generator that pairs are drawn from. */
const PAIRS = 2;

async function ofPairs(recipe: FinetuneRecipe): Promise<OpenBatches> {
  const { dir, pairs, tokenDrop, passageLength, size, seed } = recipe;
  const file = await TokenFile.open(dir);
  const { tokenizer } = file;
  const [mark] = tokenizer.encode('?');
  const options = { ...recipe, ...(mark !== tokenizer.unk && { questionMark: mark }) };
  const mix = parseMix(pairs);
  const clusters = await readClusters(dir);
  const toGroup = (example: Example, generator: Parameters<typeof drawPair>[1]): Group => {
    const passage = passageOf(example);
    const random = generator.fork(PAIRS);
    const [query, positive] = drawPair(passage, random, mix, options);
    const document = passage.documentId ?? -1;
    const key = clusters?.[document] ?? document;
    return {
      query: dropTokens(query.ids, random, tokenDrop),
      passages: [dropTokens(positive.ids, random, tokenDrop)],
      keys: [key],
      isKnown: (other) => other === key,
    };
  };
  const rules = { tokenizer, queryLength: passageLength, passageLength };
  return { batches: new Batches(file, new GroupCollator(rules, toGroup), size, seed), file };
}
