// Retrieval metrics, per query and averaged. After trec_eval (Buckley and Voorhees), as BEIR uses it through pytrec_eval.
import type { Qrels } from '../data/pure.js';
import { compareHits } from './ranking.js';
import type { Hit, Run } from './types.js';

type Judgements = ReadonlyMap<string, number>;
type Ranking = readonly string[];

/** What is reported of a query, and, averaged, of a run; all in 0 .. 1. */
export interface Scores {
  readonly 'ndcg@10': number;
  readonly 'mrr@10': number;
  readonly 'recall@100': number;
  readonly map: number;
}

export interface Evaluation {
  /** What was scored, to be fused or compared with another. */
  readonly run: Run;
  readonly perQuery: ReadonlyMap<string, Scores>;
  /** Averages over all judged queries, and their number. */
  readonly mean: Scores & { readonly queries: number };
}

/** Whether a grade is of a document that answers: 1 and more. */
export const isRelevant = (grade: number | undefined): boolean => grade !== undefined && grade >= 1;
const countRelevant = (judged: Judgements): number => [...judged.values()].filter(isRelevant).length;

/** Discounted cumulative gain with the grade itself as gain (linear, not 2^grade - 1): sum of grade / log2(rank + 1). */
function dcg(grades: readonly number[]): number {
  return grades.reduce((sum, grade, i) => sum + Math.max(grade, 0) / Math.log2(i + 2), 0);
}

/**
 * nDCG at k (Järvelin and Kekäläinen, 2002, with trec_eval's discount): DCG of the ranking over that of the best ranking
 * of all judged documents. 0 where no document is relevant.
 */
export function ndcg(ranking: Ranking, judged: Judgements, k: number): number {
  const ideal = [...judged.values()].sort((a, b) => b - a);
  const best = dcg(ideal.slice(0, k));
  return best === 0 ? 0 : dcg(ranking.slice(0, k).map((id) => judged.get(id) ?? 0)) / best;
}

/** 1 / rank of the first relevant document, 0 if it is not among the first k. */
export function reciprocalRank(ranking: Ranking, judged: Judgements, k: number): number {
  const first = ranking.slice(0, k).findIndex((id) => isRelevant(judged.get(id)));
  return first < 0 ? 0 : 1 / (first + 1);
}

/** The share of the relevant documents that are among the first k; 0 where there are none. */
export function recall(ranking: Ranking, judged: Judgements, k: number): number {
  return found(ranking, judged, k) / Math.max(1, countRelevant(judged));
}

/** The share of the first k places with a relevant document; places not filled count as not relevant. */
export function precision(ranking: Ranking, judged: Judgements, k: number): number {
  return found(ranking, judged, k) / k;
}

/** The mean, over all relevant documents, of the precision at their rank; one that was not found counts 0. */
export function averagePrecision(ranking: Ranking, judged: Judgements): number {
  let hits = 0;
  let sum = 0;
  ranking.forEach((id, i) => {
    if (isRelevant(judged.get(id))) sum += ++hits / (i + 1);
  });
  return sum / Math.max(1, countRelevant(judged));
}

const found = (ranking: Ranking, judged: Judgements, k: number): number =>
  ranking.slice(0, k).filter((id) => isRelevant(judged.get(id))).length;

/**
 * The identifiers of hits in trec_eval's order, which depends on scores and identifiers only, not on the order given.
 * @throws if a document comes twice, or a score is not a number; `query` names the culprit
 */
export function rank(hits: readonly Hit[], query = ''): string[] {
  const ids = new Set<string>();
  for (const { id, score } of hits) {
    if (Number.isNaN(score)) {
      throw new Error(
        `evaluate: query "${query}", document "${id}": the score is NaN, expected a number; check the model's embeddings.`,
      );
    }
    if (ids.has(id)) {
      throw new Error(
        `evaluate: query "${query}" ranks document "${id}" twice, expected each document once; merge the hits.`,
      );
    }
    ids.add(id);
  }
  return [...hits].sort(compareHits).map(({ id }) => id);
}

/**
 * Scores a run. As `trec_eval -c` does: the average is over all judged queries; one that the run lacks counts 0, and so
 * does one without relevant documents. Queries that are not judged are ignored.
 *
 * @throws if nothing is judged, or as `rank`
 */
export function evaluateRun(
  run: Run,
  qrels: Qrels,
  {
    dropSelf = false,
  }: {
    /**
     * Leave out a document whose id is that of the query, as BEIR does always; right where queries are documents themselves
     * (ArguAna, Quora), wrong where both are merely numbered.
     */
    dropSelf?: boolean;
  } = {},
): Evaluation {
  if (qrels.size === 0) throw new Error('evaluate: no judged queries, expected at least one; check the qrels file.');
  const perQuery = new Map<string, Scores>();
  for (const [query, judged] of qrels) {
    const hits = run.get(query) ?? [];
    const ranking = rank(dropSelf ? hits.filter(({ id }) => id !== query) : hits, query);
    perQuery.set(query, {
      'ndcg@10': ndcg(ranking, judged, 10),
      'mrr@10': reciprocalRank(ranking, judged, 10),
      'recall@100': recall(ranking, judged, 100),
      map: averagePrecision(ranking, judged),
    });
  }
  return evaluationOf(run, perQuery);
}

/**
 * An evaluation of some of its queries alone.
 * @throws if none of them is judged
 */
export function partOf({ run, perQuery }: Evaluation, queries: ReadonlySet<string>): Evaluation {
  const part = new Map([...perQuery].filter(([query]) => queries.has(query)));
  if (part.size === 0)
    throw new Error(`evaluate: none of the ${queries.size} queries is judged, expected at least one; name others.`);
  return evaluationOf(run, part);
}

function evaluationOf(run: Run, perQuery: ReadonlyMap<string, Scores>): Evaluation {
  const scores = [...perQuery.values()];
  const mean = (name: keyof Scores): number => scores.reduce((sum, each) => sum + each[name], 0) / scores.length;
  return {
    run,
    perQuery,
    mean: {
      'ndcg@10': mean('ndcg@10'),
      'mrr@10': mean('mrr@10'),
      'recall@100': mean('recall@100'),
      map: mean('map'),
      queries: scores.length,
    },
  };
}
