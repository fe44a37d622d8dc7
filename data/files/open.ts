// Files to read from: by pieces through a descriptor, or as JSON, with errors that name the file.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';

/** One read takes at most so many bytes; the system call's limit is 2 GiB. */
const LARGEST_READ = 2 ** 30;

/** An open file as a source of bytes, so that a model is read tensor by tensor and never whole. To be closed. */
export class FileSource {
  readonly size: number;
  private readonly descriptor: number;

  /** @throws if there is no such file, or it may not be read */
  constructor(readonly path: string) {
    try {
      this.descriptor = openSync(path, 'r');
    } catch (error) {
      throw readError(path, error);
    }
    this.size = fstatSync(this.descriptor).size;
  }

  /** Bytes begin .. end-1; fewer, if the file became shorter while it was open. @throws if the system cannot read */
  read(begin: number, end: number): Uint8Array {
    const bytes = new Uint8Array(end - begin);
    let filled = 0;
    while (filled < bytes.length) {
      const wanted = Math.min(bytes.length - filled, LARGEST_READ);
      const got = this.readSome(bytes, filled, wanted, begin + filled);
      if (got === 0) break;
      filled += got;
    }
    return bytes.subarray(0, filled);
  }

  close(): void {
    closeSync(this.descriptor);
  }

  private readSome(bytes: Uint8Array, offset: number, length: number, position: number): number {
    try {
      return readSync(this.descriptor, bytes, offset, length, position);
    } catch (error) {
      throw readError(this.path, error);
    }
  }
}

/** Whether there is anything at a path. */
export const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Whether a path is a file. */
export const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isFile(),
    () => false,
  );

/** How Git LFS begins the file that stands for one that was not fetched. */
const POINTER = 'version https://git-lfs.github.com/spec/';

/** @throws if the beginning of a file says that it stands for one that Git LFS has not fetched */
export function refusePointer(path: string, content: string | Uint8Array): void {
  const begin =
    typeof content === 'string' ? content : Buffer.from(content.subarray(0, POINTER.length)).toString('latin1');
  if (begin.startsWith(POINTER))
    throw new Error(`${path}: is a Git LFS pointer, not the file itself. Run \`git lfs pull\` in its repository.`);
}

/** The content of a JSON file, parsed. @throws naming the file: not JSON, cut short, or a pointer of Git LFS */
export function parseJsonFile(path: string, text: string): unknown {
  refusePointer(path, text);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${path}: is not JSON (${(error as Error).message}), or cut short; copy or write it again.`, {
      cause: error,
    });
  }
}

/** A JSON file whose content must be an object. @throws naming the file: not there, not JSON, or not an object */
export async function readJsonObject(path: string): Promise<Record<string, unknown>> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw readError(path, error);
  });
  const value = parseJsonFile(path, text);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${path}: expected a JSON object; copy or write it again.`);
  return value as Record<string, unknown>;
}

const REASONS: Record<string, string> = {
  ENOENT: 'is not there; check the path, or copy the folder again',
  ENOTDIR: 'is not there, a part of the path is a file; check the path',
  EACCES: 'there is no permission to read it; change the permissions',
  EISDIR: 'is a folder, expected a file; check the path',
};

/** How a failed read of `path` is told. */
export function readError(path: string, error: unknown): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  return new Error(`${path}: ${REASONS[code ?? ''] ?? `cannot be read (${message}); check the disk`}.`, {
    cause: error,
  });
}
