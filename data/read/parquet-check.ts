// What hyparquet believes of a Parquet file, checked before it reads: on a page whose size is missing it would read for
// ever, and for rows that are not there it would fill the memory.
import type { AsyncBuffer, ColumnMetaData, PageHeader, RowGroup } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';

/** @throws if the counts or the sizes of a row group, or of the pages of these columns, contradict one another */
export async function checkRowGroup(
  file: AsyncBuffer,
  { num_rows, columns }: RowGroup,
  read: readonly string[],
): Promise<void> {
  // Of a group without rows nothing is read, and its offsets mean nothing: pyarrow writes such groups, with pages of 0 values.
  if (num_rows === 0n) return;
  for (const { meta_data } of columns)
    if (meta_data && read.includes(meta_data.path_in_schema[0])) {
      expect(meta_data.num_values === num_rows, 'a column has not one value a row');
      await checkPages(file, meta_data);
    }
}

async function checkPages(file: AsyncBuffer, column: ColumnMetaData): Promise<void> {
  const { dictionary_page_offset, data_page_offset, total_compressed_size, num_values } = column;
  const start = Number(dictionary_page_offset || data_page_offset);
  const end = start + Number(total_compressed_size);
  expect(start >= 0 && start < end && end <= file.byteLength, 'a column lies outside the file');
  const view = new DataView(await file.slice(start, end));
  const reader = { view, offset: 0 };
  let values = 0;
  while (values < Number(num_values)) {
    expect(reader.offset < view.byteLength, 'a column has fewer values than rows');
    const header = parquetHeader(reader);
    const { compressed_page_size: size, uncompressed_page_size: full } = header;
    expect(
      isCount(size) && isCount(full) && reader.offset + size <= view.byteLength,
      'a page is longer than its column',
    );
    expect(full <= Number(column.total_uncompressed_size), 'a page is longer than its column');
    reader.offset += size;
    values += valuesOf(header, size);
  }
  expect(values === Number(num_values), 'a column has more values than rows');
}

/** How many values of its column a page of so many bytes holds. */
function valuesOf(header: PageHeader, size: number): number {
  const { type, data_page_header: first, data_page_header_v2: second, dictionary_page_header: dictionary } = header;
  if (type === 'DICTIONARY_PAGE') {
    expect(isCount(dictionary?.num_values), WITHOUT_COUNT);
    return 0;
  }
  if (type === 'DATA_PAGE') {
    expect(isCount(first?.num_values), WITHOUT_COUNT);
    return first.num_values;
  }
  expect(type === 'DATA_PAGE_V2' && second !== undefined, 'a page is of an unknown type');
  const { num_values, num_nulls, definition_levels_byte_length, repetition_levels_byte_length } = second;
  const lengths = [definition_levels_byte_length, repetition_levels_byte_length];
  expect([num_values, num_nulls, ...lengths].every(isCount), WITHOUT_COUNT);
  expect(num_nulls <= num_values && lengths[0] + lengths[1] <= size, 'a page holds less than it says');
  return num_values;
}

const WITHOUT_COUNT = 'a page does not say what it holds';

const isCount = (value: number | undefined): value is number => Number.isInteger(value) && value! >= 0;

function expect(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Error(otherwise);
}
