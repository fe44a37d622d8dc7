// What a retrieval set is: documents, queries and judgements. After BEIR's and TREC's files.
import type { Document } from './document.js';

export interface Query {
  readonly id: string;
  readonly text: string;
}

/** Judgements: query id -> document id -> grade, a whole number; 1 and more is relevant, 0 and less is not. */
export type Qrels = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** A corpus, the queries that are judged, and their judgements. */
export interface RetrievalSet {
  readonly name: string;
  /** What is searched is the `documentText` of each. */
  readonly corpus: readonly Document[];
  readonly queries: readonly Query[];
  readonly qrels: Qrels;
  /** What is odd about the set but does not stop its use; one line each, meant to be printed. */
  readonly warnings: readonly string[];
}
