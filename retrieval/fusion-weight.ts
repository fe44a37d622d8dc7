// The share of BM25 in a fusion, learnt on judged queries. After Bruch, Gai and Ingber (arXiv 2210.11934), who tune one number.
import type { Qrels } from '../data/pure.js';
import { blend, scaledCandidates, type Scaling, type Sides } from './fusion.js';
import { evaluateRun, type Scores } from './metrics.js';

/** The weights that are tried: 0, 1/20 .. 1. */
const STEPS = 20;
/** How far below the best a mean may be and count as equal: a sample of queries does not show less. */
export const PLATEAU = 0.001;

export interface LearnOptions {
  /** What is to be greatest. Default 'ndcg@10'. */
  readonly metric?: keyof Scores;
  /** Default 'max'. */
  readonly scaling?: Scaling;
}

export interface LearntWeight {
  /** The middle of the plateau: of BM25, 0 .. 1. */
  readonly weight: number;
  /** The first and the last weight of the plateau. */
  readonly plateau: readonly [from: number, to: number];
  /** The mean of the metric at each weight that was tried. */
  readonly curve: readonly { readonly weight: number; readonly value: number }[];
}

/**
 * Tries weights 0, 0.05 .. 1 of BM25 and takes the middle of the plateau: of the neighbouring weights around the best (the
 * first of equal ones) that come within 0.001 of it. The best itself is where noise is greatest. Figures that are reported
 * must be of other queries than these.
 *
 * @param sides query id -> what BM25 and the index found; a judged query that is not there counts 0
 * @throws if nothing is judged, or as `weightedFusion`
 */
export function learnFusionWeight(
  sides: ReadonlyMap<string, Sides>,
  qrels: Qrels,
  { metric = 'ndcg@10', scaling = 'max' }: LearnOptions = {},
): LearntWeight {
  const candidates = Array.from(
    sides,
    ([query, { bm25, dense, rest }]) => [query, scaledCandidates(bm25, [...dense, ...rest], scaling)] as const,
  );
  const curve = Array.from({ length: STEPS + 1 }, (_, step) => {
    const weight = step / STEPS;
    const run = new Map(candidates.map(([query, each]) => [query, blend(each, weight)]));
    return { weight, value: evaluateRun(run, qrels).mean[metric] };
  });
  const values = curve.map(({ value }) => value);
  const best = values.indexOf(Math.max(...values));
  const isNear = (step: number): boolean => values[step] >= values[best] - PLATEAU;
  let [from, to] = [best, best];
  while (isNear(from - 1)) from--;
  while (isNear(to + 1)) to++;
  return { weight: (from + to) / (2 * STEPS), plateau: [from / STEPS, to / STEPS], curve };
}
