// A file line by line, with invalid UTF-8 found out: what node:readline would silently turn into U+FFFD.
import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { readError } from './files/open.js';

export interface Line {
  /** From 1. */
  number: number;
  /** Without its end; null if the bytes are not valid UTF-8. */
  text: string | null;
}

/** No text has such a line; a file that has is something else, and would not fit into a string for long. */
const LONGEST_LINE = 1 << 28;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/**
 * Streams the lines of a file; `\n` or `\r\n` ends a line, a byte order mark is dropped.
 * @throws naming the file if it cannot be read, FILE:LINE if a line has more than 2^28 bytes
 */
export async function* lines(file: string): AsyncGenerator<Line> {
  let number = 0;
  let pending: Buffer[] = [];
  let pendingLength = 0;
  for await (const chunk of chunksOf(file)) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      pending.push(chunk.subarray(start, end));
      yield decode(pending.length === 1 ? pending[0] : Buffer.concat(pending), ++number);
      pending = [];
      pendingLength = 0;
      start = end + 1;
    }
    if (start === chunk.length) continue;
    pending.push(chunk.subarray(start));
    pendingLength += chunk.length - start;
    if (pendingLength > LONGEST_LINE) {
      throw new Error(
        `${file}:${number + 1}: the line has more than ${LONGEST_LINE} bytes, expected text in lines. Is this a text file?`,
      );
    }
  }
  if (pending.length > 0) yield decode(Buffer.concat(pending), number + 1);
}

/**
 * The same lines of a file that must be whole, each with its place, "FILE:LINE", for errors.
 * @throws as `lines`, or if a line is not UTF-8
 */
export async function* strictLines(file: string): AsyncGenerator<{ at: string; text: string }> {
  for await (const { number, text } of lines(file)) {
    const at = `${file}:${number}`;
    if (text === null)
      throw new Error(`${at}: invalid UTF-8, expected UTF-8 text; convert the file, with iconv for instance.`);
    yield { at, text };
  }
}

/** The fields of a line of a .jsonl file. @throws saying in what way it is none, which the caller gives a place */
export function fieldsOf(line: string): Record<string, unknown> {
  let row: unknown;
  try {
    row = JSON.parse(line);
  } catch (error) {
    throw new Error(`malformed JSON (${(error as Error).message})`, { cause: error });
  }
  if (typeof row !== 'object' || row === null || Array.isArray(row)) throw new Error('not a JSON object');
  return row as Record<string, unknown>;
}

async function* chunksOf(file: string): AsyncGenerator<Buffer> {
  try {
    yield* createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>;
  } catch (error) {
    throw readError(file, error);
  }
}

function decode(bytes: Buffer, number: number): Line {
  if (!isUtf8(bytes)) return { number, text: null };
  const end = bytes.length - (bytes[bytes.length - 1] === CARRIAGE_RETURN ? 1 : 0);
  const text = bytes.toString('utf8', 0, end);
  return { number, text: number === 1 && text.startsWith('\uFEFF') ? text.slice(1) : text };
}
