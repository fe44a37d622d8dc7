// Records in JSON: one object a line, or one array of objects, read element by element; whole numbers stay exact.
import { isUtf8 } from 'node:buffer';
import type { Text } from './encoding.js';
import { LONGEST_LINE, linesOf } from './lines.js';
import { INVALID_UTF8, type Row } from './row.js';

/** Beyond so many digits a number may not be exact in JavaScript: 2^53 has 16. */
const LONG_INTEGER = /\d{16}/;
const LONG_INTEGERS = /(?<![\w.+-])-?\d{16,}(?![\w.])/g;

/**
 * The rows of a text in JSON.
 * @throws FILE:LINE if an array is cut short or followed by something, or an element has more than 2^28 bytes
 */
export async function* jsonRows({ name, start, bytes }: Text): AsyncGenerator<Row> {
  const pieces = start.trimStart().startsWith('[') ? elementsOf(bytes, name) : linesOf(bytes, name);
  for await (const { number: line, text } of pieces)
    if (text === null || text.trim() !== '') yield { line, at: `${name}:${line}`, content: contentOf(text) };
}

function contentOf(text: string | null): Row['content'] {
  if (text === null) return { problem: INVALID_UTF8 };
  let row: unknown;
  try {
    row = JSON.parse(exactIntegers(text));
  } catch (error) {
    // V8 quotes the text in its message, which may be long.
    return { problem: { reason: 'malformed JSON', detail: (error as Error).message.replace(/\s+/g, ' ') } };
  }
  if (typeof row !== 'object' || row === null || Array.isArray(row))
    return { problem: { reason: 'not a JSON object' } };
  return { fields: row as Record<string, unknown> };
}

/** Puts integers of 16 digits and more into quotes: ids of 64 bits, which a double would round, become strings. */
export function exactIntegers(json: string): string {
  if (!LONG_INTEGER.test(json)) return json;
  let exact = '';
  for (let at = 0; at < json.length;) {
    const quote = json.indexOf('"', at);
    const outside = quote < 0 ? json.length : quote;
    const inside = endOfString(json, outside);
    exact += json.slice(at, outside).replace(LONG_INTEGERS, '"$&"') + json.slice(outside, inside);
    at = inside;
  }
  return exact;
}

/** Behind the string that begins at `start`, or behind the text if it does not end. */
function endOfString(json: string, start: number): number {
  for (let quote = json.indexOf('"', start + 1); quote >= 0; quote = json.indexOf('"', quote + 1)) {
    let escapes = 0;
    while (json[quote - 1 - escapes] === '\\') escapes++;
    if (escapes % 2 === 0) return quote + 1;
  }
  return json.length;
}

const [TAB, LINE_FEED, RETURN, BLANK] = [9, 10, 13, 32];
const [QUOTE, COMMA, ESCAPE] = [34, 44, 92];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [91, 93, 123, 125];

/** The elements of an array as text, each with the line where it begins. Bytes of UTF-8 beyond ASCII are never these signs. */
async function* elementsOf(bytes: AsyncIterable<Buffer>, name: string) {
  let [line, first, length] = [1, 0, 0];
  let parts: Buffer[] = [];
  let depth = -1;
  let [isInString, isEscaped, isOver] = [false, false, false];
  const element = () => {
    const whole = parts.length === 1 ? parts[0] : Buffer.concat(parts);
    const found = { number: first || line, text: isUtf8(whole) ? whole.toString() : null };
    [parts, length, first] = [[], 0, 0];
    return found;
  };
  for await (const chunk of bytes) {
    let start = first > 0 ? 0 : -1;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i];
      if (byte === LINE_FEED) line++;
      if (isInString) {
        if (isEscaped) isEscaped = false;
        else if (byte === ESCAPE) isEscaped = true;
        else if (byte === QUOTE) isInString = false;
        continue;
      }
      if (byte === BLANK || byte === LINE_FEED || byte === RETURN || byte === TAB) continue;
      if (isOver)
        throw new Error(`${name}:${line}: text after the end of the array, expected nothing; is the file whole?`);
      if (depth < 0) {
        depth = 0;
        continue;
      }
      if (depth === 0 && (byte === COMMA || byte === CLOSE_LIST)) {
        if (start >= 0) parts.push(chunk.subarray(start, i));
        if (first > 0 || byte === COMMA) yield first > 0 ? element() : { number: line, text: ',' };
        isOver = byte === CLOSE_LIST;
        start = -1;
        continue;
      }
      if (first === 0) [first, start] = [line, i];
      if (byte === QUOTE) isInString = true;
      else if (byte === OPEN_LIST || byte === OPEN_OBJECT) depth++;
      else if ((byte === CLOSE_LIST || byte === CLOSE_OBJECT) && depth > 0) depth--;
    }
    if (start < 0) continue;
    parts.push(chunk.subarray(start));
    length += chunk.length - start;
    if (length > LONGEST_LINE)
      throw new Error(
        `${name}:${first}: an element of the array has more than ${LONGEST_LINE} bytes, or its end is missing; write one object a line, as .jsonl.`,
      );
  }
  if (!isOver) throw new Error(`${name}:${line}: the JSON array does not end; is the file whole?`);
}
