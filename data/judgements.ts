// Judgements of relevance (qrels) in the dialects of BEIR, MS MARCO and TREC, and as records. After trec_eval's reader.
import { valueOf } from './fields.js';
import { shownValue } from './json-fields.js';
import { readRecords, type Records } from './read/open.js';
import { wordsOf } from './read/row.js';

export interface Judgements {
  readonly qrels: Map<string, Map<string, number>>;
  /** Query and document of judgements given more than once. */
  readonly repeated: string[];
}

const QUERIES = ['query-id', 'query_id', 'queryid', 'qid', 'query', 'q_id', 'topic', 'topic_id'];
const DOCUMENTS = [
  'corpus-id',
  'corpus_id',
  'corpusid',
  'docid',
  'doc_id',
  'doc-id',
  'docno',
  'document_id',
  'document-id',
  'document',
  'pid',
  'passage_id',
  'passage-id',
  'cid',
  'did',
  'doc',
];
const GRADES = ['score', 'relevance', 'rel', 'grade', 'label', 'judgement', 'judgment', 'qrel'];
const USUAL = new Set([...QUERIES, ...DOCUMENTS, ...GRADES]);

interface Judgement {
  readonly at: string;
  readonly query: unknown;
  readonly document: unknown;
  readonly grade: unknown;
}

/**
 * Reads judgements: `query document grade` with a header or without, TREC's `query 0 document grade`, between tabs or
 * blanks; or records (.jsonl, .json, .csv, .parquet) with such fields. More columns are not looked at. A grade is a
 * whole number, which may be written 1.0.
 * @throws naming the place of a line that is none of these, or the file if it holds none
 */
export async function readJudgements(files: readonly string[]): Promise<Judgements> {
  const qrels = new Map<string, Map<string, number>>();
  const repeated: string[] = [];
  for (const file of files)
    for await (const { at, ...given } of readRecords(file, USUAL, judgementsOf)) {
      const [query, document, grade] = [idOf(given.query), idOf(given.document), gradeOf(given.grade)];
      if (!query || !document || grade === undefined)
        throw new Error(
          `${at}: expected query id, document id and a whole number, found ${shown(given)}; correct the line.`,
        );
      const judged = qrels.get(query) ?? new Map<string, number>();
      if (judged.has(document)) repeated.push(`${query} ${document}`);
      qrels.set(query, judged.set(document, grade));
    }
  if (qrels.size === 0) throw new Error(`${files[0]}: no judgements, expected some; is the file whole?`);
  return { qrels, repeated };
}

const judgementsOf = (records: Records): AsyncIterable<Judgement> =>
  records.format === 'text' || records.format === 'tsv' ? fromLines(records) : fromRows(records);

async function* fromRows({ rows }: Records): AsyncGenerator<Judgement> {
  for await (const { at, content } of rows) {
    if ('problem' in content)
      throw new Error(`${at}: ${wordsOf(content.problem)}, expected a judgement; correct the line.`);
    const [query, document, grade] = [QUERIES, DOCUMENTS, GRADES].map((names) => valueOf(content.fields, names));
    yield { at, query, document, grade };
  }
}

/** Where query, document and grade stand in a line. */
type Columns = readonly [query: number, document: number, grade: number];
const IN_ORDER: Columns = [0, 1, 2];
const TREC: Columns = [0, 2, 3];

async function* fromLines({ name, lines }: Records): AsyncGenerator<Judgement> {
  let columns: Columns | undefined;
  let between: RegExp | undefined;
  for await (const { number, text } of lines) {
    const at = `${name}:${number}`;
    if (text === null) throw new Error(`${at}: invalid UTF-8, expected UTF-8 text; correct the line.`);
    if (text.trim() === '') continue;
    between ??= text.trim().includes('\t') ? /\t/ : /\s+/;
    const cells = text
      .trim()
      .split(between)
      .map((cell) => cell.trim());
    if (!columns) {
      columns = columnsOf(cells, at);
      if (gradeOf(cells[columns[2]]) === undefined) continue;
    }
    const [query, document, grade] = columns.map((column) => cells[column]);
    yield { at, query, document, grade };
  }
}

/** @param cells of the first line: a header, or a judgement */
function columnsOf(cells: readonly string[], at: string): Columns {
  const places = [QUERIES, DOCUMENTS, GRADES].map((names) =>
    cells.findIndex((cell) => names.includes(cell.toLowerCase())),
  );
  if (places.every((place) => place >= 0)) return places as unknown as Columns;
  const isTrec = cells.length >= 4 && /^(0|Q0)$/i.test(cells[1]) && gradeOf(cells[3]) !== undefined;
  if (isTrec) return TREC;
  if (cells.length >= 3 && gradeOf(cells[2]) !== undefined) return IN_ORDER;
  throw new Error(
    `${at}: expected a header such as query-id<tab>corpus-id<tab>score, or query id, document id and a whole number, or TREC's four columns, found ${JSON.stringify(cells.join(' '))}; correct the line.`,
  );
}

const idOf = (value: unknown): string | undefined =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint'
    ? String(value).trim()
    : undefined;

/** A whole number, written as one or with zeros behind the point. */
function gradeOf(value: unknown): number | undefined {
  const text = idOf(value);
  return text !== undefined && /^[+-]?\d+(\.0*)?$/.test(text) && Number.isSafeInteger(Number(text))
    ? Number(text)
    : undefined;
}

const shown = ({ query, document, grade }: Omit<Judgement, 'at'>): string =>
  [query, document, grade]
    .map((value) => (typeof value === 'bigint' ? String(value) : value === undefined ? 'nothing' : shownValue(value)))
    .join(', ');
