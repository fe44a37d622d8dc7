// The files of a model folder, from memory to the disk.
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeDirAtomic, writeError, writeFileAtomic } from '../data/index.js';
import type { Files } from './model-files.js';

/**
 * A folder that is new or empty appears whole. In one that holds other things these stay, and the files are replaced one by
 * one, each atomically, in the order given.
 * @throws WriteError naming the path, with what was there left as it was
 */
export async function saveFiles(dir: string, files: Files): Promise<void> {
  try {
    await mkdir(dirname(dir), { recursive: true });
    if (await isNewOrEmpty(dir)) return await writeDirAtomic(dir, (folder) => writeFiles(folder, files, writeFile));
    await writeFiles(dir, files, writeFileAtomic);
  } catch (error) {
    throw writeError(dir, error);
  }
}

/** Writes every file below `folder`, with the folders on the way, in the order given. */
export async function writeFiles<T>(
  folder: string,
  files: ReadonlyMap<string, T>,
  write: (path: string, data: T) => Promise<void>,
): Promise<void> {
  for (const [path, content] of files) {
    const full = join(folder, path);
    await mkdir(path.endsWith('/') ? full : dirname(full), { recursive: true });
    if (!path.endsWith('/')) await write(full, content);
  }
}

async function isNewOrEmpty(dir: string): Promise<boolean> {
  try {
    return (await readdir(dir)).length === 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
    throw error;
  }
}
