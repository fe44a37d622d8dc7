// Which queries of two splits ask for the same documents. After Lewis, Stenetorp and Riedel (arXiv 2008.02637).
import type { Qrels } from '../data/pure.js';
import { isRelevant } from './metrics.js';

/** The queries of `qrels` of which a relevant document is relevant to a query of `other` too: what was trained on is asked. */
export function sharingQueries(qrels: Qrels, other: Qrels): Set<string> {
  const relevantTo = (judged: ReadonlyMap<string, number>): string[] =>
    [...judged].flatMap(([id, grade]) => (isRelevant(grade) ? [id] : []));
  const known = new Set([...other.values()].flatMap(relevantTo));
  return new Set(
    [...qrels].flatMap(([query, judged]) => (relevantTo(judged).some((id) => known.has(id)) ? [query] : [])),
  );
}
