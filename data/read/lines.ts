// Bytes line by line, with invalid UTF-8 found out: what node:readline would silently turn into U+FFFD.
import { isUtf8 } from 'node:buffer';

export interface Line {
  /** From 1. */
  number: number;
  /** Without its end; null if the bytes are not valid UTF-8. */
  text: string | null;
}

/** No text has such a line; a file that has is something else, and would not fit into a string for long. */
export const LONGEST_LINE = 1 << 28;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/**
 * Streams the lines of a text; `\n` or `\r\n` ends a line.
 * @param name of the file, for errors
 * @throws FILE:LINE if a line has more than 2^28 bytes
 */
export async function* linesOf(bytes: AsyncIterable<Buffer>, name: string): AsyncGenerator<Line> {
  let number = 0;
  let pending: Buffer[] = [];
  let pendingLength = 0;
  for await (const chunk of bytes) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      pending.push(chunk.subarray(start, end));
      yield { number: ++number, text: decode(pending.length === 1 ? pending[0] : Buffer.concat(pending)) };
      pending = [];
      pendingLength = 0;
      start = end + 1;
    }
    if (start === chunk.length) continue;
    pending.push(chunk.subarray(start));
    pendingLength += chunk.length - start;
    if (pendingLength > LONGEST_LINE) {
      throw new Error(
        `${name}:${number + 1}: the line has more than ${LONGEST_LINE} bytes, expected text in lines. Is this a text file?`,
      );
    }
  }
  if (pending.length > 0) yield { number: number + 1, text: decode(Buffer.concat(pending)) };
}

function decode(bytes: Buffer): string | null {
  if (!isUtf8(bytes)) return null;
  return bytes.toString('utf8', 0, bytes.length - (bytes[bytes.length - 1] === CARRIAGE_RETURN ? 1 : 0));
}
