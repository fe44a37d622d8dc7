// What `retromae mine` works on: a corpus, and queries with the positives that it has; a BEIR folder, or pairs and a corpus.
import { documents, documentText, loadBeir, trainingExamples } from '../data/index.js';
import { askedOf, type Asked } from '../finetune/index.js';
import { NegativeMiner, type NegativeOptions } from '../retrieval/index.js';
import { corpusOptions, required, say, type corpusFlags } from './common.js';
import { UsageError, type Values } from './flags.js';

export interface MiningTask {
  readonly name: string;
  /** The documents, with the text that is searched. */
  readonly texts: readonly { readonly id: string; readonly text: string }[];
  readonly miner: NegativeMiner;
  /** Queries with a positive in the corpus. */
  readonly asked: readonly Asked[];
  /** How many have none. */
  readonly withoutPositive: number;
}

type Given = Values<Pick<typeof corpusFlags, 'field' | 'max-bad-lines'>> & {
  readonly data?: string;
  readonly split?: string;
  readonly pairs?: string;
  readonly corpus?: string;
};

/**
 * Reads it, and says what is left out.
 * @throws UsageError for half of a corpus with pairs, or some of both; Error if no query has a positive in the corpus
 */
export async function readTask(given: Given, options: NegativeOptions): Promise<MiningTask> {
  refuseBoth(given);
  const task = await (given.pairs === undefined && given.corpus === undefined
    ? fromBeir(required(given.data, 'data', 'a BEIR folder, or --pairs and --corpus'), given.split, options)
    : fromPairs(given, options));
  const asked = task.queries.filter(({ positives }) => positives.length > 0);
  const withoutPositive = task.queries.length - asked.length;
  const { name, missing } = task;
  if (asked.length === 0)
    throw new Error(
      `${name}: none of its ${withoutPositive} queries has a positive document in the corpus, expected one at least; give the corpus that holds them. A document's text is its title, a blank and its text.`,
    );
  if (missing > 0) say(`${name}: ${missing} positives are not in the corpus and are left out.`);
  if (withoutPositive > 0) say(`${name}: ${withoutPositive} queries have no positive in the corpus and are left out.`);
  return { ...task, asked, withoutPositive };
}

function refuseBoth(given: Given): void {
  const parts = ['pairs', 'corpus', 'field', 'max-bad-lines'] as const;
  const part = parts.find((name) => given[name] !== undefined);
  const other = (['data', 'split'] as const).find((name) => given[name] !== undefined);
  if (part !== undefined && other !== undefined)
    throw new UsageError(
      `--${other} is for a BEIR folder, --${part} for pairs and their corpus. Give --data, or --pairs and --corpus.`,
    );
}

/** A task whose queries may be without a positive. */
interface Whole extends Pick<MiningTask, 'name' | 'texts' | 'miner'> {
  readonly queries: readonly Asked[];
  /** Positives that the corpus lacks. */
  readonly missing: number;
}

async function fromBeir(dir: string, split = 'train', options: NegativeOptions): Promise<Whole> {
  const { corpus, queries, qrels, warnings } = await loadBeir(dir, { split });
  warnings.forEach(say);
  const texts = corpus.map((document) => ({ id: document.id, text: documentText(document) }));
  const miner = new NegativeMiner(texts, options);
  const { asked, missing } = askedOf({ queries, qrels }, miner);
  return { name: `${dir}, ${split}`, texts, miner, queries: asked, missing };
}

async function fromPairs(given: Given, options: NegativeOptions): Promise<Whole> {
  const path = required(given.pairs, 'pairs', 'a file of queries with their positives, beside --corpus');
  const corpus = required(given.corpus, 'corpus', 'the documents to mine from, beside --pairs');
  const reading = { field: given.field, 'max-bad-lines': given['max-bad-lines'] };
  const texts: { id: string; text: string }[] = [];
  for await (const document of documents(corpus, { ...corpusOptions(reading), distinctIds: true }))
    texts.push({ id: document.id, text: documentText(document) });
  const miner = new NegativeMiner(texts, options);
  const queries: Asked[] = [];
  let missing = 0;
  // Of the positives no more than the id is kept: their texts are in the corpus.
  for await (const { id, query, positives } of trainingExamples(path)) {
    const found = positives.flatMap((text) => miner.withText(text) ?? []);
    missing += positives.length - found.length;
    queries.push({ id, text: query, positives: [...new Set(found)] });
  }
  return { name: path, texts, miner, queries, missing };
}
