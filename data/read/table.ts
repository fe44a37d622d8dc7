// Records in tables: CSV with a header (RFC 4180, through csv-parse), and lines of cells between tabs.
import { isUtf8 } from 'node:buffer';
import { pipeline, Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import type { Text } from './encoding.js';
import { LONGEST_LINE, linesOf, type Line } from './lines.js';
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
    // A quote within a cell without quotes, 5" for instance, is one: as Python's csv has it.
    relax_quotes: true,
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
    if (!(error instanceof CsvError)) throw error;
    // The message may show bytes after the first comma.
    const [what] = error.message.split(',', 1);
    throw new Error(`${name}:${error.lines as number}: is not CSV (${what}); correct the line.`, { cause: error });
  }
}

/**
 * The rows of a text with tabs. A first line with one of the `usual` names is a header; else the columns are those of
 * MS MARCO: id and text, or id, url, title and body; with `titled` also id, title and text.
 */
export async function* tsvRows({ name, bytes }: Text, usual: ReadonlySet<string>, titled = false): AsyncGenerator<Row> {
  const nameless = titled ? { ...MS_MARCO, 3: TITLED } : MS_MARCO;
  let header: readonly string[] | undefined;
  const lines = new Ahead(linesOf(bytes, name));
  for (let next = await lines.next(); next; next = await lines.next()) {
    const { number: line, text } = next;
    const at = `${name}:${line}`;
    if (text === null) {
      yield { line, at, content: { problem: INVALID_UTF8 } };
      continue;
    }
    if (text.trim() === '') continue;
    const cells = text.split('\t');
    if (header) {
      const whole = isOpen(text) ? await joined(text, lines, header.length) : undefined;
      yield {
        line,
        at,
        content: fieldsOf(header, (whole ?? (cells.length === header.length ? cells : cellsOf(text))).map(unquoted)),
      };
    } else if (isHeader(cells, usual)) header = cells.map((cell) => unquoted(cell).trim());
    else yield { line, at, content: nameless[cells.length] ? fieldsOf(nameless[cells.length], cells) : UNKNOWN };
  }
}

/** Lines that can be given back. */
class Ahead {
  private readonly back: Line[] = [];
  private readonly rest: AsyncIterator<Line>;

  constructor(lines: AsyncIterable<Line>) {
    this.rest = lines[Symbol.asyncIterator]();
  }

  async next(): Promise<Line | undefined> {
    if (this.back.length > 0) return this.back.shift();
    const { done, value } = await this.rest.next();
    return done ? undefined : value;
  }

  giveBack(lines: readonly Line[]): void {
    this.back.unshift(...lines);
  }
}

/** Lines at most in one cell with quotes. */
const LONGEST_CELL = 1000;

/** Whether a cell begins with a quote that has no partner: it may go on in the next line, or the quote mean nothing. */
const isOpen = (text: string): boolean => cellsOf(text).some((cell) => cell.startsWith('"') && unquoted(cell) === cell);

/** Cells between tabs, where a tab between quotes is one. */
const cellsOf = (text: string): string[] =>
  Array.from(text.matchAll(/(?:^|\t)("[^"]*(?:""[^"]*)*"(?=\t|$)|[^\t]*)/g), ([, cell]) => cell);

/** The cells of a row that goes on in the next lines, none of which is a row; undefined if it does not, and these stay. */
async function joined(text: string, lines: Ahead, columns: number): Promise<string[] | undefined> {
  const taken: Line[] = [];
  let whole = text;
  while (isOpen(whole) && taken.length < LONGEST_CELL) {
    const next = await lines.next();
    if (next) taken.push(next);
    if (!next || next.text === null || (columns > 1 && next.text.split('\t').length === columns)) break;
    whole += `\n${next.text}`;
  }
  const cells = cellsOf(whole);
  if (!isOpen(whole) && cells.length === columns) return cells;
  lines.giveBack(taken);
  return undefined;
}

const MS_MARCO: Readonly<Record<number, readonly string[]>> = { 2: ['id', 'text'], 4: ['id', 'url', 'title', 'body'] };
/** RocketQA's. Other files of three columns are as often triples of texts. */
const TITLED = ['id', 'title', 'text'];
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
// Of this form the expression needs no stack, however long the cell.
const unquoted = (cell: string): string =>
  /^"[^"]*(?:""[^"]*)*"$/.test(cell) ? cell.slice(1, -1).replaceAll('""', '"') : cell;

/** The sign that is most often in the first line, outside of quotes. */
function delimiterOf(start: string): string {
  const [first] = start
    .replace(/"[^"]*"/g, '')
    .trimStart()
    .split('\n', 1);
  const often = (sign: string): number => first.split(sign).length;
  return [',', ';', '\t', '|'].reduce((best, sign) => (often(sign) > often(best) ? sign : best));
}
