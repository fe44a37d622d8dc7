// The names that people give to ids, texts and titles, and how these are read from a row. After BEIR, Pyserini, MS MARCO, DPR.
import type { Fields, Problem } from './read/row.js';

const DOCUMENT_IDS = [
  '_id',
  'id',
  'docid',
  'doc_id',
  'pid',
  'docno',
  'document_id',
  'passage_id',
  'corpus_id',
  'corpus-id',
  'cid',
  'uid',
  'doc-id',
  'passage-id',
  'paragraph_id',
];
const QUERY_IDS = ['_id', 'id', 'qid', 'query_id', 'query-id', 'topic_id', 'question_id'];
const DOCUMENT_TEXTS = ['text', 'contents', 'content', 'body', 'passage', 'document'];
const QUERY_TEXTS = ['text', 'query', 'contents', 'content', 'question', 'title'];
const TITLES = ['title'];

/** All of these: what a header is known by. */
export const USUAL: ReadonlySet<string> = new Set([
  ...DOCUMENT_IDS,
  ...QUERY_IDS,
  ...DOCUMENT_TEXTS,
  ...QUERY_TEXTS,
  ...TITLES,
]);

export interface TextRecord {
  /** Undefined if there is none. */
  readonly id: string | undefined;
  /** '' where the field is null. */
  readonly text: string;
  /** '' where there is none. */
  readonly title: string;
}

/** @param field the field that holds the text; undefined: the first of the usual names that there is */
export const documentOf = (fields: Fields, field?: string): TextRecord | Problem =>
  recordOf(fields, DOCUMENT_IDS, field === undefined ? DOCUMENT_TEXTS : [field]);

export const queryOf = (fields: Fields): TextRecord | Problem => recordOf(fields, QUERY_IDS, QUERY_TEXTS);

function recordOf(fields: Fields, ids: readonly string[], texts: readonly string[]): TextRecord | Problem {
  const text = valueOf(fields, texts);
  if (text !== null && typeof text !== 'string') {
    const wanted = texts.length === 1 ? `field '${texts[0]}'` : `any field for texts`;
    const usual = texts.length === 1 ? '' : `; expected one of ${texts.join(', ')}`;
    return { reason: `no string in ${wanted}`, detail: `fields: ${namesOf(fields)}${usual}` };
  }
  const title = valueOf(fields, TITLES);
  if (title !== undefined && title !== null && typeof title !== 'string' && typeof title !== 'number')
    return { reason: "no string in field 'title'" };
  const id = valueOf(fields, ids);
  if (id !== undefined && id !== null && !isId(id)) return { reason: 'an id that is neither a string nor a number' };
  return { id: id === null ? undefined : id?.toString(), text: text ?? '', title: title?.toString().trim() ?? '' };
}

/** Names of fields as part of a line; a broken header may hold anything. */
const namesOf = (fields: Fields): string =>
  Object.keys(fields).join(', ').replace(/\s+/g, ' ').slice(0, LONGEST_SHOWN) || 'none';
const LONGEST_SHOWN = 200;

const isId = (value: unknown): value is string | number | bigint =>
  typeof value === 'string' || Number.isFinite(value) || typeof value === 'bigint';

/** The value of the first name that a row has, in capitals too if none is as it is written; null counts if all are null. */
export function valueOf(fields: Fields, names: readonly string[]): unknown {
  const has = (name: string): boolean => Object.hasOwn(fields, name);
  let found = names.filter(has);
  if (found.length === 0) found = Object.keys(fields).filter((name) => names.includes(name.trim().toLowerCase()));
  const filled = found.find((name) => fields[name] !== null && fields[name] !== undefined);
  return filled === undefined ? (found.length > 0 ? null : undefined) : fields[filled];
}
