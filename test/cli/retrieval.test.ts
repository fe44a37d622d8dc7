// `retromae eval`, `encode` and `search` as a user runs them, and what they refuse.
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { FlatIndex, loadIndex, saveIndex } from '../../retrieval/index.js';
import { jsonLines, paragraphs, refused, snapshot, succeed, TINY, writeBeir, writeCorpus } from './support.js';

const dir = t.testdir({});
const corpus = writeCorpus(dir);
const beir = writeBeir(dir);
const model = join(dir, 'model');
const index = join(dir, 'index.safetensors');
const ON = ['--backend', 'wasm', '--threads', '1'];
const texts = paragraphs(200);

t.before(async () => {
  await succeed(
    'pretrain',
    ...TINY,
    '--corpus',
    corpus,
    '--vocab-size',
    '150',
    '--steps',
    '20',
    '--eval-every',
    '0',
    '--out',
    model,
  );
  await succeed('encode', ...ON, '--model', model, '--corpus', corpus, '--out', index);
});

void t.test('eval prints a table with intervals, and BM25 beside it', async (t) => {
  const { stdout, stderr } = await succeed('eval', ...ON, '--model', model, '--data', beir, '--baseline', 'bm25');
  t.match(stdout, /nDCG@10 +MRR@10 +Recall@100 +MAP/);
  for (const name of [model, 'BM25'])
    t.match(stdout, new RegExp(`^${name} +(\\d\\.\\d{3} \\[\\d\\.\\d{3}, \\d\\.\\d{3}\\] *){4}$`, 'm'));
  t.match(stdout, /^12 queries; in brackets 95 % bootstrap intervals\.$/m);
  t.match(stdout, /^nDCG@10 against BM25, paired: [+-]\d\.\d{3} \[/m);
  t.match(stderr, /texts 40\/40 +100 %/);
});

void t.test('eval --json prints one object', async (t) => {
  const keys = ['ndcg@10', 'mrr@10', 'recall@100', 'map', 'queries'];
  const both = JSON.parse(
    (await succeed('eval', ...ON, '--model', model, '--data', beir, '--baseline', 'bm25', '--json')).stdout,
  ) as Record<string, unknown>;
  t.strictSame(Object.keys(both), [...keys, 'bm25', 'vectors', 'data']);
  t.strictSame(Object.keys(both.bm25 as object), keys);
  t.match(
    both,
    { queries: 12, 'recall@100': 1, bm25: { queries: 12, 'recall@100': 1 } },
    'there are only 40 documents',
  );
  const own = JSON.parse(
    (
      await succeed(
        'eval',
        ...ON,
        '--model',
        model,
        '--data',
        beir,
        '--json',
        '--similarity',
        'dot',
        '--max-length',
        '8',
      )
    ).stdout,
  ) as Record<string, unknown>;
  t.strictSame(Object.keys(own), [...keys, 'vectors', 'data']);
});

void t.test(
  'eval takes files that lie anywhere, and leaves queries that are documents out of their own hits',
  async (t) => {
    const own = join(dir, 'own');
    mkdirSync(own);
    const files = { corpus: join(own, 'docs.tsv'), queries: join(own, 'asked.csv'), qrels: join(own, 'judged.trec') };
    writeFileSync(
      files.corpus,
      texts
        .slice(0, 30)
        .map((text, i) => `p${i}\t${text}\n`)
        .join(''),
    );
    writeFileSync(
      files.queries,
      `qid,query\n${texts
        .slice(0, 5)
        .map((text, i) => `p${i},"${text}"\n`)
        .join('')}`,
    );
    writeFileSync(files.qrels, [0, 1, 2, 3, 4].map((i) => `p${i} 0 p${i} 1\n`).join(''));
    const evaluate = [
      'eval',
      ...ON,
      '--model',
      model,
      '--json',
      ...Object.entries(files).flatMap(([name, file]) => [`--${name}`, file]),
    ];
    const { stdout, stderr } = await succeed(...evaluate);
    t.match(JSON.parse(stdout), { queries: 5, 'mrr@10': 1 });
    t.match(stderr, /5 of 5 query ids are ids of documents too \(5 with the same text\).*--drop-self/);
    const dropped = await succeed(...evaluate, '--drop-self', '--baseline', 'bm25');
    t.match(JSON.parse(dropped.stdout), { 'mrr@10': 0, bm25: { 'mrr@10': 0 } });
    t.notMatch(dropped.stderr, /ids of documents/);
    await refused(t, ['eval', '--model', model, '--corpus', corpus], /--queries is missing: beside --corpus/, 2);
    await refused(
      t,
      ['eval', '--model', model, '--corpus', corpus, '--data', beir],
      /--data is for a folder, --corpus for files/,
      2,
    );
  },
);

void t.test('standard input, gzip, docids and titles', async (t) => {
  const file = join(dir, 'titled.jsonl.gz');
  const rows = texts
    .slice(0, 5)
    .map((text, i) => ({ docid: 12345678901234n + BigInt(i), title: `Title ${i}`, contents: text }));
  writeFileSync(
    file,
    gzipSync(
      rows.map(({ docid, ...rest }) => `{"docid": 99990000${docid}, ${JSON.stringify(rest).slice(1)}\n`).join(''),
    ),
  );
  const out = join(dir, 'titled.index');
  await succeed('encode', ...ON, '--model', model, '--corpus', file, '--out', out);
  const found = await succeed(
    'search',
    ...ON,
    '--model',
    model,
    '--index',
    out,
    '--corpus',
    file,
    '--query',
    `Title 3 ${texts[3]}`,
  );
  t.match(found.stdout, /^1\.0000 {2}9999000012345678901237 {2}Title 3 /, 'the title was encoded, and is shown');
  await refused(
    t,
    ['pretrain', ...TINY, '--corpus', '-', '--out', join(dir, 'none')],
    /--corpus - can be read only once/,
  );
  t.notOk(existsSync(join(dir, 'none', 'model.safetensors')));
});

void t.test('search finds a passage by its own words, among what encode wrote', async (t) => {
  const find = ['search', ...ON, '--model', model, '--index', index, '--query', texts[17], '--corpus', corpus];
  const hits = JSON.parse((await succeed(...find, '--json', '--top', '3')).stdout) as {
    id: string;
    score: number;
    text: string;
  }[];
  t.equal(hits.length, 3);
  t.match(hits[0], { id: 'p17', text: texts[17] });
  t.ok(Math.abs(hits[0].score - 1) < 1e-5, `cosine ${hits[0].score}`);
  const { stdout } = await succeed(...find);
  t.equal(stdout.trimEnd().split('\n').length, 10);
  t.match(stdout, /^1\.0000 {2}p17 {2}/);
});

void t.test('a folder that pools otherwise is said by every command, and is another model', async (t) => {
  const mean = join(dir, 'mean');
  cpSync(model, mean, { recursive: true });
  writeFileSync(
    join(mean, '1_Pooling', 'config.json'),
    JSON.stringify({ embedding_dimension: 32, pooling_mode: 'mean' }),
  );
  const out = join(dir, 'mean.index');
  const said = /^The model pools: the mean of all tokens, then scaled to length 1; vectors are compared by cosine\.$/m;
  const search = ['search', ...ON, '--model', mean, '--query', texts[17], '--index'];
  t.match((await succeed('eval', ...ON, '--model', mean, '--data', beir)).stderr, said);
  t.match((await succeed('encode', ...ON, '--model', mean, '--corpus', corpus, '--out', out)).stderr, said);
  const found = await succeed(...search, out);
  t.match(found.stderr, said);
  t.match(found.stdout, /^1\.0000 {2}p17$/m);
  await refused(t, [...search, index], /--index was made with representation cls, but texts are made to mean here/);
  const { stderr } = await succeed('search', ...ON, '--model', model, '--query', 'x', '--index', index);
  t.notMatch(stderr, /pools|which model made/);

  const anonymous = join(dir, 'anonymous.index');
  const { ids, vectors, dim } = (await loadIndex(index)) as FlatIndex;
  await saveIndex(new FlatIndex(ids, vectors, dim), anonymous);
  const old = await succeed('search', ...ON, '--model', model, '--query', texts[17], '--index', anonymous);
  t.match(old.stderr, /--index does not say which model made it/);
  t.match(old.stdout, /^1\.0000 {2}p17$/m);
});

void t.test('a text that is longer than the model is cut, one that has no words gives a vector as well', async (t) => {
  const file = join(dir, 'long.jsonl');
  writeFileSync(
    file,
    jsonLines([
      { id: 'long', text: texts.join(' ') },
      { id: 'none', text: '\u0000' },
      { id: 'usual', text: texts[0] },
    ]),
  );
  const out = join(dir, 'long.index');
  const { stderr } = await succeed('encode', ...ON, '--model', model, '--corpus', file, '--out', out);
  t.match(stderr, '3 vectors of 32 numbers');
  const query = texts.slice(0, 30).join(' ');
  const found = await succeed('search', ...ON, '--model', model, '--index', out, '--query', query, '--json');
  const hits = JSON.parse(found.stdout) as { id: string; score: number }[];
  t.equal(hits.find(({ id }) => id === 'long')?.score, hits[0].score, 'what was cut does not count');
});

void t.test('bad input', async (t) => {
  const other = join(dir, 'other');
  await succeed(
    'pretrain',
    ...TINY,
    '--corpus',
    corpus,
    '--vocab-size',
    '150',
    '--hidden',
    '16',
    '--steps',
    '1',
    '--eval-every',
    '0',
    '--out',
    other,
  );
  const notIndex = join(model, 'model.safetensors');
  const shortIndex = join(dir, 'short.index');
  writeFileSync(shortIndex, readFileSync(index).subarray(0, 2000));
  const broken = (name: string, file: string, content: string): string => {
    const root = join(dir, name);
    mkdirSync(root);
    const path = writeBeir(root);
    writeFileSync(join(path, file), content);
    return path;
  };
  const badQrels = broken('qrels', 'qrels/test.tsv', 'q0 d0 0.5\n');
  const badQueries = broken('queries', 'queries.jsonl', '{"_id": "q0", "text": "x"}\n{"_id": "q1"\n');
  const before = snapshot(dir);
  const evaluate = ['eval', ...ON, '--model', model];
  const search = ['search', ...ON, '--model', model, '--query', 'x'];
  const encode = ['encode', ...ON, '--model', model];
  const cases: [args: string[], said: RegExp][] = [
    [['eval'], /--model is missing/],
    [[...evaluate], /--data is missing/],
    [[...evaluate, '--data', join(dir, 'nowhere')], /nowhere\/corpus\.jsonl: no such file/],
    [
      [...evaluate, '--data', beir, '--split', 'dev'],
      /no split "dev" \(dev\.tsv\); there are test: ask for one of these/,
    ],
    [[...evaluate, '--data', badQrels], /test\.tsv:1: expected a header/],
    [[...evaluate, '--data', badQueries], /queries\.jsonl:2: malformed JSON/],
    [[...evaluate, '--data', beir, '--baseline', 'tfidf'], /--baseline is "tfidf"; it must be one of bm25/],
    [[...evaluate, '--data', beir, '--max-length', '2'], /--max-length is "2"; it must be an integer of at least 3/],
    [['eval', ...ON, '--data', beir, '--model', join(dir, 'nowhere')], /nowhere\/config\.json: is not there/],
    [['eval', ...ON, '--data', beir, '--model', join(dir, 'beir')], /beir\/config\.json: is not there/],
    [[...search, '--index', join(dir, 'nowhere')], /nowhere: the index cannot be read/],
    [[...search, '--index', notIndex], /model\.safetensors: not an index/],
    [[...search, '--index', shortIndex], /short\.index: /],
    [[...search, '--index', index, '--top', '0'], /--top is "0"; it must be an integer of at least 1/],
    [['search', ...ON, '--query', 'x', '--index', index, '--model', other], /vectors of 32 numbers, .* makes 16/],
    [[...encode, '--corpus', corpus], /--out is missing/],
    [[...encode, '--corpus', join(dir, 'nowhere.jsonl'), '--out', join(dir, 'i')], /nowhere\.jsonl cannot be read/],
    [[...encode, '--corpus', corpus, '--out', join(dir, 'no', 'folder', 'i')], /no\/folder\/i: cannot be written/],
    [[...encode, '--corpus', corpus, '--out', model], /model: cannot be written, a folder is in its place/],
  ];
  for (const [args, said] of cases) await refused(t, args, said);
  t.equal(snapshot(dir), before, 'what was there is unchanged');
  t.notOk(existsSync(join(dir, 'i')));
});
