// Queries with the texts that answer them, as training data come. After FlagEmbedding's lines {"query", "pos", "neg"}.
import { valueOf } from './fields.js';
import { shownValue } from './json-fields.js';
import { readRecords } from './read/open.js';
import { wordsOf } from './read/row.js';

/** Of one line; negatives that it may have are not read. */
export interface TrainingPair {
  /** What the line says, or else its place. */
  readonly id: string;
  readonly query: string;
  /** One text at least. */
  readonly positives: readonly string[];
}

const IDS = ['query_id', 'query-id', 'qid', '_id', 'id'];
const USUAL: ReadonlySet<string> = new Set([...IDS, 'query', 'pos']);

/**
 * Reads pairs, one line after the other.
 * @throws naming the place of a line without a query or a list of positives, or the file if it holds none
 */
export async function* trainingPairs(path: string): AsyncGenerator<TrainingPair> {
  let count = 0;
  for await (const { at, content } of readRecords(path, USUAL, ({ rows }) => rows)) {
    if ('problem' in content) throw new Error(`${at}: ${wordsOf(content.problem)}, expected a pair; correct the line.`);
    const { query, pos } = content.fields;
    if (!isText(query))
      throw new Error(`${at}: "query" is ${shownValue(query)}, expected a text; correct the line, or leave it out.`);
    if (!Array.isArray(pos) || pos.length === 0 || !pos.every(isText))
      throw new Error(
        `${at}: "pos" is ${Array.isArray(pos) && pos.length > 0 ? 'a list with something else in it' : shownValue(pos)}, expected a list of texts, one at least; correct the line, or leave it out.`,
      );
    const id = valueOf(content.fields, IDS);
    count++;
    yield { id: typeof id === 'string' || typeof id === 'number' ? String(id) : at, query, positives: pos };
  }
  if (count === 0)
    throw new Error(
      `${path}: no pairs, expected lines such as {"query": "...", "pos": ["..."]}; is it the right file, and whole?`,
    );
}

const isText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== '';
