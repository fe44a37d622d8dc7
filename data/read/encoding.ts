// What the first bytes of a file say: UTF-8, UTF-16, a binary file, or text in another encoding, which is refused by name.
import { isUtf8 } from 'node:buffer';
import { guessEncoding } from './guess-encoding.js';
import { HEAD_BYTES, type Source } from './source.js';

export interface Text {
  readonly name: string;
  /** How it begins; for a long text some 2^16 bytes of it. */
  readonly start: string;
  /** All of it as UTF-8, without a byte order mark, with line ends that have a line feed; lines may be invalid. */
  readonly bytes: AsyncIterable<Buffer>;
}

type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be';

const BINARY: readonly (readonly [what: string, magic: string])[] = [
  ['a PDF file; extract its text, with pdftotext for instance', '%PDF-'],
  ['a ZIP archive (.zip, .docx, .xlsx, .epub and others are); unpack it, or save the document as text', 'PK\x03\x04'],
  ['a file of an older Word, Excel or PowerPoint; save it as text', '\xd0\xcf\x11\xe0'],
  ['an RTF document; save it as text', '{\\rtf'],
  ['compressed by zstd; decompress it with zstd -d', '\x28\xb5\x2f\xfd'],
  ['compressed by bzip2; decompress it with bunzip2', 'BZh'],
  ['compressed by xz; decompress it with unxz', '\xfd7zXZ'],
  ['a 7z archive; unpack it', '7z\xbc\xaf'],
  ['an Arrow or Feather file; save it as Parquet', 'ARROW1'],
  ['a Parquet file; name it .parquet', 'PAR1'],
  ['an SQLite database; export it as CSV', 'SQLite format 3'],
  ['a PNG image', '\x89PNG'],
  ['a JPEG image', '\xff\xd8\xff'],
  ['an ELF program', '\x7fELF'],
];

/** A text is at most so much NUL; a few come of faults of what wrote it. */
const NUL_SHARE = 0.005;
const UTF32 = [Buffer.from([0xff, 0xfe, 0, 0]), Buffer.from([0, 0, 0xfe, 0xff])];

/** The text of a source. @throws naming it and what it is, if that is no text in UTF-8 or UTF-16 */
export function textOf({ name, head, isWhole, bytes }: Source): Text {
  const found = encodingOf(head, isWhole, name);
  const start = new TextDecoder(found).decode(head, { stream: true });
  const decoded = found === 'utf-8' ? withoutMark(bytes) : recoded(bytes, found, name);
  return endsLinesByReturn(start)
    ? { name, start: lineFed(start), bytes: withLineFeeds(decoded) }
    : { name, start, bytes: decoded };
}

function encodingOf(head: Buffer, isWhole: boolean, name: string): Encoding {
  const begins = (bytes: Buffer): boolean => head.subarray(0, bytes.length).equals(bytes);
  if (UTF32.some(begins))
    throw new Error(`${name}: is UTF-32, expected UTF-8 or UTF-16; convert it with iconv -f UTF-32 -t UTF-8.`);
  if (begins(Buffer.from([0xff, 0xfe]))) return 'utf-16le';
  if (begins(Buffer.from([0xfe, 0xff]))) return 'utf-16be';
  const what = BINARY.find(([, magic]) => begins(Buffer.from(magic, 'latin1')))?.[0];
  if (what) throw new Error(`${name}: is ${what}; expected text.`);
  const wide = unmarked(head.subarray(0, HEAD_BYTES));
  if (wide) return wide;
  if (count(head, 0) > NUL_SHARE * head.length)
    throw new Error(`${name}: is a binary file (it has bytes of 0), expected text; convert it to text in UTF-8.`);
  refuseOthers(head, isWhole, name);
  return 'utf-8';
}

/** UTF-16 without a byte order mark: blanks, digits and line ends have bytes of 0, all of them on the same side. */
function unmarked(head: Buffer): Encoding | undefined {
  const even = head.filter((byte, i) => byte === 0 && i % 2 === 0).length;
  const odd = head.filter((byte, i) => byte === 0 && i % 2 === 1).length;
  const [least, most] = [Math.min(even, odd), Math.max(even, odd)];
  if (most < 0.02 * head.length || least > 0.02 * most) return undefined;
  const encoding = odd > even ? 'utf-16le' : 'utf-16be';
  try {
    const text = new TextDecoder(encoding, { fatal: true }).decode(head, { stream: true });
    // eslint-disable-next-line no-control-regex -- text has none of these, numbers that look like UTF-16 do
    return /[\0-\x08\x0e-\x1f\uffff]/.test(text) ? undefined : encoding;
  } catch {
    return undefined;
  }
}

/** Refuses a file that is not UTF-8 throughout; one with a few bad lines among good ones is not meant. */
function refuseOthers(head: Buffer, isWhole: boolean, name: string): void {
  const all = linesOf(head, isWhole).filter((line) => line.length > 0);
  const strange = all.filter((line) => line.some((byte) => byte > 127));
  const bad = strange.filter((line) => !isUtf8(line));
  const isSeldom = bad.length < 3 && 2 * bad.length < all.length;
  if (bad.length === 0 || isSeldom || 20 * (strange.length - bad.length) > bad.length) return;
  const { label, tool } = guessEncoding(Buffer.concat(bad.flatMap((line) => [line, Buffer.from('\n')])));
  throw new Error(`${name}: is not UTF-8 but probably ${label}; convert it with iconv -f ${tool} -t UTF-8.`);
}

/** Whole lines only, or what there is of the first: a character that was cut is no fault. */
function linesOf(head: Buffer, isWhole: boolean): Buffer[] {
  const lines: Buffer[] = [];
  let start = 0;
  for (let end = head.indexOf(10); end >= 0; end = head.indexOf(10, start)) {
    lines.push(head.subarray(start, end));
    start = end + 1;
  }
  const rest = head.subarray(start);
  if (isWhole) return [...lines, rest];
  if (lines.length > 0) return lines;
  const cut = [0, 1, 2, 3].find((bytes) => isUtf8(rest.subarray(0, rest.length - bytes)));
  return [rest.subarray(0, rest.length - (cut ?? 0))];
}

const count = (bytes: Buffer, wanted: number): number => bytes.filter((byte) => byte === wanted).length;

async function* withoutMark(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let isFirst = true;
  for await (const chunk of bytes) {
    const hasMark = isFirst && chunk.subarray(0, 3).equals(Buffer.from('\ufeff'));
    yield hasMark ? chunk.subarray(3) : chunk;
    isFirst = false;
  }
}

/** As texts from old Macs, and what some spreadsheets export there. */
const endsLinesByReturn = (start: string): boolean => /\r./s.test(start) && !start.includes('\n');
const lineFed = (text: string): string => text.replaceAll('\r', '\n');

async function* withLineFeeds(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of bytes) yield Buffer.from(lineFed(chunk.toString('latin1')), 'latin1');
}

async function* recoded(bytes: AsyncIterable<Buffer>, encoding: Encoding, name: string): AsyncGenerator<Buffer> {
  const decoder = new TextDecoder(encoding, { fatal: true });
  const decode = (chunk?: Buffer): Buffer => {
    try {
      return Buffer.from(decoder.decode(chunk, { stream: chunk !== undefined }));
    } catch (error) {
      throw new Error(`${name}: is UTF-16, but damaged or cut short; write it again, as UTF-8 if you can.`, {
        cause: error,
      });
    }
  };
  for await (const chunk of bytes) yield decode(chunk);
  yield decode();
}
