// Which files of a folder hold what: directories of texts, and the layouts of BEIR and of Hugging Face's copies of it.
import type { Dirent, Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isReadOnce, STANDARD_INPUT } from './read/source.js';
import { hasEnding, KNOWN, namedFormat, stemOf } from './read/format.js';

/** The name that BEIR gives a corpus, which says enough. */
const BEIR_CORPUS = /^corpus\.jsonl(\.gz)?$/i;

/**
 * The files to read of a corpus, in the order of names by UTF-16 units, which is the same everywhere.
 * @param above the folders on the way to it, without links: one that leads back to these has no end
 */
export async function* corpusFiles(
  path: string,
  onWarning?: (message: string) => void,
  above: readonly string[] = [],
): AsyncGenerator<string> {
  if (path === STANDARD_INPUT) return yield path;
  if (!(await look(path)).isDirectory()) {
    if (!namedFormat(path) && hasEnding(path) && !(await isReadOnce(path)))
      throw new Error(
        `corpus: ${path} is none of ${KNOWN}, expected one of these or a folder of them. Rename or convert it.`,
      );
    return yield path;
  }
  const folder = await realpath(path);
  if (above.includes(folder)) return onWarning?.(`${path}: passed over, a link to a folder that it is in`);
  const entries = await list(path);
  if (isBeir(entries)) {
    for (const file of await filesOf(path, 'corpus')) yield file;
    return;
  }
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    const inner = join(path, entry.name);
    if ((await look(inner)).isDirectory() || namedFormat(inner))
      yield* corpusFiles(inner, onWarning, [...above, folder]);
    else onWarning?.(`${inner}: passed over, none of ${KNOWN}`);
  }
}

/** Another format than BEIR's own, or a folder of parts, is known by the queries beside it. */
function isBeir(entries: readonly Dirent[]): boolean {
  const has = (stem: string): boolean => entries.some((entry) => isPart(entry, stem));
  return entries.some(({ name }) => BEIR_CORPUS.test(name)) || (has('corpus') && has('queries'));
}

const isPart = (entry: Dirent, stem: string): boolean =>
  entry.isDirectory() ? entry.name === stem : stemOf(entry.name) === stem && isRecords(entry.name);

const isRecords = (name: string): boolean => ![undefined, 'text'].includes(namedFormat(name));

/**
 * The files of one part of a BEIR folder: STEM.jsonl or the like, else those in the folder STEM.
 * @returns none if there is neither
 */
export async function filesOf(dir: string, stem: string): Promise<string[]> {
  const found = (await list(dir)).filter((entry) => isPart(entry, stem));
  // BEIR's own format before others, and a file before a folder: copies of one content.
  const file = found.find(({ name }) => BEIR_ENDING.test(name)) ?? found.find((entry) => !entry.isDirectory());
  if (file) return [join(dir, file.name)];
  if (found.length === 0) return [];
  const inner = join(dir, found[0].name);
  return (await list(inner)).filter(({ name }) => isRecords(name)).map(({ name }) => join(inner, name));
}

const BEIR_ENDING = /\.jsonl(\.gz)?$/i;

export async function list(dir: string): Promise<Dirent[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch((error: unknown) => {
    throw unreadable(dir, error);
  });
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function look(path: string): Promise<Stats> {
  try {
    return await stat(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

const unreadable = (path: string, error: unknown): Error =>
  new Error(
    `corpus: ${path} cannot be read (${(error as Error).message}), expected a file of texts, a BEIR folder, or a directory of these. Check the path and its permissions.`,
    { cause: error },
  );
