// Rankings from which negatives are mined, of BM25 and of an encoder: hits, and the score of any other document.
import type { Bm25 } from './bm25.js';
import type { Encoder } from './encode.js';
import type { Index } from './search.js';
import type { BatchingOptions } from './text-batches.js';
import type { Hit } from './types.js';

/** What a system found for one query, down to some rank. */
export interface Ranking {
  /** Best first, from rank 1. */
  readonly hits: readonly Hit[];
  /** Scores of documents that `hits` may lack, in the scale of `hits`. */
  scores(ids: readonly string[]): readonly number[];
}

/** The ranking of BM25. Its scores have no scale of their own, so they are shares of the best score of the query. */
export function bm25Ranking(bm25: Bm25, query: string, depth: number): Ranking {
  const hits = bm25.search(query, depth);
  // Without a hit all scores are 0.
  const best = hits[0]?.score ?? 1;
  return {
    hits: hits.map(({ id, score }) => ({ id, score: score / best })),
    scores: (ids) => bm25.scores(query, ids).map((score) => score / best),
  };
}

/** The ranking of an encoder for each query, in the queries' order; all are encoded at once. */
export async function encoderRankings(
  encoder: Encoder,
  index: Index,
  queries: readonly string[],
  { depth, ...batching }: Omit<BatchingOptions, 'role'> & { readonly depth: number },
): Promise<Ranking[]> {
  const vectors = await encoder.encode(queries, { ...batching, role: 'query' });
  return index.search(vectors, depth).map((hits, i) => ({
    hits,
    scores: (ids) => {
      const [found] = index.score(vectors.subarray(i * index.dim, (i + 1) * index.dim), [ids]);
      const by = new Map(found.map(({ id, score }) => [id, score]));
      return ids.map((id) => by.get(id)!);
    },
  }));
}
