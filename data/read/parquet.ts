// Records in Parquet, through hyparquet: by row group, columns of plain values only.
import { parquetMetadataAsync, parquetReadObjects, parquetSchema, type AsyncBuffer } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { FileSource, isFile } from '../files/open.js';
import { checkRowGroup } from './parquet-check.js';
import type { Source } from './source.js';
import type { Row } from './row.js';

/** What comes through a pipe or is gzipped is held in memory, as the index of a Parquet file is at its end. */
const LARGEST_IN_MEMORY = 2 ** 31;

export const isParquet = (head: Buffer): boolean => head.toString('latin1', 0, 4) === 'PAR1';

/**
 * The rows of a Parquet file.
 * @throws naming it, if it is damaged or of a kind that hyparquet cannot read, or more than 2 GiB through a pipe or gzip
 */
export async function* parquetRows(path: string, source: Source): AsyncGenerator<Row> {
  if (source.isZipped || !(await isFile(path))) return yield* rowsOf(await wholeOf(source), source.name);
  const file = new FileSource(path);
  try {
    const slice = (start: number, end = file.size): ArrayBuffer => ownBuffer(file.read(start, end));
    yield* rowsOf({ byteLength: file.size, slice }, path);
  } finally {
    file.close();
  }
}

async function wholeOf({ name, bytes }: Source): Promise<AsyncBuffer> {
  const parts: Buffer[] = [];
  let byteLength = 0;
  for await (const part of bytes) {
    parts.push(part);
    byteLength += part.length;
    if (byteLength > LARGEST_IN_MEMORY)
      throw new Error(
        `${name}: Parquet of more than 2 GiB through a pipe or gzip; give the file itself, uncompressed.`,
      );
  }
  const whole = Buffer.concat(parts);
  return { byteLength, slice: (start, end) => ownBuffer(whole.subarray(start, end)) };
}

const ownBuffer = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer;

async function* rowsOf(file: AsyncBuffer, name: string): AsyncGenerator<Row> {
  const { metadata, columns } = await readable(name, async () => {
    const found = await parquetMetadataAsync(file);
    const { children } = parquetSchema(found);
    const plain = children
      .filter(({ children, element }) => children.length === 0 && element.repetition_type !== 'REPEATED')
      .map(({ element }) => element.name);
    return { metadata: found, columns: plain };
  });
  let line = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = line + Number(group.num_rows);
    const options = { file, metadata, columns, rowStart: line, rowEnd, compressors };
    const records = await readable(name, async () => {
      await checkRowGroup(file, group, columns);
      return parquetReadObjects(options);
    });
    for (const fields of records) yield { line: ++line, at: `${name} row ${line}`, content: { fields } };
  }
}

async function readable<T>(name: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    // What hyparquet words says why; what the language words (a TypeError, a RangeError) says only that it is damaged.
    const why = (error as Error).constructor === Error ? (error as Error).message : 'it is damaged';
    throw new Error(`${name}: cannot be read as Parquet (${why}); copy it again, or write it with snappy or zstd.`, {
      cause: error,
    });
  }
}
