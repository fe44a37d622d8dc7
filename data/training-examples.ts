// Queries with the texts that answer them, as training data come: FlagEmbedding's lines, sentence-transformers' columns,
// MS MARCO's triples.
import { valueOf } from './fields.js';
import { shownValue } from './json-fields.js';
import { readRecords, type Records } from './read/open.js';
import { wordsOf, type Fields } from './read/row.js';
import { isHeader } from './read/table.js';

/** Of one line. */
export interface TrainingExample {
  /** What the line says, or else its place. */
  readonly id: string;
  readonly query: string;
  /** One text at least. */
  readonly positives: readonly string[];
  /** Texts that do not answer it. */
  readonly negatives: readonly string[];
  /** A teacher's scores of the positives, then of the negatives, where the line has them for all. */
  readonly scores?: readonly number[];
  /** Of a line with fields, all others of these, its id included, as they stand there. */
  readonly others?: Fields;
}

export const IDS = ['query_id', 'query-id', 'qid', '_id', 'id'];
const QUERIES = ['query', 'anchor', 'question', 'sentence1', 'premise'];
const POSITIVES = ['positive', 'answer', 'passage', 'response', 'sentence2'];
const NEGATIVE = /^(hard_)?neg(ative)?s?(_?\d+)?$/;
/** Columns that say how well two texts fit: such pairs are not all positives. */
const GRADES = ['label', 'score', 'similarity', 'similarity_score'];
const USUAL: ReadonlySet<string> = new Set([
  ...IDS,
  ...QUERIES,
  ...POSITIVES,
  'pos',
  'neg',
  'negative',
  'hard_negative',
]);

/**
 * Reads examples, one line after the other. What a file may be, gzipped or not:
 * - FlagEmbedding's lines {"query", "pos": [...], "neg": [...]}, with "pos_scores" and "neg_scores" of a teacher;
 * - sentence-transformers' columns (.jsonl, .csv, .tsv, .parquet): by name (query or anchor, positive or answer, negative,
 *   negative_1 …), or else the first is the query, the second its answer, and all others negatives;
 * - MS MARCO's triples: a .tsv without a header, query, passage that answers it, passage that does not.
 * @throws naming the place of a line that is none of these, or the file if it holds none
 */
export async function* trainingExamples(path: string): AsyncGenerator<TrainingExample> {
  let count = 0;
  for await (const { at, fields } of readRecords(path, USUAL, rowsOf)) {
    count++;
    const { pos, neg } = fields;
    const id = valueOf(fields, IDS);
    const example = pos === undefined && neg === undefined ? inColumns(at, fields) : inLists(at, fields);
    yield { id: typeof id === 'string' || typeof id === 'number' ? String(id) : at, ...example };
  }
  if (count === 0)
    throw new Error(
      `${path}: no examples, expected lines such as {"query": "...", "pos": ["..."]}; is it the right file, and whole?`,
    );
}

interface Line {
  readonly at: string;
  readonly fields: Fields;
}

/** Rows with fields; of columns without names, those are numbers. */
async function* rowsOf({ name, format, rows, lines }: Records): AsyncGenerator<Line> {
  if (format === 'text')
    throw new Error(`${name}: is plain text, expected lines of examples; name it .jsonl, .csv or .tsv, as what it is.`);
  if (format !== 'tsv') {
    for await (const { at, content } of rows) {
      if ('problem' in content)
        throw new Error(`${at}: ${wordsOf(content.problem)}, expected an example; correct the line.`);
      yield { at, fields: content.fields };
    }
    return;
  }
  let header: string[] | undefined;
  for await (const { number, text } of lines) {
    const at = `${name}:${number}`;
    if (text === null) throw new Error(`${at}: invalid UTF-8, expected an example; correct the line.`);
    if (text.trim() === '') continue;
    const cells = text.split('\t');
    if (!header && isHeader(cells, USUAL)) {
      header = cells.map((cell) => cell.trim());
      continue;
    }
    header ??= cells.map((_, column) => `column ${column + 1}`);
    if (cells.length !== header.length)
      throw new Error(`${at}: has ${cells.length} columns, the first line ${header.length}; correct the line.`);
    yield { at, fields: Object.fromEntries(header.map((column, i) => [column, cells[i]])) };
  }
}

type Texts = Omit<TrainingExample, 'id'>;

/** FlagEmbedding's. */
function inLists(at: string, fields: Fields): Texts {
  const { query, pos, neg = [], pos_scores: first, neg_scores: second, ...others } = fields;
  if (!isText(query))
    throw new Error(`${at}: "query" is ${shownValue(query)}, expected a text; correct the line, or leave it out.`);
  const positives = textsOf(at, 'pos', pos);
  if (positives.length === 0)
    throw new Error(`${at}: "pos" is [], expected a list of texts, one at least; correct the line, or leave it out.`);
  const negatives = textsOf(at, 'neg', neg);
  const scores = [...scoresOf(at, 'pos_scores', first, positives), ...scoresOf(at, 'neg_scores', second, negatives)];
  const isScored = scores.length === positives.length + negatives.length;
  return { query, positives, negatives, ...(isScored && { scores }), others };
}

function textsOf(at: string, name: string, value: unknown): string[] {
  if (Array.isArray(value) && value.every(isText)) return value;
  const found = Array.isArray(value) ? 'a list with something else in it' : shownValue(value);
  throw new Error(`${at}: "${name}" is ${found}, expected a list of texts; correct the line, or leave it out.`);
}

function scoresOf(at: string, name: string, value: unknown, texts: readonly string[]): number[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.length === texts.length && value.every((score) => Number.isFinite(score)))
    return value as number[];
  throw new Error(`${at}: "${name}" is no list of ${texts.length} numbers, one a text; correct the line.`);
}

/** sentence-transformers', by name or in order. */
function inColumns(at: string, fields: Fields): Texts {
  const columns = Object.entries(fields).filter(([name]) => !IDS.includes(plain(name)));
  const graded = columns.find(([name]) => GRADES.includes(plain(name)));
  if (graded)
    throw new Error(
      `${at}: the column "${graded[0]}" says how well two texts fit, but each line here is a query with a text that answers it. Keep the lines that do, and remove the column.`,
    );
  const texts = columns.flatMap(([name, value]) => (isText(value) ? [{ column: name, name: plain(name), value }] : []));
  if (texts.length < Math.max(2, columns.length))
    throw new Error(
      `${at}: has ${texts.length} texts in ${columns.length} columns, expected a query, a text that answers it, and any that do not; correct the line, or leave it out.`,
    );
  const named = (names: readonly string[]) => texts.find(({ name }) => names.includes(name));
  const [query, positive] = [named(QUERIES) ?? texts[0], named(POSITIVES) ?? texts[1]];
  const others = texts.filter((text) => text !== query && text !== positive);
  const negatives = named(QUERIES) && named(POSITIVES) ? others.filter(({ name }) => NEGATIVE.test(name)) : others;
  if (texts.every(({ value }) => /^\d+$/.test(value)))
    throw new Error(
      `${at}: has numbers only, which are ids, but texts are wanted. Put the texts in their place; \`retromae finetune\` also takes ids, with --example-queries and --example-corpus.`,
    );
  return {
    query: query.value,
    positives: [positive.value],
    negatives: negatives.map(({ value }) => value),
    others: Object.fromEntries(
      Object.entries(fields).filter(([name]) => ![query, positive, ...negatives].some((text) => text.column === name)),
    ),
  };
}

const plain = (name: string): string => name.trim().toLowerCase();
const isText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== '';
