// What every command says of the data before it works: counts, warnings, and the refusal of what it does not know.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { DataCounts } from '../../data/index.js';
import { ONE_THREAD, paragraphs, refused, refusedUntouched, succeed, TINY, writeBeir, writeCorpus } from './support.js';

const dir = t.testdir({});
const corpus = writeCorpus(dir, 60);
const model = join(dir, 'model');
const PRETRAIN = ['pretrain', ...TINY, '--eval-every', '0', '--steps', '1'];
const characters = paragraphs(60).reduce((sum, text) => sum + text.length, 0);

const write = (name: string, rows: readonly object[]): string => {
  const path = join(dir, name);
  writeFileSync(path, rows.map((row) => JSON.stringify(row)).join('\n'));
  return path;
};

void t.test('pretrain: in the terminal, as JSON, in the report, and again when it is resumed', async (t) => {
  const { stdout, stderr } = await succeed(
    ...PRETRAIN,
    '--corpus',
    corpus,
    '--vocab-size',
    '150',
    '--out',
    model,
    '--json',
  );
  const data = stdout
    .split('\n')
    .filter((line) => line.includes('"type":"data"'))
    .map((line) => JSON.parse(line) as DataCounts);
  t.match(data, [{ documents: 60, characters, unknown: 0, cut: 0, leftOut: {}, taken: [] }]);
  const { tokens, blocks } = data[0];
  const said = `${corpus}: 60 documents, ${characters.toLocaleString('en-US')} characters, ${tokens.toLocaleString('en-US')} tokens in ${blocks} blocks; [UNK] 0.0 %, cut 0.0 %; left out: none.`;
  t.ok(stderr.includes(`${said}\n`), stderr);
  t.match(readFileSync(join(model, 'report.html'), 'utf8'), /<h2>Data<\/h2>[^]*<dt>documents<\/dt><dd>60<\/dd>/);
  const again = await succeed('pretrain', '--resume', '--out', model, ...ONE_THREAD);
  t.ok(again.stderr.includes(said), 'resumed');
});

void t.test('titles are trained on with their texts', async (t) => {
  const rows = paragraphs(60).map((text, i) => ({ id: i, title: 'Canals', text }));
  const { stdout } = await succeed(
    ...PRETRAIN,
    '--corpus',
    write('titled.jsonl', rows),
    '--out',
    join(dir, 't'),
    '--json',
  );
  t.match(JSON.parse(stdout.split('\n')[0]), { type: 'data', characters: characters + 60 * 'Canals '.length });
});

void t.test('what is left out, cut and unknown is counted, and warned of above 5 %', async (t) => {
  const long = Array.from({ length: 4 }, (_, i) => paragraphs(i + 1).join(' '));
  const rows = [
    ...long.map((text, i) => ({ id: `a${i}`, text })),
    { id: 'b', text: ' ' },
    { id: 'c', text: '東京 都' },
  ];
  const out = join(dir, 'i.index');
  const { stdout, stderr } = await succeed(
    ...['encode', ...ONE_THREAD, '--model', model, '--corpus', write('messy.jsonl', rows), '--out', out, '--json'],
  );
  const { data, vectors } = JSON.parse(stdout) as { vectors: number; data: DataCounts };
  t.match({ ...data, vectors }, { documents: 5, vectors: 5, unknown: 3, leftOut: { 'without text': 1 } });
  t.ok(data.cut > 0 && data.cut < data.tokens);
  t.match(stderr, /5 documents, .*left out: 1 without text\./);
  t.match(stderr, /Warning: .*messy\.jsonl: \d+\.\d % of the tokens are beyond/);
  t.match(stderr, /Warning: .*16\.7 % of the texts are left out/);
  t.notMatch(stderr, /% of the tokens are \[UNK\]/);
});

void t.test('nothing but [UNK] is refused, before anything is written', async (t) => {
  const chinese = write(
    'zh.jsonl',
    Array.from({ length: 20 }, () => ({ text: '你好世界 東京都の天気' })),
  );
  const out = join(dir, 'zh');
  const args = [...PRETRAIN, '--corpus', chinese, '--vocab', join(model, 'vocab.txt'), '--out', out];
  const said = /zh\.jsonl: 100\.0 % of \d+ tokens are \[UNK\], more than --max-unknown 50/;
  await refusedUntouched(t, { args, out, code: 1 }, [[[], said]]);
  const encode = ['encode', ...ONE_THREAD, '--model', model, '--corpus', chinese, '--out', out];
  await refused(t, encode, said);
  await refused(t, [...encode, '--max-unknown', '99.5'], /more than --max-unknown 99\.5 \(percent\)/);
  for (const command of [args, encode])
    await refused(t, [...command, '--max-unknown', '101'], /--max-unknown is "?101"?; it must be a number from 0/, 2);
  const { stderr } = await succeed(...args, '--max-unknown', '100');
  t.match(stderr, /Warning: .*100\.0 % of the tokens are \[UNK\]/);
  const query = ['--model', model, '--index', join(dir, 'i.index'), '--query', '世界', '--top', '1'];
  t.match((await succeed('search', ...ONE_THREAD, ...query)).stderr, /--query: 100\.0 % of the tokens are \[UNK\]/);
});

void t.test('eval tells of documents and of queries', async (t) => {
  const beir = writeBeir(dir);
  const { stdout, stderr } = await succeed('eval', ...ONE_THREAD, '--model', model, '--data', beir, '--json');
  const { data } = JSON.parse(stdout) as { data: Record<'documents' | 'queries', DataCounts> };
  t.match([data.documents.documents, data.queries.documents], [40, 12]);
  t.match(stderr, /^beir: 40 documents, [^]*^beir, queries: 12 queries, /m);
});
