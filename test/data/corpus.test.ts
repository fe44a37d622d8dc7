// Corpora: every layout, and every kind of bad input with the message that it gets.
import { chmodSync, createReadStream } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { documents, documentText, sotu } from '../../data/index.js';
import type { CorpusOptions, Document } from '../../data/index.js';
import { linesOf } from '../../data/read/lines.js';
import { shared } from './support.js';

async function read(path: string, options: CorpusOptions = {}) {
  const warnings: string[] = [];
  const corpus = documents(path, { onWarning: (message) => warnings.push(message), ...options });
  const found: Document[] = [];
  for await (const document of corpus) found.push(document);
  return { found, warnings, report: corpus.report };
}

const rows = (...values: unknown[]) => values.map((value) => JSON.stringify(value)).join('\n') + '\n';

void t.test('.jsonl: text, ids, titles', async (t) => {
  const dir = t.testdir({
    'a.jsonl': rows(
      { _id: 'x', title: ' T ', text: 'one' },
      { id: 7, text: 'two' },
      { text: 'three', title: '' },
      { id: 'e', text: ' ' },
    ),
    'b.jsonl': rows({ story: 'other' }),
  });
  const file = join(dir, 'a.jsonl');
  const { found, report, warnings } = await read(file);
  t.same(found, [
    { id: 'x', title: 'T', text: 'one', file, line: 1 },
    { id: '7', text: 'two', file, line: 2 },
    { id: 'a.jsonl:3', text: 'three', file, line: 3 },
  ]);
  t.same(report, { files: 1, documents: 3, characters: 13, leftOut: new Map([['without text', 1]]), taken: [] });
  t.same(warnings, []);
  t.same(
    (await read(join(dir, 'b.jsonl'), { field: 'story' })).found.map(({ text }) => text),
    ['other'],
  );
});

void t.test('.txt: paragraphs between blank lines', async (t) => {
  const dir = t.testdir({ 'a.txt': '\uFEFFone\r\ntwo\r\n\r\n\r\n \r\nthree\r\n' });
  const file = join(dir, 'a.txt');
  const { found, report } = await read(file);
  t.same(found, [
    { id: 'a.txt:1', text: 'one two', file, line: 1 },
    { id: 'a.txt:6', text: 'three', file, line: 6 },
  ]);
  t.equal(report.characters, 12);
});

void t.test('a BEIR folder: the corpus alone', async (t) => {
  const dir = t.testdir({
    'corpus.jsonl': rows(
      { _id: '1', title: 'Title', text: 'body' },
      { _id: '2', title: '', text: 'bare' },
      { _id: '3', title: 'Only', text: '' },
    ),
    'queries.jsonl': rows({ _id: 'q', text: 'never read' }),
    qrels: { 'test.tsv': 'query-id\tcorpus-id\tscore\n' },
  });
  const { found } = await read(dir);
  t.same(
    found.map((document) => [document.id, document.text, documentText(document)]),
    [
      ['1', 'body', 'Title body'],
      ['2', 'bare', 'bare'],
      ['3', '', 'Only '],
    ],
    'a title alone is a document',
  );
});

void t.test('a directory: sorted, with what is in it', async (t) => {
  const dir = t.testdir({
    'b.txt': 'second',
    'B.txt': 'first',
    c: { 'corpus.jsonl': rows({ _id: '1', title: 'T', text: 'third' }), 'x.txt': 'never read' },
    d: { e: { 'f.jsonl': rows({ text: 'fourth' }) } },
    'notes.md': 'passed over',
    '.hidden.txt': 'passed over in silence',
  });
  const { found, warnings, report } = await read(dir);
  t.same(
    found.map(({ text }) => text),
    ['first', 'second', 'third', 'fourth'],
  );
  t.equal(found[3].id, `${join('d', 'e', 'f.jsonl')}:1`);
  t.equal(report.files, 4);
  t.same(warnings, [
    `${join(dir, 'notes.md')}: passed over, none of .jsonl, .ndjson, .json, .tsv, .csv, .parquet, .txt (any of them gzipped)`,
  ]);
});

void t.test('links to folders are followed, a circle of them once', async (t) => {
  const dir = t.testdir({
    a: { 'x.txt': 'one', y: t.fixture('symlink', '../b') },
    b: { 'v.txt': 'two', w: t.fixture('symlink', '../a') },
  });
  const { found, warnings } = await read(join(dir, 'a'));
  t.same(
    found.map(({ text }) => text),
    ['one', 'two'],
  );
  t.same(warnings, [`${join(dir, 'a', 'y', 'w')}: passed over, a link to a folder that it is in`]);
});

void t.test('may be read again, and the report begins anew', async (t) => {
  const corpus = documents(t.testdir({ 'a.txt': 'one\n\ntwo' }));
  for (let epoch = 0; epoch < 2; epoch++) {
    let count = 0;
    for await (const { text } of corpus) count += Number(text !== '');
    t.equal(count, 2);
    t.equal(corpus.report.documents, 2);
  }
});

void t.test('bad lines are left out, counted and named', async (t) => {
  const dir = t.testdir({
    'a.jsonl': Buffer.concat([
      Buffer.from('{"text": "good"}\n{"text": "cut\n[1]\nnull\n{"text": 5, "id": 1}\n{}\n\n'),
      Buffer.from([0x7b, 0xff, 0xfe, 0x0a]),
      Buffer.from('{"text": "last"}'),
    ]),
    'b.txt': Buffer.concat([Buffer.from('one\n'), Buffer.from([0xc3, 0x28, 0x0a]), Buffer.from('two\n')]),
  });
  const file = join(dir, 'a.jsonl');
  const { found, warnings, report } = await read(file, { field: 'text' });
  t.same(
    found.map(({ text, line }) => [text, line]),
    [
      ['good', 1],
      ['last', 9],
    ],
  );
  t.same(
    [...report.leftOut],
    [
      ['malformed JSON', 1],
      ['not a JSON object', 2],
      ["no string in field 'text'", 2],
      ['invalid UTF-8', 1],
    ],
  );
  t.match(warnings[0], /^.*a\.jsonl:2: malformed JSON \(.+\)$/);
  t.same(warnings.slice(1), [
    `${file}:3: not a JSON object`,
    `${file}:4: not a JSON object`,
    `${file}:5: no string in field 'text' (fields: text, id)`,
    `${file}:6: no string in field 'text' (fields: none)`,
    `${file}:8: invalid UTF-8`,
  ]);
  const text = await read(join(dir, 'b.txt'));
  t.same(
    text.found.map((document) => document.text),
    ['one', 'two'],
  );
  t.same(text.warnings, [`${join(dir, 'b.txt')}:2: invalid UTF-8`]);
});

void t.test('too many bad lines end the reading', async (t) => {
  const dir = t.testdir({ 'a.jsonl': rows({ text: 'good' }, { story: 'x' }, { text: 'good' }, { story: 'y' }) });
  const file = join(dir, 'a.jsonl');
  t.equal((await read(file, { field: 'text', maxBadLines: 2 })).found.length, 2);
  await t.rejects(read(file, { field: 'text', maxBadLines: 1 }), {
    message: `corpus: ${file}:4: no string in field 'text' (fields: story); that makes 2 bad lines, expected at most 1. The first was ${file}:2: no string in field 'text' (fields: story). Mend the file, choose another field, or raise maxBadLines.`,
  });
  await t.rejects(read(file, { maxBadLines: 0 }), /a\.jsonl:2: .* that makes 1 bad lines, expected at most 0/);
});

void t.test('a corpus without text', async (t) => {
  const dir = t.testdir({
    'a.jsonl': rows({ text: ' ' }, { story: 'x' }),
    'empty.txt': '\n \n',
    empty: {},
    'notes.md': 'text',
  });
  await t.rejects(read(join(dir, 'a.jsonl')), {
    message: `corpus: ${join(dir, 'a.jsonl')}: there is no text (of 1 file(s), left out: 1 without text, 1 no string in any field for texts), expected at least one document. The first bad line was ${join(dir, 'a.jsonl')}:2: no string in any field for texts (fields: story; expected one of text, contents, content, body, passage, document). Check the path and the field.`,
  });
  await t.rejects(read(join(dir, 'empty.txt')), /empty\.txt: there is no text \(of 1 file\(s\), left out: nothing\)/);
  await t.rejects(read(join(dir, 'empty')), /empty: there is no text \(it holds no file of texts\)/);
  await t.rejects(
    read(join(dir, 'notes.md')),
    /notes\.md is none of \.jsonl, .*, \.txt \(any of them gzipped\), expected one of these/,
  );
  await t.rejects(read(join(dir, 'none')), /none cannot be read \(ENOENT.*\), expected a file of texts/);
});

void t.test(
  'a file without permission',
  { skip: process.getuid?.() === 0 ? 'root reads everything' : false },
  async (t) => {
    const file = join(t.testdir({ 'a.txt': 'text' }), 'a.txt');
    chmodSync(file, 0o000);
    await t.rejects(read(file), /a\.txt: there is no permission to read it/);
  },
);

void t.test('lines, however the file is cut into chunks', async (t) => {
  const content = fc.array(fc.oneof(fc.constantFrom('a', '\n', '\r\n', '中', '😀', 'é\n'), fc.string()), {
    maxLength: 30,
  });
  await fc.assert(
    fc.asyncProperty(content, async (parts) => {
      // Longer than one chunk (2^20 bytes) of the stream, so that lines and characters run across its ends.
      const text = parts.join('').repeat(Math.ceil((5 << 18) / (parts.join('').length + 1)));
      const file = join(t.testdir({ 'a.txt': text }), 'a.txt');
      const found: (string | null)[] = [];
      for await (const line of linesOf(createReadStream(file) as AsyncIterable<Buffer>, file)) found.push(line.text);
      const expected = text.split('\n');
      if (expected.at(-1) === '') expected.pop();
      t.ok(found.join('\0') === expected.map((line) => line.replace(/\r$/, '')).join('\0'));
    }),
    { numRuns: 8 },
  );
});

const scifact = shared('beir/scifact');
void t.test('SciFact', { skip: scifact.skip }, async (t) => {
  const { found, report } = await read(scifact.file);
  t.equal(report.documents, 5183);
  t.equal(found[0].id, '4983');
  t.ok(documentText(found[0]).startsWith('Microstructural development'));
  t.ok(found[0].title?.startsWith('Microstructural development'));
});

void t.test('the addresses of the example', async (t) => {
  const passages = await sotu();
  t.equal(new Set(passages.map(({ id }) => id)).size, passages.length);
  t.equal(new Set(passages.map(({ file }) => file)).size, 233);
  t.equal(passages[0].title, 'George Washington, 1790');
  t.equal(passages[0].id, '1790-george-washington-1');
  t.ok(passages.every(({ text }) => text.trim() === text && text !== ''));
  const characters = passages.reduce((sum, { text }) => sum + text.length + 1, 0);
  t.ok(Math.abs(characters - 10_760_000) < 5_000, `${characters} characters`);
  t.ok(passages.filter(({ text }) => text.length > 600).length < 0.05 * passages.length);
});
