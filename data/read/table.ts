// Records in tables: CSV with a header (RFC 4180, through csv-parse), and lines of cells between tabs.
import { isUtf8 } from 'node:buffer';
import { pipeline, Readable } from 'node:stream';
import { parse, type CsvError } from 'csv-parse';
import type { Text } from './encoding.js';
import { LONGEST_LINE, linesOf } from './lines.js';
import { INVALID_UTF8, type Row } from './row.js';

interface Parsed {
  readonly record: readonly Buffer[];
  readonly info: { readonly lines: number };
}

/**
 * The rows of a CSV text. The first line has the names of the columns, and says by its signs what stands between them.
 * @throws FILE:LINE if quotes do not match
 */
export async function* csvRows({ name, start, bytes }: Text): AsyncGenerator<Row> {
  const parser = parse({
    // Cells stay bytes, so that invalid UTF-8 is found out.
    encoding: null,
    delimiter: delimiterOf(start),
    relax_column_count: true,
    skip_empty_lines: true,
    info: true,
    max_record_size: LONGEST_LINE,
  });
  pipeline(Readable.from(bytes, { objectMode: false }), parser, () => undefined);
  let header: string[] | undefined;
  let line = 1;
  try {
    for await (const { record, info } of parser as AsyncIterable<Parsed>) {
      const cells = record.map((cell) => (isUtf8(cell) ? cell.toString() : null));
      if (!header) header = cells.map((cell) => (cell ?? '').trim());
      else
        yield {
          line,
          at: `${name}:${line}`,
          content: cells.includes(null) ? { problem: INVALID_UTF8 } : fieldsOf(header, cells as string[]),
        };
      line = info.lines + 1;
    }
  } catch (error) {
    if (!(error as CsvError).code?.startsWith('CSV_')) throw error;
    throw new Error(
      `${name}:${(error as CsvError).lines as number}: is not CSV (${(error as Error).message}); correct the line.`,
      { cause: error },
    );
  }
}

/**
 * The rows of a text with tabs. A first line with one of the `usual` names is a header; else the columns are those of
 * MS MARCO: id and text, or id, url, title and body.
 */
export async function* tsvRows({ name, bytes }: Text, usual: ReadonlySet<string>): AsyncGenerator<Row> {
  let header: readonly string[] | undefined;
  for await (const { number: line, text } of linesOf(bytes, name)) {
    const at = `${name}:${line}`;
    if (text === null) {
      yield { line, at, content: { problem: INVALID_UTF8 } };
      continue;
    }
    if (text.trim() === '') continue;
    const cells = text.split('\t');
    if (header) yield { line, at, content: fieldsOf(header, cells.map(unquoted)) };
    else if (isHeader(cells, usual)) header = cells.map((cell) => unquoted(cell).trim());
    else yield { line, at, content: MS_MARCO[cells.length] ? fieldsOf(MS_MARCO[cells.length], cells) : UNKNOWN };
  }
}

const MS_MARCO: Readonly<Record<number, readonly string[]>> = { 2: ['id', 'text'], 4: ['id', 'url', 'title', 'body'] };
const UNKNOWN = {
  problem: { reason: 'columns without names', detail: 'expected a header line, or two columns, id and text' },
};

/** What a column may be called; none at all is the index of pandas. */
const NAME = /^([A-Za-z_][\w .-]*)?$/;

/** Whether cells are names of columns: they look like names, and one of them is usual. */
export const isHeader = (cells: readonly string[], usual: ReadonlySet<string>): boolean =>
  cells.every((cell) => NAME.test(unquoted(cell).trim())) &&
  cells.some((cell) => usual.has(unquoted(cell).trim().toLowerCase()));

function fieldsOf(header: readonly string[], cells: readonly string[]): Row['content'] {
  if (cells.length !== header.length)
    return {
      problem: { reason: 'another number of cells than the header', detail: `${cells.length}, not ${header.length}` },
    };
  return { fields: Object.fromEntries(header.map((column, i) => [column, cells[i]])) };
}

/** What a writer of CSV makes of a cell with quotes: these doubled, and quotes around it. Others put none. */
const unquoted = (cell: string): string =>
  /^"(?:[^"]|"")*"$/.test(cell) ? cell.slice(1, -1).replaceAll('""', '"') : cell;

/** The sign that is most often in the first line, outside of quotes. */
function delimiterOf(start: string): string {
  const [first] = start
    .replace(/"[^"]*"/g, '')
    .trimStart()
    .split('\n', 1);
  const often = (sign: string): number => first.split(sign).length;
  return [',', ';', '\t', '|'].reduce((best, sign) => (often(sign) > often(best) ? sign : best));
}
