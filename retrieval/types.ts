// What a system found: ranked hits, a run. After TREC's files.

/** A document found, with its score: more is better. */
export interface Hit {
  readonly id: string;
  readonly score: number;
}

/** What a system found: query id -> hits, in any order. */
export type Run = ReadonlyMap<string, readonly Hit[]>;
