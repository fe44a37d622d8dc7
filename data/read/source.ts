// Bytes of a file, a pipe or standard input; gzip is found by its first bytes, whatever the name. After zcat.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { readError } from '../files/open.js';

/** The path that means standard input. */
export const STANDARD_INPUT = '-';

/** So many bytes are looked at before it is said what they are; fewer only where there are no more. */
export const HEAD_BYTES = 1 << 16;
const GZIP = Buffer.from([0x1f, 0x8b, 8]);

export interface Source {
  /** How errors call it. */
  readonly name: string;
  /** The first bytes, without compression. */
  readonly head: Buffer;
  /** Whether the bytes come out of gzip. */
  readonly isZipped: boolean;
  /** Whether the first bytes are all. */
  readonly isWhole: boolean;
  /** All bytes from the first on; to be read once. */
  readonly bytes: AsyncIterable<Buffer>;
  /** To be called in the end, whether or not the bytes were read. */
  close(): Promise<void>;
}

export const nameOf = (path: string): string => (path === STANDARD_INPUT ? 'standard input' : path);

/** Whether a path can be read only once, being standard input or a pipe. */
export async function isReadOnce(path: string): Promise<boolean> {
  if (path === STANDARD_INPUT) return true;
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && !found.isFile() && !found.isDirectory();
}

/** @throws if a path that is needed more than once can be read only once */
export async function refuseReadOnce(path: string): Promise<void> {
  if (await isReadOnce(path))
    throw new Error(`${nameOf(path)}: can be read only once, but is needed again; write it to a file and give that.`);
}

/** Opens a path. @throws naming it, if it cannot be read or its gzip data are damaged, now or while it is read */
export async function openSource(path: string): Promise<Source> {
  const name = nameOf(path);
  const raw = await peeked(name, chunksOf(path, name));
  return raw.head.subarray(0, GZIP.length).equals(GZIP) ? peeked(name, unzipped(raw), true) : raw;
}

async function peeked(name: string, rest: AsyncGenerator<Buffer, void>, isZipped = false): Promise<Source> {
  const parts: Buffer[] = [];
  let isWhole = false;
  for (let length = 0; length < HEAD_BYTES && !isWhole;) {
    const { done, value } = await rest.next();
    if (done) isWhole = true;
    else length += parts[parts.push(value) - 1].length;
  }
  const head = Buffer.concat(parts);
  async function* bytes() {
    yield head;
    yield* rest;
  }
  return { name, head, isZipped, isWhole, bytes: bytes(), close: () => rest.return().then(() => undefined) };
}

async function* chunksOf(path: string, name: string): AsyncGenerator<Buffer, void> {
  try {
    const stream = path === STANDARD_INPUT ? process.stdin : createReadStream(path, { highWaterMark: 1 << 20 });
    yield* stream as AsyncIterable<Buffer>;
  } catch (error) {
    throw readError(name, error);
  }
}

async function* unzipped({ name, bytes, close }: Source): AsyncGenerator<Buffer, void> {
  const gunzip = createGunzip();
  try {
    // The error of either stream comes out of the last one.
    pipeline(Readable.from(bytes, { objectMode: false }), gunzip, () => undefined);
    yield* gunzip as AsyncIterable<Buffer>;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!code?.startsWith('Z_')) throw error;
    const what = code === 'Z_BUF_ERROR' ? 'is cut short' : `is damaged (${message})`;
    throw new Error(`${name}: the gzip data ${what}; copy or download the file again.`, { cause: error });
  } finally {
    await close();
  }
}
