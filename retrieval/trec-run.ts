// Runs in files: TREC's six columns, query Q0 document rank score tag, read as trec_eval reads them.
import { textLines, writeFileAtomic } from '../data/index.js';
import { compareHits } from './ranking.js';
import type { Hit, Run } from './types.js';

/**
 * Reads a run, gzipped or not. Scores alone order it, ties by identifier, as for trec_eval; ranks and tags are not looked at.
 * @throws naming file and line: not six columns, a score that is no number, a document twice for a query; or the file, if it
 *   holds none
 */
export async function readTrecRun(path: string): Promise<Map<string, Hit[]>> {
  const run = new Map<string, Map<string, number>>();
  for await (const { at, text } of textLines(path)) {
    if (text.trim() === '') continue;
    const cells = text.trim().split(/\s+/);
    const [query, , id, , written] = cells;
    if (cells.length !== 6)
      throw new Error(
        `${at}: has ${cells.length} columns, expected the six of TREC: query, Q0, document, rank, score, tag; correct the line.`,
      );
    const score = Number(written);
    if (!Number.isFinite(score))
      throw new Error(`${at}: the score is ${JSON.stringify(written)}, expected a number; correct the line.`);
    const hits = run.get(query) ?? new Map<string, number>();
    if (hits.has(id))
      throw new Error(
        `${at}: the query ${JSON.stringify(query)} has the document ${JSON.stringify(id)} twice; remove one of the lines.`,
      );
    run.set(query, hits.set(id, score));
  }
  if (run.size === 0)
    throw new Error(
      `${path}: no hits, expected lines such as "q1 Q0 d7 1 12.5 bm25"; is it the right file, and whole?`,
    );
  return new Map(
    Array.from(run, ([query, hits]) => [query, Array.from(hits, ([id, score]) => ({ id, score })).sort(compareHits)]),
  );
}

/**
 * Writes a run, whole or not at all, the hits of each query best first.
 * @param tag the name of the system
 * @throws WriteError; Error if an identifier is empty or has blanks, which would be columns of their own
 */
export const writeTrecRun = (path: string, run: Run, tag: string): Promise<void> =>
  writeFileAtomic(path, linesOf(run, tag));

function* linesOf(run: Run, tag: string): Generator<Uint8Array> {
  for (const [query, hits] of run) {
    const lines = [...hits].sort(compareHits).map(({ id, score }, i) => {
      for (const name of [query, id, tag])
        if (!/^\S+$/.test(name))
          throw new Error(
            `TREC run: ${JSON.stringify(name)} is empty or has a blank, which ends a column; give it another name.`,
          );
      return `${query} Q0 ${id} ${i + 1} ${score} ${tag}\n`;
    });
    yield Buffer.from(lines.join(''));
  }
}
