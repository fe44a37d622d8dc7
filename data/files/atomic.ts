// Files and folders that appear whole or not at all: written aside, synced, renamed. After the habit of databases.
import { randomUUID } from 'node:crypto';
import { copyFile, link, mkdir, open, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';

/** A string is written as UTF-8; chunks one after the other, so that a large file need not exist in one piece. */
export type FileData = string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** A file or folder could not be written; `cause` is the error of the file system. */
export class WriteError extends Error {
  override readonly name = 'WriteError';
}

/**
 * Writes a file that appears under its name only when it is complete and on the disk. Whatever fails, a kill and a power
 * cut included, a file that was there stays as it was.
 * @throws WriteError naming the path, the reason and the remedy; the temporary file is gone by then
 */
export async function writeFileAtomic(path: string, data: FileData): Promise<void> {
  const partial = aside(path);
  try {
    const file = await open(partial, 'wx');
    try {
      for await (const chunk of chunksOf(data)) await file.writeFile(chunk);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
    await syncFolder(dirname(partial));
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw writeError(path, error);
  }
}

/**
 * Writes a folder that appears under its name only when it is complete and on the disk: `fill` writes into the folder
 * that it is given, and what it leaves there becomes `path`. A folder that was there is replaced. Node cannot swap two
 * folders in one act; a kill in between leaves the old one as ".NAME.previous" beside `path`, from where `recoverDir`
 * (and the next `writeDirAtomic`) brings it back.
 * @throws WriteError naming the path, the reason and the remedy, or what `fill` throws, if that is about something else;
 *   what was there is there again by then
 */
export async function writeDirAtomic(path: string, fill: (folder: string) => Promise<void>): Promise<void> {
  const partial = aside(path);
  const previous = previousOf(path);
  try {
    await recoverDir(path);
    await mkdir(partial);
    await fill(partial);
    await syncTree(partial);
    const replaces = await isDirectory(path);
    if (replaces) await rename(path, previous);
    try {
      await rename(partial, path);
    } catch (error) {
      if (replaces) await rename(previous, path);
      throw error;
    }
    await syncFolder(dirname(partial));
    await rm(previous, { recursive: true, force: true });
  } catch (error) {
    await rm(partial, { recursive: true, force: true }).catch(() => undefined);
    throw isForeign(error, dirname(partial)) ? error : writeError(path, error);
  }
}

/** A folder with the files of another: links where the file system has them, else copies. @throws as `writeDirAtomic` */
export const linkFolder = (from: string, to: string): Promise<void> =>
  writeDirAtomic(to, async (folder) => {
    for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const source = join(entry.parentPath, entry.name);
      const target = join(folder, relative(from, source));
      await mkdir(dirname(target), { recursive: true });
      await link(source, target).catch(() => copyFile(source, target));
    }
  });

/**
 * Undoes what a kill in the middle of `writeDirAtomic` may have left: brings the previous folder back if `path` is
 * missing, removes it if `path` is there. To be called before `path` is read. Does nothing where nothing happened.
 */
export async function recoverDir(path: string): Promise<void> {
  const previous = previousOf(path);
  if (!(await isDirectory(previous))) return;
  if (await isDirectory(path)) await rm(previous, { recursive: true, force: true });
  else await rename(previous, path);
}

/** Removes from a folder the temporary files and folders of writers that were killed. Not for use beside a writer. */
export async function removePartials(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (PARTIAL.test(name)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

/**
 * Makes sure that an output folder is there, is empty and can be written to, before hours are spent on what goes there.
 * @throws WriteError if it is a file, or cannot be made or written to; Error if it holds anything
 */
export async function ensureEmptyDir(path: string): Promise<void> {
  try {
    await makeDir(resolve(path));
    const names = (await readdir(path)).sort();
    if (names.length > 0) throw notEmpty(path, names);
    // A trial says more than access(2), which knows little of network file systems.
    const trial = aside(join(path, 'trial'));
    await mkdir(trial);
    await rmdir(trial);
  } catch (error) {
    throw writeError(path, error);
  }
}

/** What mkdir's option `recursive` does, which loops for ever in Node where a folder is there but takes nothing: /proc. */
async function makeDir(path: string): Promise<void> {
  if (await isDirectory(path)) return;
  const parent = dirname(path);
  if (!(await isDirectory(parent))) await makeDir(parent);
  await mkdir(path);
}

function notEmpty(path: string, names: readonly string[]): Error {
  const shown = names.slice(0, 5).join(', ') + (names.length > 5 ? ` and ${names.length - 5} more` : '');
  return new Error(
    `${path}: the output folder is not empty (it holds ${shown}), expected a new or empty one; name another folder, or continue the run that is there with --resume.`,
  );
}

const REASONS: Record<string, [what: string, remedy: string]> = {
  ENOSPC: ['the disk is full', 'free some space, or name a folder on another disk'],
  EDQUOT: ['the disk quota is used up', 'free some space, or name a folder on another disk'],
  EACCES: ['no permission to write there', 'change the permissions, or name another folder'],
  EPERM: ['no permission to write there', 'change the permissions, or name another folder'],
  EROFS: ['the file system is read-only', 'name a folder on another one'],
  ENOENT: ['the folder around it does not exist', 'create it, or name another'],
  ENOTDIR: ['a part of the path is a file, expected a folder', 'name another folder'],
  EEXIST: ['a file is in its place, expected a folder', 'name another folder'],
  EISDIR: ['a folder is in its place, expected a file', 'move it away, or name another file'],
};

/** How a failed write of `path` is told; what is no error of the file system is returned as it is. */
export function writeError(path: string, error: unknown): Error {
  // A file that failed inside a folder being filled has a temporary name, which would say nothing to a reader.
  const root = error instanceof WriteError ? error.cause : error;
  if (!(root instanceof Error)) return new Error(String(root));
  const { code } = root as NodeJS.ErrnoException;
  if (code === undefined) return root;
  const [what, remedy] = REASONS[code] ?? [root.message, 'check the folder and the disk'];
  return new WriteError(`${path}: cannot be written, ${what} (${code}); ${remedy}. What was there is unchanged.`, {
    cause: root,
  });
}

/** Whether an error is about a path outside a folder; a failed write carries no path and is taken for one inside. */
function isForeign(error: unknown, folder: string): boolean {
  if (error instanceof WriteError) return isForeign(error.cause, folder);
  const path = (error as NodeJS.ErrnoException).path;
  return path !== undefined && !`${resolve(path)}${sep}`.startsWith(folder);
}

const PARTIAL = /^\..+\.[0-9a-f-]{36}\.partial$/;

/** In the same folder, as a rename is atomic within one file system only; a name of its own for every writer. */
function aside(path: string): string {
  const full = resolve(path);
  return join(dirname(full), `.${basename(full)}.${randomUUID()}.partial`);
}

function previousOf(path: string): string {
  const full = resolve(path);
  return join(dirname(full), `.${basename(full)}.previous`);
}

/** The pieces of what is to be written. */
export const chunksOf = (data: FileData): Iterable<string | Uint8Array> | AsyncIterable<Uint8Array> =>
  typeof data === 'string' || data instanceof Uint8Array ? [data] : data;

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

async function syncTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await syncTree(path);
    else if (entry.isFile()) await sync(path, process.platform === 'win32' ? 'r+' : 'r');
  }
  await syncFolder(folder);
}

/** Makes a rename itself durable, where folders can be synced at all; the rename is done, whatever comes of this. */
const syncFolder = (folder: string): Promise<void> => sync(folder, 'r').catch(() => undefined);

async function sync(path: string, flags: string): Promise<void> {
  const handle = await open(path, flags);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
