// Reads a retrieval set from a folder in BEIR's layout: corpus.jsonl, queries.jsonl, qrels/SPLIT.tsv. After BEIR.
import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Document } from './document.js';
import { isThere } from './files/open.js';
import { fieldsOf, strictLines } from './lines.js';
import type { Query, RetrievalSet } from './retrieval-set.js';

const HEADER = 'query-id\tcorpus-id\tscore';
const LAYOUT = 'corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv';

/**
 * Loads a set. Queries are those that are judged in the split. Judgements of queries that have no text are dropped, those
 * of documents that the corpus lacks are kept (they cannot be found, as in trec_eval); `warnings` counts both.
 *
 * @throws if a file or the split is missing, or a line is not what it should be: the message says FILE:LINE
 */
export async function loadBeir(dir: string, { split = 'test' }: { split?: string } = {}): Promise<RetrievalSet> {
  const corpusFile = join(dir, 'corpus.jsonl');
  const queriesFile = join(dir, 'queries.jsonl');
  const qrelsFile = join(dir, 'qrels', `${split}.tsv`);
  for (const file of [corpusFile, queriesFile]) {
    if (!(await isThere(file))) {
      throw new Error(`${file}: no such file; a BEIR folder holds ${LAYOUT}: give the folder that does.`);
    }
  }
  if (!(await isThere(qrelsFile))) await throwNoSplit(dir, split);

  const judgements = await readQrels(qrelsFile);
  const corpus = await readJsonLines(corpusFile, 'document');
  const queries = await readJsonLines(queriesFile, 'query');
  const name = basename(resolve(dir));
  return { name, ...joinJudged(corpus, queries, judgements, qrelsFile) };
}

/** Keeps the queries that are judged, and the judgements of queries that there are. */
function joinJudged(
  corpus: readonly Document[],
  queries: readonly Query[],
  { qrels, repeated }: Judgements,
  file: string,
): Omit<RetrievalSet, 'name'> {
  const documents = new Set(corpus.map(({ id }) => id));
  const known = new Set(queries.map(({ id }) => id));
  const orphans = [...qrels.keys()].filter((query) => !known.has(query));
  for (const query of orphans) qrels.delete(query);
  const missing = [...qrels.values()].flatMap((judged) => [...judged.keys()].filter((id) => !documents.has(id)));
  const warnings: string[] = [];
  const warn = (ids: readonly string[], what: string): void => {
    if (ids.length > 0) warnings.push(`${file}: ${ids.length} ${what} (the first is ${JSON.stringify(ids[0])}).`);
  };
  warn(orphans, 'judged queries are not in queries.jsonl and are left out');
  warn(missing, 'judgements are of documents that are not in corpus.jsonl; they count as never found');
  warn(repeated, 'judgements come twice; the last one counts');
  return { corpus, queries: queries.filter(({ id }) => qrels.has(id)), qrels, warnings };
}

/** Reads `_id`, `text`, and for documents `title`, which may be absent. Numbers as ids become strings. */
async function readJsonLines(file: string, what: 'document' | 'query'): Promise<Document[]> {
  const documents: Document[] = [];
  const seen = new Set<string>();
  for await (const { at, text: line } of strictLines(file)) {
    if (line.trim() === '') continue;
    const { _id: given, title = '', text } = fieldsAt(at, line, what);
    const id = typeof given === 'number' ? String(given) : given;
    if (typeof id !== 'string' || typeof text !== 'string' || typeof title !== 'string') {
      const wanted = what === 'query' ? '"_id" and "text"' : '"_id", "text" and, where there is one, "title"';
      throw new Error(`${at}: not a ${what}, expected an object with strings ${wanted}; correct the line.`);
    }
    if (seen.has(id)) {
      throw new Error(`${at}: the ${what} "${id}" comes twice, expected distinct "_id"s; drop one of the two.`);
    }
    seen.add(id);
    documents.push({ id, text, ...(title !== '' && { title }) });
  }
  if (documents.length === 0) throw new Error(`${file}: empty, expected a ${what} per line; is the file whole?`);
  return documents;
}

function fieldsAt(at: string, line: string, what: string): Record<string, unknown> {
  try {
    return fieldsOf(line);
  } catch (error) {
    throw new Error(`${at}: ${(error as Error).message}, expected a ${what}; correct the line.`, { cause: error });
  }
}

interface Judgements {
  readonly qrels: Map<string, Map<string, number>>;
  /** Query and document of judgements given more than once. */
  readonly repeated: string[];
}

async function readQrels(file: string): Promise<Judgements> {
  const qrels = new Map<string, Map<string, number>>();
  const repeated: string[] = [];
  let header = false;
  for await (const { at, text } of strictLines(file)) {
    if (!header) {
      if (text !== HEADER) {
        const wanted = HEADER.replaceAll('\t', '<tab>');
        throw new Error(`${at}: expected the header line ${wanted}, found ${JSON.stringify(text)}; put it first.`);
      }
      header = true;
      continue;
    }
    if (text === '') continue;
    const fields = text.split('\t');
    const [query, document, score] = fields;
    if (fields.length !== 3 || query === '' || document === '' || !/^-?\d+$/.test(score)) {
      throw new Error(
        `${at}: expected query id, document id and a whole number, separated by tabs, found ${JSON.stringify(text)}; correct the line.`,
      );
    }
    const judged = qrels.get(query) ?? new Map<string, number>();
    if (judged.has(document)) repeated.push(`${query} ${document}`);
    qrels.set(query, judged.set(document, Number(score)));
  }
  if (qrels.size === 0) throw new Error(`${file}: no judgements, expected some after the header; is the file whole?`);
  return { qrels, repeated };
}

async function throwNoSplit(dir: string, split: string): Promise<never> {
  const folder = join(dir, 'qrels');
  const files = (await isThere(folder)) ? await readdir(folder) : [];
  const splits = files.filter((file) => file.endsWith('.tsv')).map((file) => file.slice(0, -'.tsv'.length));
  throw new Error(
    splits.length > 0
      ? `${folder}: no split "${split}" (${split}.tsv); there are ${splits.sort().join(', ')}: ask for one of these.`
      : `${folder}: no SPLIT.tsv in it; a BEIR folder holds ${LAYOUT}: give the folder that does.`,
  );
}
