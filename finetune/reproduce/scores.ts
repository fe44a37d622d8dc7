// What each query came to, as plain data: kept of every run, and what tables and intervals are made of.
import type { RetrievalSet } from '../../data/index.js';
import { rank, recall, type Evaluation } from '../../retrieval/index.js';
import { tableMetrics, type Metric } from './tables.js';

export type QueryScores = Readonly<Record<Metric, number>>;

/** By set, by query. */
export type SetScores = Readonly<Record<string, Readonly<Record<string, QueryScores>>>>;

export const scoresOf = ({ run, perQuery }: Evaluation, { qrels }: Pick<RetrievalSet, 'qrels'>): SetScores[string] =>
  Object.fromEntries(
    Array.from(perQuery, ([id, { 'ndcg@10': ndcg, 'mrr@10': mrr, 'recall@100': hundred }]) => {
      const ten = recall(rank(run.get(id) ?? []), qrels.get(id)!, 10);
      return [id, { 'ndcg@10': ndcg, 'mrr@10': mrr, 'recall@10': ten, 'recall@100': hundred }];
    }),
  );

/** The values of a metric by run and query, of a set; the order of the queries is that of their ids in the first run. */
export function valuesOf(runs: readonly SetScores[], set: string, metric: Metric): number[][] {
  const ids = Object.keys(runs[0][set]);
  return runs.map((run) => ids.map((id) => run[set][id][metric]));
}

export const metricNames = Object.keys(tableMetrics) as Metric[];
