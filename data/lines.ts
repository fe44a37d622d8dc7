// A file line by line, with invalid UTF-8 found out: what node:readline would silently turn into U+FFFD.
import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';

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
 * @throws as node:fs does if the file cannot be read, and if a line has more than 2^28 bytes.
 */
export async function* lines(file: string): AsyncGenerator<Line> {
  let number = 0;
  let pending: Buffer[] = [];
  let pendingLength = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
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

function decode(bytes: Buffer, number: number): Line {
  if (!isUtf8(bytes)) return { number, text: null };
  const end = bytes.length - (bytes[bytes.length - 1] === CARRIAGE_RETURN ? 1 : 0);
  const text = bytes.toString('utf8', 0, end);
  return { number, text: number === 1 && text.startsWith('\uFEFF') ? text.slice(1) : text };
}
