// Reads a retrieval set: from a folder in BEIR's layout, or from a corpus, queries and judgements wherever they are.
import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { documentOf, queryOf, USUAL, type TextRecord } from './fields.js';
import type { Document } from './document.js';
import { isThere } from './files/open.js';
import { DistinctIds } from './ids.js';
import { readJudgements, type Judgements } from './judgements.js';
import { corpusFiles, filesOf, list } from './layout.js';
import { namedFormat, stemOf } from './read/format.js';
import { readRecords } from './read/open.js';
import { wordsOf, type Fields, type Problem } from './read/row.js';
import type { Qrels, Query, RetrievalSet } from './retrieval-set.js';

const LAYOUT =
  'corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv (or these as .json, .csv, .tsv, .parquet, gzipped or not)';

export interface SetPaths {
  /** Documents, each with an id: a file of records, or a folder of such. */
  readonly corpus: string;
  readonly queries: string;
  /** A file of judgements. */
  readonly qrels: string;
}

/**
 * Loads a set from a BEIR folder. Queries are those that are judged in the split. Judgements of queries that have no text
 * are dropped, those of documents that the corpus lacks are kept (they cannot be found, as in trec_eval); `warnings`
 * counts both.
 *
 * @throws if a file or the split is missing, or a line is not what it should be: the message says FILE:LINE
 */
export async function loadBeir(dir: string, { split = 'test' }: { split?: string } = {}): Promise<RetrievalSet> {
  // One after the other: of several that are missing, always the same one is named.
  const corpus = await partOf(dir, 'corpus');
  const queries = await partOf(dir, 'queries');
  const qrels = await splitOf(dir, split);
  return loadParts(basename(resolve(dir)), { corpus, queries, qrels });
}

/**
 * Another split of the folder that `set` was loaded from, over the same documents, which are not read again.
 * @throws as `loadBeir`
 */
export async function loadOtherSplit(dir: string, split: string, { corpus }: RetrievalSet): Promise<RetrievalSet> {
  const files = { corpus: await partOf(dir, 'corpus'), queries: await partOf(dir, 'queries') };
  return joinParts(split, { ...files, qrels: await splitOf(dir, split) }, () => Promise.resolve(corpus));
}

/** The judgements of a split of a BEIR folder as they stand, its texts unread. @throws as `loadBeir` */
export const loadQrels = async (dir: string, split: string): Promise<Qrels> =>
  (await readJudgements(await splitOf(dir, split))).qrels;

/** Whether a BEIR folder has judgements of this name. */
export const hasSplit = async (dir: string, split: string): Promise<boolean> =>
  (await judgementsIn(join(dir, 'qrels'))).some((file) => splitNamed(file) === split);

/**
 * Loads a set from files that lie anywhere, as `loadBeir` does from a folder.
 * @throws as `loadBeir`
 */
export async function loadRetrievalSet({ corpus, queries, qrels }: SetPaths): Promise<RetrievalSet> {
  const documents = await pathsOf(corpus);
  return loadParts(stemOf(qrels), { corpus: documents, queries: await queryFiles(queries), qrels: [qrels] });
}

/** The queries of a file or a folder of such. @throws FILE:LINE if a line is none, or an id comes twice */
export const readQueries = async (path: string): Promise<Query[]> =>
  readTexts(await queryFiles(path), 'query', queryOf);

interface SetFiles {
  readonly corpus: readonly string[];
  readonly queries: readonly string[];
  readonly qrels: readonly string[];
}

const loadParts = (name: string, files: SetFiles): Promise<RetrievalSet> =>
  joinParts(name, files, () => readTexts(files.corpus, 'document', documentOf));

async function joinParts(
  name: string,
  files: SetFiles,
  documents: () => Promise<readonly Document[]>,
): Promise<RetrievalSet> {
  const judgements = await readJudgements(files.qrels);
  const corpus = await documents();
  const queries = await readTexts(files.queries, 'query', queryOf);
  return { name, ...joinJudged(corpus, queries, judgements, files) };
}

/** Keeps the queries that are judged, and the judgements of queries that there are. */
function joinJudged(
  corpus: readonly Document[],
  queries: readonly Query[],
  { qrels, repeated }: Judgements,
  files: SetFiles,
): Omit<RetrievalSet, 'name'> {
  const documents = new Set(corpus.map(({ id }) => id));
  const known = new Set(queries.map(({ id }) => id));
  const orphans = [...qrels.keys()].filter((query) => !known.has(query));
  for (const query of orphans) qrels.delete(query);
  if (qrels.size === 0)
    throw new Error(
      `${files.qrels[0]}: none of its ${orphans.length} queries is in ${basename(files.queries[0])} (the first is ${JSON.stringify(orphans[0])}); give the files of one set.`,
    );
  const missing = [...qrels.values()].flatMap((judged) => [...judged.keys()].filter((id) => !documents.has(id)));
  const warnings: string[] = [];
  const warn = (ids: readonly string[], what: string): void => {
    if (ids.length > 0)
      warnings.push(`${files.qrels[0]}: ${ids.length} ${what} (the first is ${JSON.stringify(ids[0])}).`);
  };
  warn(orphans, `judged queries are not in ${basename(files.queries[0])} and are left out`);
  warn(missing, `judgements are of documents that are not in ${basename(files.corpus[0])}; they count as never found`);
  warn(repeated, 'judgements come twice; the last one counts');
  return { corpus, queries: queries.filter(({ id }) => qrels.has(id)), qrels, warnings };
}

/** All texts of a part of a set, where a bad row would give another figure, so that it is an error. */
async function readTexts(
  files: readonly string[],
  what: 'document' | 'query',
  recordOf: (fields: Fields) => TextRecord | Problem,
): Promise<Document[]> {
  const texts: Document[] = [];
  const ids = new DistinctIds();
  for (const file of files)
    for await (const { at, content } of readRecords(file, USUAL, ({ name, format, rows }) => {
      if (format !== 'text') return rows;
      throw new Error(
        `${name}: text without ids, expected a ${what} a row with an id, as .jsonl, .tsv, .csv or .parquet; convert it.`,
      );
    })) {
      const record = 'problem' in content ? content.problem : recordOf(content.fields);
      if ('reason' in record) throw new Error(`${at}: ${wordsOf(record)}, expected a ${what}; correct the line.`);
      const { id, text, title } = record;
      ids.add(id, at);
      texts.push({ id: id!, text, ...(title !== '' && what === 'document' && { title }) });
    }
  if (texts.length === 0) throw new Error(`${files[0]}: empty, expected a ${what} per line; is the file whole?`);
  return texts;
}

async function partOf(dir: string, stem: string): Promise<string[]> {
  const found = (await isThere(dir)) ? await filesOf(dir, stem) : [];
  if (found.length > 0) return found;
  throw new Error(
    `${join(dir, `${stem}.jsonl`)}: no such file; a BEIR folder holds ${LAYOUT}: give the folder that does.`,
  );
}

/** A BEIR folder's queries, where elsewhere such a folder is its corpus. */
async function queryFiles(path: string): Promise<string[]> {
  const own = (await isThere(path)) && (await stat(path)).isDirectory() ? await filesOf(path, 'queries') : [];
  return own.length > 0 ? own : pathsOf(path);
}

async function pathsOf(path: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const file of corpusFiles(path)) paths.push(file);
  if (paths.length > 0) return paths;
  throw new Error(`${path}: holds no file of records; name another.`);
}

/** The files of a split: qrels/SPLIT.tsv or the like, or in parts, as Hugging Face's Parquet has them. */
async function splitOf(dir: string, split: string): Promise<string[]> {
  const folder = join(dir, 'qrels');
  const files = await judgementsIn(folder);
  const found = files.filter((file) => splitNamed(file) === split);
  // One content in two formats is read once; parts of one are all read.
  const first = found.find((file) => file.startsWith(`${split}.`));
  if (found.length > 0) return (first ? [first] : found).map((file) => join(folder, file));
  const splits = [...new Set(files.map(splitNamed))];
  throw new Error(
    splits.length > 0
      ? `${folder}: no split "${split}" (${split}.tsv); there are ${splits.sort().join(', ')}: ask for one of these.`
      : `${folder}: no SPLIT.tsv in it; a BEIR folder holds ${LAYOUT}: give the folder that does.`,
  );
}

async function judgementsIn(folder: string): Promise<string[]> {
  const entries = (await isThere(folder)) ? await list(folder) : [];
  return entries.filter((entry) => !entry.isDirectory() && isJudgements(entry.name)).map(({ name }) => name);
}

const isJudgements = (name: string): boolean =>
  namedFormat(name) !== undefined || /\.(qrels?|trec)(\.gz)?$/i.test(name);

/** Hugging Face numbers the parts of a split: test-00000-of-00001.parquet. */
const splitNamed = (name: string): string => stemOf(name).replace(/-\d+-of-\d+$/, '');
