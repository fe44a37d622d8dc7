// Queries that are documents: the flag that leaves each out of its own hits, and a word where it may be missing.
import type { RetrievalSet } from '../data/index.js';
import { say } from './common.js';
import type { Flags } from './flags.js';

export const dropSelfFlag = {
  'drop-self': { type: 'boolean', help: 'leave out of its hits a document with the id of the query (ArguAna, Quora)' },
} as const satisfies Flags;

/** A query that is a document finds itself first, which says nothing; where both are merely numbered all is well. */
export function sayCoinciding({ corpus, queries }: RetrievalSet): void {
  const texts = new Map(corpus.map(({ id, text }) => [id, text]));
  const ids = queries.filter(({ id }) => texts.has(id));
  const same = ids.filter(({ id, text }) => texts.get(id) === text);
  if (ids.length === 0) return;
  const kind = same.length > 0 ? `${same.length} with the same text` : 'none with the same text';
  say(
    `${ids.length} of ${queries.length} query ids are ids of documents too (${kind}). If queries are documents, as in ArguAna and Quora, give --drop-self.`,
  );
}
