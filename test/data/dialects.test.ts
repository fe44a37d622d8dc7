// Documents in every dialect, encoding and compression: what was written is what is read.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { parquetWriteBuffer } from 'hyparquet-writer';
import t from 'tap';
import { documents, loadRetrievalSet, type CorpusOptions, type Document } from '../../data/index.js';

interface Written {
  readonly id: string;
  readonly title: string;
  readonly text: string;
}

const quoted = (cell: string): string => `"${cell.replaceAll('"', '""')}"`;
const lines = (all: readonly string[]): string => all.map((line) => `${line}\n`).join('');

const WRITERS: Record<string, (all: readonly Written[]) => string | Buffer> = {
  'a.jsonl': (all) => lines(all.map((each) => JSON.stringify(each))),
  'A.JSONL': (all) =>
    lines(all.map(({ id, ...rest }) => JSON.stringify({ _id: id, ...rest }))).replaceAll('\n', '\r\n'),
  'a.ndjson': (all) => lines(all.map(({ id, title, text }) => JSON.stringify({ docid: id, title, contents: text }))),
  'a.json': (all) => JSON.stringify(all),
  'b.json': (all) => JSON.stringify(all, undefined, 2),
  'c.json': (all) => lines(all.map((each) => JSON.stringify(each))),
  'a.csv': (all) =>
    `id,title,text\r\n${all.map((each) => `${[each.id, each.title, each.text].map(quoted).join(',')}\r\n`).join('')}`,
  'b.csv': (all) =>
    `TEXT;DocID;Title\n${lines(all.map((each) => [each.text, each.id, each.title].map(quoted).join(';')))}`,
  'a.tsv': (all) =>
    `id\ttext\ttitle\n${lines(all.map((each) => [each.id, each.text, each.title].map((cell) => quoted(cell.replace(/[\r\n\t]/g, ' '))).join('\t')))}`,
  'a.parquet': (all) =>
    Buffer.from(
      parquetWriteBuffer({
        columnData: (['id', 'title', 'text'] as const).map((name) => ({
          name,
          data: all.map((each) => each[name]),
          type: 'STRING',
        })),
        rowGroupSize: 2,
      }),
    ),
  noending: (all) => lines(all.map((each) => JSON.stringify(each))),
};
const ENCODINGS: Record<string, (text: string) => Buffer> = {
  'UTF-8': (text) => Buffer.from(text),
  'UTF-8 with a mark': (text) => Buffer.from(`\ufeff${text}`),
  'UTF-16 LE': (text) => Buffer.from(`\ufeff${text}`, 'utf16le'),
  'UTF-16 BE': (text) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16(),
};

async function read(path: string, options: CorpusOptions = {}) {
  const corpus = documents(path, options);
  const found: Document[] = [];
  for await (const document of corpus) found.push(document);
  return { found, report: corpus.report };
}

const words = fc.string({
  unit: fc.constantFrom('a', 'é', '中', '😀', '"', ',', ';', '\\', '[', '}', '\n', '\t', ' ', '1234567890123456789'),
});
const written = fc
  .uniqueArray(fc.record({ text: words, title: words, id: fc.stringMatching(/^[a-z0-9]{1,20}$/) }), {
    minLength: 1,
    maxLength: 6,
    selector: ({ id }) => id,
  })
  .map((all) => all.map(({ id, title, text }) => ({ id, title: title.trim(), text: `x${text}x` })));

void t.test('what was written is read, in every dialect, encoding and compression', async (t) => {
  const dir = t.testdir({});
  for (const [name, write] of Object.entries(WRITERS))
    await fc.assert(
      fc.asyncProperty(
        written,
        fc.constantFrom(...Object.keys(ENCODINGS)),
        fc.boolean(),
        async (all, encoding, zip) => {
          const content = write(all);
          const bytes = typeof content === 'string' ? ENCODINGS[encoding](content) : content;
          const path = join(dir, zip && name.includes('.') ? `${name}.gz` : name);
          // gzip in two members, as cat makes of two files.
          writeFileSync(
            path,
            zip ? Buffer.concat([gzipSync(bytes.subarray(0, 7)), gzipSync(bytes.subarray(7))]) : bytes,
          );
          const { found } = await read(path, { distinctIds: true });
          const flat = (text: string): string => (name.endsWith('.tsv') ? text.replace(/[\r\n\t]/g, ' ') : text);
          t.same(
            found.map(({ id, title = '', text }) => ({ id, title, text })),
            all.map(({ id, title, text }) => ({ id, title: flat(title).trim(), text: flat(text) })),
            `${path} ${encoding}`,
          );
        },
      ),
      { numRuns: 12 },
    );
});

void t.test('ids are kept as they are written', async (t) => {
  const ids = ['12345678901234567890', '-9223372036854775808', '7', '0012', '1234567890123456'];
  const dir = t.testdir({
    'a.jsonl': lines(ids.map((id) => `{"id": ${id === '0012' ? '"0012"' : id}, "text": "the number ${id} \\" ${id}"}`)),
  });
  const { found } = await read(join(dir, 'a.jsonl'));
  t.same(
    found.map(({ id }) => id),
    ids,
  );
  t.same(
    found.map(({ text }) => text),
    ids.map((id) => `the number ${id} " ${id}`),
    'texts are not touched',
  );
});

void t.test('ids that are not distinct, with both places', async (t) => {
  const dir = t.testdir({
    'a.jsonl': '{"id": "x", "text": "a"}\n{"id": 1, "text": "b"}\n',
    'b.csv': 'id,text\n"x",b\n',
    'blank.jsonl': '{"id": " x", "text": "a"}\n',
    'empty.jsonl': '{"id": "", "text": "a"}\n',
  });
  await t.rejects(read(dir, { distinctIds: true }), {
    message: `${join(dir, 'b.csv')}:2: the id "x" comes twice, first at ${join(dir, 'a.jsonl')}:1, expected distinct ids; drop one of the two.`,
  });
  await t.rejects(
    read(join(dir, 'blank.jsonl'), { distinctIds: true }),
    /blank\.jsonl:1: the id " x" has blanks at its ends/,
  );
  await t.rejects(read(join(dir, 'empty.jsonl'), { distinctIds: true }), /empty\.jsonl:1: an empty id/);
  t.equal((await read(dir)).found.length, 5, 'training takes them');
});

void t.test('tables as they are met', async (t) => {
  const cases: Record<string, readonly [content: string, found: readonly (readonly [id: string, text: string])[]]> = {
    'pandas.tsv': ['\tid\ttext\n0\t1\tone\n', [['1', 'one']]],
    'lines.tsv': [
      'id\ttext\n1\t"two\nlines"\n2\tb\n',
      [
        ['1', 'two\nlines'],
        ['2', 'b'],
      ],
    ],
    'tab.tsv': ['id\ttext\n1\t"a\tb"\n', [['1', 'a\tb']]],
    'raw.tsv': [
      'id\ttext\n1\t"Oh", he said\n2\t"No\n3\tSo "what"\n',
      [
        ['1', '"Oh", he said'],
        ['2', '"No'],
        ['3', 'So "what"'],
      ],
    ],
    'end.tsv': ['id\ttext\n1\t"open', [['1', '"open']]],
    'inch.csv': [
      'id,text\n1,a 5" pipe\n2,"b, ""c"""\n',
      [
        ['1', 'a 5" pipe'],
        ['2', 'b, "c"'],
      ],
    ],
    'column.csv': [
      'text\none\n"t,wo"\n',
      [
        ['column.csv:2', 'one'],
        ['column.csv:3', 't,wo'],
      ],
    ],
  };
  const dir = t.testdir(Object.fromEntries(Object.entries(cases).map(([file, [content]]) => [file, content])));
  for (const [file, [, wanted]] of Object.entries(cases)) {
    const { found, report } = await read(join(dir, file));
    t.same(
      found.map(({ id, text }) => [id, text]),
      wanted,
      file,
    );
    t.same([...report.leftOut], [], file);
  }
});

void t.test('a word where texts have no ids', async (t) => {
  const dir = t.testdir({
    'a.jsonl': '{"key": 1, "text": "a"}\n{"key": 2, "text": "b"}\n',
    'b.json': '{\n  "text": "a"\n}\n',
  });
  const said: string[] = [];
  await read(join(dir, 'a.jsonl'), { distinctIds: true, onWarning: (message) => said.push(message) });
  t.match(said, [/a\.jsonl:1: no id, under any of the usual names, so that it is a\.jsonl:1/]);
  t.equal(said.length, 1);
  await t.rejects(read(join(dir, 'b.json')), /b\.json: a JSON object over several lines, .* jq -c \./);
});

void t.test('MS MARCO, which has no headers', async (t) => {
  const dir = t.testdir({
    'collection.tsv': '0\tA "quoted" text\n7\t"Another"\n',
    'docs.tsv': 'D1\thttp://x\tTitle\tBody\n',
    'queries.tsv': '5\tone\n6\ttwo\n',
    'qrels.tsv': '5\t0\t7\t1\n',
    'three.tsv': 'a\tb\tc\n',
  });
  t.same(
    (await read(join(dir, 'collection.tsv'))).found.map(({ id, text }) => [id, text]),
    [
      ['0', 'A "quoted" text'],
      ['7', '"Another"'],
    ],
  );
  t.match((await read(join(dir, 'docs.tsv'))).found, [{ id: 'D1', title: 'Title', text: 'Body' }]);
  const set = await loadRetrievalSet({
    corpus: join(dir, 'collection.tsv'),
    queries: join(dir, 'queries.tsv'),
    qrels: join(dir, 'qrels.tsv'),
  });
  t.same([set.corpus.length, set.queries, [...set.qrels.keys()]], [2, [{ id: '5', text: 'one' }], ['5']]);
  await t.rejects(read(join(dir, 'three.tsv')), /three\.tsv:1: columns without names/);
});

void t.test('.txt: what a document is', async (t) => {
  const dir = t.testdir({ 'lines.txt': 'one\r\ntwo\r\n\r\n', 'blank.txt': '\none\nmore\n\n \ntwo\n' });
  const of = async (file: string, split?: CorpusOptions['split']) => {
    const { found, report } = await read(join(dir, file), { split });
    return [found.map(({ text, line }) => `${line} ${text}`), report.taken.map((line) => line.replace(`${dir}/`, ''))];
  };
  t.same(await of('lines.txt'), [
    ['1 one', '2 two'],
    ['lines.txt: one document a line (no blank lines between texts)'],
  ]);
  t.same(await of('blank.txt'), [
    ['2 one more', '6 two'],
    ['blank.txt: one document a paragraph, blank lines stand between them'],
  ]);
  t.same(await of('blank.txt', 'line'), [['2 one', '3 more', '6 two'], ['blank.txt: one document a line']]);
  t.same(await of('lines.txt', 'blank'), [
    ['1 one two'],
    ['lines.txt: one document a paragraph, blank lines stand between them'],
  ]);
  t.same(await of('blank.txt', 'file'), [['2 one more two'], ['blank.txt: one document']]);
  t.match((await read(dir, { split: 'file' })).report.taken, [
    /^2 text files, .*blank\.txt the first: one document each$/,
  ]);
});

void t.test('null is no title and no text; what is left out is counted by its reason', async (t) => {
  const dir = t.testdir({
    'a.jsonl': '{"id": 1, "title": null, "text": "a"}\n{"id": 2, "text": null}\n{"id": 3, "text": ""}\n{"id": 4}\n',
  });
  const { found, report } = await read(join(dir, 'a.jsonl'));
  t.same(
    found.map(({ id, title }) => [id, title]),
    [['1', undefined]],
  );
  t.same(
    [...report.leftOut],
    [
      ['without text', 2],
      ['no string in any field for texts', 1],
    ],
  );
});

void t.test('a folder with the layout of Hugging Face', async (t) => {
  const parquet = (name: string) => WRITERS['a.parquet']([{ id: name, title: 'T', text: 'x' }]);
  const dir = t.testdir({
    corpus: { 'corpus-00000-of-00002.parquet': parquet('a'), 'corpus-00001-of-00002.parquet': parquet('b') },
    queries: { 'queries-00000-of-00001.parquet': parquet('q') },
  });
  t.same(
    (await read(dir)).found.map(({ id, title, text }) => [id, title, text]),
    [
      ['a', 'T', 'x'],
      ['b', 'T', 'x'],
    ],
  );
});

void t.test(
  'a Parquet file with any one byte damaged is read, or refused by name; it keeps no reader for ever',
  async (t) => {
    const whole = WRITERS['a.parquet'](['a', 'b', 'c'].map((id) => ({ id, title: 'T', text: `${id} x` })));
    const path = join(t.testdir({}), 'a.parquet');
    let refused = 0;
    for (let at = 0; at < whole.length; at++)
      for (const flip of [0x10, 0xff]) {
        const broken = Buffer.from(whole);
        broken[at] ^= flip;
        writeFileSync(path, broken);
        await read(path).catch((error: Error) => {
          if (!error.message.includes(path)) t.fail(`byte ${at} ^ ${flip}: ${error.message}`);
          refused++;
        });
      }
    t.ok(refused > whole.length, `${refused} of ${whole.length * 2} were refused`);
  },
);

// Written by pyarrow 25 (ParquetWriter: two rows of id, text and a boolean, none, one), with store_schema and write_statistics off.
void t.test('a row group without rows is no damage, and what follows it is read', async (t) => {
  const { found } = await read('test/data/files/empty-row-group.parquet');
  t.same(
    found.map(({ id, text }) => [id, text]),
    [
      ['a', 'one'],
      ['b', 'two'],
      ['c', 'three'],
    ],
  );
});
