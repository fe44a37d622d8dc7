// Lines of training examples in FlagEmbedding's names: what mining and a teacher write, and fine-tuning reads.
import type { RetrievalSet, TrainingExample } from '../data/index.js';
import { isRelevant, type Hit, type MinedNegatives, type NegativeMiner } from '../retrieval/index.js';

/** A query, with the ids of its positives. */
export interface Asked {
  readonly id: string;
  readonly text: string;
  readonly positives: readonly string[];
}

/** The judged queries of a set with those of their relevant documents that the miner has, and how many it lacks. */
export function askedOf(
  { queries, qrels }: Pick<RetrievalSet, 'queries' | 'qrels'>,
  miner: NegativeMiner,
): { asked: Asked[]; missing: number } {
  let missing = 0;
  const asked = queries.map(({ id, text }) => {
    const relevant = [...qrels.get(id)!].flatMap(([document, grade]) => (isRelevant(grade) ? [document] : []));
    const positives = relevant.filter((document) => miner.has(document));
    missing += relevant.length - positives.length;
    return { id, text, positives };
  });
  return { asked, missing };
}

/** A query with its positives and what was mined for it, texts, ids and scores. */
export function minedLine({ id, text }: Asked, mined: MinedNegatives, miner: NegativeMiner): string {
  const { positives, negatives } = mined;
  const texts = (hits: readonly Hit[]) => hits.map((hit) => miner.textOf(hit.id));
  const line = {
    ...{ query: text, pos: texts(positives), neg: texts(negatives), query_id: id },
    ...{ pos_ids: positives.map((hit) => hit.id), neg_ids: negatives.map((hit) => hit.id) },
    ...{ pos_scores: positives.map((hit) => hit.score), neg_scores: negatives.map((hit) => hit.score) },
  };
  return `${JSON.stringify(line)}\n`;
}

/** An example with a teacher's scores of its positives, then of its negatives; other fields stay as they are. */
export function taughtLine(example: TrainingExample, scores: ArrayLike<number>): string {
  const { id, query, positives, negatives, others } = example;
  const all = Array.from(scores);
  const [pos_scores, neg_scores] = [all.slice(0, positives.length), all.slice(positives.length)];
  const line = { query_id: id, ...others, query, pos: positives, neg: negatives, pos_scores, neg_scores };
  return `${JSON.stringify(line, wholeNumbers)}\n`;
}

/** Parquet's whole numbers, which JSON has not: as numbers where that is the same, else as text. */
const wholeNumbers = (_: string, value: unknown): unknown =>
  typeof value !== 'bigint' ? value : Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
