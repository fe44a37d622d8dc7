// Files that are not UTF-8: decoded where that is sure, else refused by what they probably are.
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { documents } from '../../data/index.js';

async function texts(path: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { text } of documents(path)) found.push(text);
  return found;
}

const RUSSIAN = ['Река течёт через город и впадает в море 1', 'Маленький дом стоит на высоком берегу 2'];
const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const repeated = (line: Buffer): Buffer =>
  Buffer.concat(Array.from({ length: 4 }, () => [line, Buffer.from('\n')]).flat());

void t.test('UTF-16 is decoded, with a mark or without', async (t) => {
  const text = `${RUSSIAN.join('\r\n')}\r\n`;
  const dir = t.testdir({
    'le.txt': Buffer.from(`\ufeff${text}`, 'utf16le'),
    'be.txt': Buffer.from(`\ufeff${text}`, 'utf16le').swap16(),
    'bare.txt': Buffer.from(text, 'utf16le'),
    'bare-be.txt': Buffer.from(text, 'utf16le').swap16(),
    'odd.txt': Buffer.from(`\ufeff${text}`, 'utf16le').subarray(0, -1),
  });
  for (const file of ['le.txt', 'be.txt', 'bare.txt', 'bare-be.txt'])
    t.same(await texts(join(dir, file)), RUSSIAN, file);
  await t.rejects(texts(join(dir, 'odd.txt')), /odd\.txt: is UTF-16, but damaged or cut short/);
});

void t.test('lines that end by a carriage return alone are lines in every format', async (t) => {
  const jsonl = RUSSIAN.map((text) => JSON.stringify({ text }));
  const [a, b] = RUSSIAN;
  const files = {
    'a.txt': `${a}\r${b}\r`,
    'a.jsonl': jsonl.join('\r'),
    'a.json': `[\r${jsonl.join(',\r')}\r]\r`,
    'a.tsv': `1\t${a}\r2\t${b}\r`,
    'a.csv': `id,text\r1,${a}\r2,${b}\r`,
    headed: `id\ttext\r1\t${a}\r2\t${b}`,
  };
  const dir = t.testdir({
    ...files,
    'paragraphs.txt': `${a}\r\r${b}`,
    'wide.txt': Buffer.from(`\ufeff${a}\r${b}`, 'utf16le'),
    'stray.txt': `a\rb\n${b}`,
  });
  for (const file of [...Object.keys(files), 'paragraphs.txt', 'wide.txt'])
    t.same(await texts(join(dir, file)), RUSSIAN, file);
  t.same(await texts(join(dir, 'stray.txt')), ['a\rb', b], 'one among line feeds ends nothing');
});

void t.test('other encodings are named, with the remedy', async (t) => {
  const cases: Record<string, readonly [content: Buffer, said: RegExp]> = {
    'latin.txt': [
      repeated(Buffer.from('Le café numéro un', 'latin1')),
      /latin\.txt: is not UTF-8 but probably Windows-1252 or Latin-1; convert it with iconv -f WINDOWS-1252 -t UTF-8/,
    ],
    'one.txt': [Buffer.from('café', 'latin1'), /Windows-1252/],
    // これは日本語の文章です
    'sjis.txt': [
      repeated(bytes('82b1 82ea 82cd 93fa 967b 8cea 82cc 95b6 8fcd 82c5 82b7')),
      /probably Shift-JIS .* iconv -f CP932/,
    ],
    'euc.txt': [repeated(bytes('a4b3 a4ec a4cf c6fc cbdc b8ec a4ce caB8 bECF a4c7 a4b9')), /probably EUC-JP/],
    // 这是一个中文句子
    'gb.txt': [repeated(bytes('d5e2 cac7 d2bb b8f6 d6d0 cec4 bee4 d7d3')), /probably GB18030/],
    // 한국어 문장입니다
    'kr.txt': [repeated(bytes('c7d1 b1b9 beee 20 b9ae c0e5 c0d4 b4cf b4d9')), /probably EUC-KR .* iconv -f CP949/],
    // река течёт через город
    '1251.txt': [repeated(bytes('f0e5eae0 20 f2e5f7b8f2 20 f7e5f0e5e7 20 e3eef0eee4')), /probably Windows-1251/],
    'koi8.txt': [repeated(bytes('d2c5cbc1 20 d4c5dea3d4 20 decddac5da 20 c7cfd2cfc4')), /probably KOI8-R/],
    'utf32.txt': [bytes('fffe0000 61000000'), /is UTF-32, .* iconv -f UTF-32/],
    'a.txt': [Buffer.from('%PDF-1.7\n'), /is a PDF file/],
    'b.txt': [Buffer.from('PK\x03\x04x'), /is a ZIP archive/],
    'c.txt': [Buffer.from(Array.from({ length: 400 }, (_, i) => ((i * i * 7) % 251) & 7)), /is a binary file/],
    'd.jsonl.gz': [
      gzipSync(Buffer.alloc(9999, '{"text": "a"}\n')).subarray(0, 40),
      /d\.jsonl\.gz: the gzip data is cut short/,
    ],
    'e.parquet': [Buffer.from('id,text\n'), /e\.parquet: is no Parquet file/],
    'f.parquet': [Buffer.from('PAR1 and no more'), /f\.parquet: cannot be read as Parquet/],
    'g.csv': [Buffer.from('id,text\n1,"open\n'), /g\.csv:[23]: is not CSV \(Quote Not Closed/],
  };
  const dir = t.testdir(Object.fromEntries(Object.entries(cases).map(([file, [content]]) => [file, content])));
  for (const [file, [, said]] of Object.entries(cases)) await t.rejects(texts(join(dir, file)), said, file);
});

void t.test('a few bad lines among good ones are no other encoding', async (t) => {
  const dir = t.testdir({
    'a.txt': Buffer.concat([Buffer.from('één\nein\nzwei\n'), Buffer.from([0xe9, 10]), Buffer.from('drie\n')]),
  });
  t.same(await texts(join(dir, 'a.txt')), ['één', 'ein', 'zwei', 'drie']);
});
