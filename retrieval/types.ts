// What a retrieval set and a run are: documents, queries, judgements, ranked hits. After BEIR's and TREC's files.

/** A document of a corpus. What is searched is `documentText` of it. */
export interface Document {
  readonly id: string;
  readonly title: string;
  readonly text: string;
}

export interface Query {
  readonly id: string;
  readonly text: string;
}

/** Judgements: query id -> document id -> grade, a whole number; 1 and more is relevant, 0 and less is not. */
export type Qrels = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** A corpus, the queries that are judged, and their judgements. */
export interface RetrievalSet {
  readonly name: string;
  readonly corpus: readonly Document[];
  readonly queries: readonly Query[];
  readonly qrels: Qrels;
  /** What is odd about the set but does not stop its use; one line each, meant to be printed. */
  readonly warnings: readonly string[];
}

/** A document found, with its score: more is better. */
export interface Hit {
  readonly id: string;
  readonly score: number;
}

/** What a system found: query id -> hits, in any order. */
export type Run = ReadonlyMap<string, readonly Hit[]>;

/** The string of a document that is indexed and encoded: title, a space, text, as BEIR has it. */
export const documentText = ({ title, text }: Pick<Document, 'title' | 'text'>): string =>
  title === '' ? text : `${title} ${text}`;
