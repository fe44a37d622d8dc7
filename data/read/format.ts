// What a file holds, by the ending of its name, or where that says nothing by how it begins.
import { basename, extname } from 'node:path';
import { isHeader } from './table.js';

export type Format = 'json' | 'csv' | 'tsv' | 'parquet' | 'text';

const ENDINGS: Readonly<Record<string, Format>> = {
  ...{ '.jsonl': 'json', '.ndjson': 'json', '.json': 'json' },
  ...{ '.tsv': 'tsv', '.tab': 'tsv', '.csv': 'csv', '.parquet': 'parquet', '.txt': 'text' },
};

/** For messages. */
export const KNOWN = `${Object.keys(ENDINGS)
  .filter((ending) => ending !== '.tab')
  .join(', ')} (any of them gzipped)`;

const bare = (path: string): string => basename(path).replace(/\.gz$/i, '');

/** The name of a file without its endings. */
export const stemOf = (path: string): string => basename(bare(path), extname(bare(path)));

/** The format that the name of a file says, in capitals as well, and before .gz; undefined if it says none. */
export const namedFormat = (path: string): Format | undefined => ENDINGS[extname(bare(path)).toLowerCase()];

/** Whether a name has an ending that says something, if not to us. */
export const hasEnding = (path: string): boolean => extname(bare(path)) !== '';

/** The format of a text by how it begins; `usual` are names of columns. */
export function formatOfText(start: string, usual: ReadonlySet<string>): Format {
  const trimmed = start.trimStart();
  if (/^[{]\s*["}]/.test(trimmed) || /^\[\s*[{\]]/.test(trimmed)) return 'json';
  const [first, second = ''] = trimmed.split('\n', 2);
  const tabs = first.split('\t').length;
  if (tabs > 1 && (isHeader(first.split('\t'), usual) || second.split('\t').length === tabs)) return 'tsv';
  const columns = first.split(/[,;|]/);
  return columns.length > 1 && columns.every((column) => /^\s*"?[\w -]+"?\s*$/.test(column)) && isHeader(columns, usual)
    ? 'csv'
    : 'text';
}
