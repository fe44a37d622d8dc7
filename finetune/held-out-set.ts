// A corpus in two: the text to learn from, and a set to measure with, whose queries are sentences that were taken out of it.
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { documentText, isThere, loadBeir, writeDirAtomic, type Document, type RetrievalSet } from '../data/index.js';
import { heldOut } from '../retrieval/index.js';
import { corpusDocuments, type CorpusSettings, type Observer } from '../train/index.js';

/** Queries at most, and the chance of a document to give one. */
const QUERIES = 400;
const SHARE = 0.1;

/** The documents of a corpus, without what `corpusDocuments` puts before their texts. */
export async function readCorpus(settings: CorpusSettings, observer: Observer): Promise<Document[]> {
  const all: Document[] = [];
  for await (const { title, text, ...document } of corpusDocuments(settings, observer)) {
    // The title stands before the text, and a blank between them.
    const body = title === undefined ? text : text.slice(title.length + 1);
    all.push({ ...document, ...(title !== undefined && { title }), text: body });
  }
  return all;
}

/** One number for all that a corpus says. */
export function digestOf(documents: readonly Document[]): string {
  const hash = createHash('sha256');
  for (const document of documents) hash.update(`${documentText(document)}\0`);
  return hash.digest('hex');
}

/** Folders in a round's: a BEIR folder, whose corpus is what is learnt from. */
export const setDir = (round: string): string => join(round, 'held-out');

/**
 * Writes the set, if it is not there.
 * @returns it, or nothing if no document has a sentence to spare: then `warnings` of the corpus says so
 */
export async function heldOutSet(
  round: string,
  documents: readonly Document[],
  seed: number,
  { message }: Observer,
): Promise<RetrievalSet | undefined> {
  const dir = setDir(round);
  if (!(await isThere(dir))) {
    const set = cut(documents, seed, message);
    const bodies = new Map(set?.corpus.map(({ id, text }) => [id, text]));
    const lines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
    const corpus = documents.map(({ title = '', text }, i) => ({
      ...{ _id: String(i), title },
      text: bodies.get(String(i)) ?? text,
    }));
    const qrels = [...(set?.qrels ?? [])].flatMap(([query, judged]) =>
      [...judged].map(([document, grade]) => `${query}\t${document}\t${grade}\n`),
    );
    await mkdir(round, { recursive: true });
    await writeDirAtomic(dir, async (folder) => {
      await mkdir(join(folder, 'qrels'));
      await writeFile(join(folder, 'corpus.jsonl'), lines(corpus));
      await writeFile(
        join(folder, 'queries.jsonl'),
        lines((set?.queries ?? []).map(({ id, text }) => ({ _id: id, text }))),
      );
      await writeFile(join(folder, 'qrels', 'test.tsv'), `query-id\tcorpus-id\tscore\n${qrels.join('')}`);
    });
  }
  return loadBeir(dir).catch((error: Error) => {
    message?.(`Nothing is measured: ${error.message}`);
    return undefined;
  });
}

function cut(documents: readonly Document[], seed: number, message: Observer['message']): RetrievalSet | undefined {
  try {
    const numbered = documents.map(({ text }, i) => ({ id: String(i), text }));
    return heldOut(numbered, { queries: QUERIES, share: SHARE, seed, minSentences: 2, minWords: 5 });
  } catch (error) {
    message?.(`No sentence is held out to measure with: ${(error as Error).message}`);
    return undefined;
  }
}
