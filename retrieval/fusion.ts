// BM25 and vectors as one ranking. After Cormack, Clarke and Büttcher (SIGIR 2009) and Bruch, Gai and Ingber (arXiv 2210.11934).
import type { Bm25 } from './bm25.js';
import { compareHits } from './ranking.js';
import type { Index } from './search.js';
import type { Hit } from './types.js';

export const fusionMethods = ['rrf', 'weighted'] as const;
export type FusionMethod = (typeof fusionMethods)[number];

export const scalings = ['max', 'minmax'] as const;
/** How a query's scores are made comparable: divided by the best one, or stretched from 0 for the worst to 1 for the best. */
export type Scaling = (typeof scalings)[number];

/** The share of BM25 where none is given: on sets that a model was not trained for, BM25 is the stronger side. */
export const BM25_WEIGHT = 0.7;

export interface RankFusionOptions {
  /** What is added to every rank: the more, the less the first places stand out. Default 60, as in the paper. */
  readonly k?: number;
  /** What each run counts. Default: 1 each. */
  readonly weights?: readonly number[];
}

export interface WeightedFusionOptions {
  /** The share of BM25, 0 .. 1; the vectors have the rest. Default 0.7. */
  readonly weight?: number;
  /** Default 'max'. */
  readonly scaling?: Scaling;
}

/** A way to fuse, with what it takes. */
export interface FusionOptions extends WeightedFusionOptions {
  readonly method: FusionMethod;
}

/** What BM25 and an index find for a query. */
export interface Sides {
  /** BM25's best, and the index's best. */
  readonly bm25: readonly Hit[];
  readonly dense: readonly Hit[];
  /** BM25's hits that are not among the index's best, with the scores that the index gives them. */
  readonly rest: readonly Hit[];
}

/**
 * Reciprocal rank fusion: the score of a document is the sum, over the runs that have it, of w / (k + rank), with ranks
 * from 1 in trec_eval's order. Scores themselves do not count, so that runs of any scale can be fused. Rounded to
 * float32, so that the order in which runs are given breaks no tie.
 * @returns all documents of all runs, best first
 * @throws if a run has a document twice or a score that is no finite number, or k or a weight is out of range
 */
export function reciprocalRankFusion(
  runs: readonly (readonly Hit[])[],
  { k = 60, weights = runs.map(() => 1) }: RankFusionOptions = {},
): Hit[] {
  if (!(k >= 0 && k < Infinity)) throw new Error(`fusion: k = ${k}, expected a number of 0 or more; 60 is usual.`);
  if (weights.length !== runs.length)
    throw new Error(`fusion: ${weights.length} weights for ${runs.length} runs; pass one a run.`);
  const wrong = weights.find((weight) => !(weight >= 0 && weight < Infinity));
  if (wrong !== undefined) throw new Error(`fusion: a weight is ${wrong}, expected a number of 0 or more.`);
  const sums = new Map<string, number>();
  runs.forEach((run, i) => {
    scoresOf(run, `run ${i}`);
    [...run].sort(compareHits).forEach(({ id }, place) => {
      sums.set(id, (sums.get(id) ?? 0) + weights[i] / (k + place + 1));
    });
  });
  return Array.from(sums, ([id, sum]) => ({ id, score: Math.fround(sum) })).sort(compareHits);
}

/**
 * The convex combination `weight` * BM25 + (1 - `weight`) * vectors of scores that are scaled query by query, over all
 * candidates: the documents of either side. One that BM25 lacks shares no term with the query and has 0 there. One that
 * `dense` lacks counts there as its worst hit; give it `Index.score` of BM25's hits as well, and none is lacking.
 *
 * 'max' divides by the best score; where that is not positive, as of negative distances, it is 'minmax'. Of a side whose
 * scores are all equal, 'minmax' makes 0. The result is not rounded to float32: with weight 1 it has BM25's hits in BM25's
 * order, and with 0 those of `dense` in theirs.
 * @returns all candidates, best first
 * @throws if a side has a document twice or a score that is no finite number, or the weight is not of 0 .. 1
 */
export function weightedFusion(
  bm25: readonly Hit[],
  dense: readonly Hit[],
  { weight = BM25_WEIGHT, scaling = 'max' }: WeightedFusionOptions = {},
): Hit[] {
  if (!(weight >= 0 && weight <= 1))
    throw new Error(`fusion: weight = ${weight}, expected 0 (vectors alone) to 1 (BM25 alone).`);
  return blend(scaledCandidates(bm25, dense, scaling), weight).sort(compareHits);
}

/** Fuses what two sides found. @throws as `reciprocalRankFusion` and `weightedFusion` */
export const fuse = ({ bm25, dense, rest }: Sides, { method, ...options }: FusionOptions): Hit[] =>
  method === 'rrf' ? reciprocalRankFusion([bm25, dense]) : weightedFusion(bm25, [...dense, ...rest], options);

/**
 * The k best of BM25 and of an index over the same documents, for each query, and what the index says of BM25's.
 * @param texts of the queries
 * @throws if the index lacks a document that BM25 finds, or as `Index.search`
 */
export function searchBoth(
  bm25: Bm25,
  index: Index,
  {
    texts,
    vectors,
  }: {
    readonly texts: readonly string[];
    /** Of the queries, [texts.length, index.dim], row-major. */
    readonly vectors: Float32Array;
  },
  k: number,
): Sides[] {
  const nearest = index.search(vectors, k);
  const lexical = texts.map((text) => bm25.search(text, k));
  const lacking = lexical.map((hits, q) => {
    const found = new Set(nearest[q].map(({ id }) => id));
    return hits.flatMap(({ id }) => (found.has(id) ? [] : [id]));
  });
  const rest = index.score(vectors, lacking);
  return texts.map((_, q) => ({ bm25: lexical[q], dense: nearest[q], rest: rest[q] }));
}

/** Documents with what either side says of them, scaled. */
export interface Candidates {
  readonly ids: readonly string[];
  readonly lexical: readonly number[];
  readonly dense: readonly number[];
}

/** The candidates of a query. What does not depend on the weight, to be computed once where many are tried. */
export function scaledCandidates(bm25: readonly Hit[], dense: readonly Hit[], scaling: Scaling): Candidates {
  if (!scalings.includes(scaling))
    throw new Error(`fusion: scaling is ${JSON.stringify(scaling)}; it must be one of ${scalings.join(', ')}.`);
  const [lexical, nearest] = [scoresOf(bm25, 'BM25'), scoresOf(dense, 'the vectors')];
  const ids = [...new Set([...lexical.keys(), ...nearest.keys()])];
  const worst = dense.reduce((least, { score }) => Math.min(least, score), dense.length > 0 ? Infinity : 0);
  const all = (scores: ReadonlyMap<string, number>, other: number): number[] =>
    ids.map((id) => scores.get(id) ?? other);
  return { ids, lexical: scaled(all(lexical, 0), scaling), dense: scaled(all(nearest, worst), scaling) };
}

/** Weighted sums, in no order. */
export const blend = ({ ids, lexical, dense }: Candidates, weight: number): Hit[] =>
  ids.map((id, i) => ({ id, score: weight * lexical[i] + (1 - weight) * dense[i] }));

function scaled(scores: readonly number[], scaling: Scaling): number[] {
  const best = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  if (scaling === 'max' && best > 0) return scores.map((score) => score / best);
  const worst = scores.reduce((a, b) => Math.min(a, b), Infinity);
  return scores.map((score) => (best > worst ? (score - worst) / (best - worst) : 0));
}

/** Scores by document. @throws if one comes twice, or has no finite score */
function scoresOf(hits: readonly Hit[], side: string): Map<string, number> {
  const scores = new Map<string, number>();
  for (const { id, score } of hits) {
    if (!Number.isFinite(score))
      throw new Error(
        `fusion: ${side} gives document "${id}" the score ${score}, expected a finite number; check the model's embeddings.`,
      );
    if (scores.has(id)) throw new Error(`fusion: ${side} ranks document "${id}" twice; merge the hits.`);
    scores.set(id, score);
  }
  return scores;
}
