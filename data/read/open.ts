// A file of records or of text, whatever its format, compression and encoding: the one way in for all data from outside.
import { textOf } from './encoding.js';
import { formatOfText, namedFormat, type Format } from './format.js';
import { jsonRows } from './json.js';
import { linesOf, type Line } from './lines.js';
import { isParquet, parquetRows } from './parquet.js';
import type { Row } from './row.js';
import { nameOf, openSource, type Source } from './source.js';
import { csvRows, tsvRows } from './table.js';

/** A file that is open. Either `rows` or `lines` is to be read, once. */
export interface Records {
  readonly name: string;
  readonly format: Format;
  /** Of a file that is no text; none of a file that is. */
  readonly rows: AsyncIterable<Row>;
  /** Of a file in lines; none of a Parquet file. */
  readonly lines: AsyncIterable<Line>;
}

/**
 * Opens a path for the time of its reading.
 * @param usual names of columns, by which a header is known
 * @param titled whether three columns between tabs, without names, are id, title and text; else they are refused
 * @throws naming the path: cannot be read, is binary or in another encoding, or damaged; the latter while it is read
 */
export async function* readRecords<T>(
  path: string,
  usual: ReadonlySet<string>,
  read: (records: Records) => AsyncIterable<T>,
  titled = false,
): AsyncGenerator<T> {
  const source = await openSource(path);
  try {
    yield* read(recordsOf(path, source, usual, titled));
  } finally {
    await source.close();
  }
}

/**
 * The lines of a text file, gzipped or not, each with its place.
 * @throws as `readRecords`, or naming the place of a line that is no UTF-8
 */
export async function* textLines(path: string): AsyncGenerator<{ at: string; text: string }> {
  yield* readRecords(path, new Set(), async function* ({ name, lines }) {
    for await (const { number, text } of lines) {
      const at = `${name}:${number}`;
      if (text === null) throw new Error(`${at}: invalid UTF-8, expected UTF-8 text; correct the line.`);
      yield { at, text };
    }
  });
}

const rowsOf = { json: jsonRows, csv: csvRows, tsv: tsvRows, text: () => none<Row>(), parquet: () => none<Row>() };

function recordsOf(path: string, source: Source, usual: ReadonlySet<string>, titled: boolean): Records {
  const name = nameOf(path);
  if (isParquet(source.head)) return { name, format: 'parquet', rows: parquetRows(path, source), lines: none() };
  if (namedFormat(path) === 'parquet')
    throw new Error(
      `${name}: is no Parquet file (it does not begin with PAR1); copy it again, or name it as what it is.`,
    );
  const text = textOf(source);
  const format = namedFormat(path) ?? formatOfText(text.start, usual);
  return { name, format, rows: rowsOf[format](text, usual, titled), lines: linesOf(text.bytes, name) };
}

// eslint-disable-next-line require-yield -- it is an iterable of nothing
async function* none<T>(): AsyncGenerator<T> {
  return;
}
