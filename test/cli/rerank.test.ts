// Cross-encoders from the command line: trained, resumed, reranking, teaching; and what is refused.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { setBackend } from '../../core/index.js';
import { loadCross } from '../../hub/index.js';
import { openBackend } from '../../kernels/index.js';
import { CrossScorer, readTrecRun } from '../../retrieval/index.js';
import {
  digest,
  jsonLines,
  lossesOf,
  meanOf,
  ONE_THREAD,
  paragraphs,
  readLines,
  refused,
  succeed,
  writeBeir,
  writeCorpus,
  writeExamples,
} from './support.js';

interface Stages {
  readonly [stage: string]: { readonly 'ndcg@10': number };
}

const backend = await openBackend('wasm', { threads: 1 });
setBackend(backend);
t.teardown(() => backend.close());
const dir = t.testdir({});
const corpus = writeCorpus(dir);
const beir = writeBeir(dir);
const cross = join(dir, 'cross');
const examples = writeExamples(dir, 100);
const texts = paragraphs(200);
const shape = [
  '--model',
  'bert',
  '--layers',
  '1',
  '--width',
  '32',
  '--heads',
  '2',
  '--vocab-size',
  '150',
  '--seq',
  '128',
];
const run = [
  ...ONE_THREAD,
  '--examples',
  examples,
  '--method',
  'cross',
  ...shape,
  '--negatives',
  '2',
  '--batch',
  '8',
  '--lr',
  '3e-3',
];

t.before(async () => {
  await succeed('finetune', ...run, '--steps', '60', '--out', cross);
});

void t.test('it learns which passage has the sentence, and goes on to the same bits', async (t) => {
  const losses = lossesOf(cross);
  const [first, last] = [meanOf(losses.slice(0, 10)), meanOf(losses.slice(-10))];
  t.ok(last < first - 0.05, `${first} to ${last}`);
  const shorter = join(dir, 'shorter');
  await succeed('finetune', ...run, '--schedule', 'constant', '--warmup', '0', '--steps', '6', '--out', shorter);
  await succeed('finetune', '--resume', '--out', shorter, '--steps', '12');
  const longer = join(dir, 'longer');
  await succeed('finetune', ...run, '--schedule', 'constant', '--steps', '12', '--out', longer, '--warmup', '0');
  t.equal(digest(join(shorter, 'model.safetensors')), digest(join(longer, 'model.safetensors')));
  t.match(JSON.parse(readFileSync(join(cross, 'config.json'), 'utf8')), {
    architectures: ['BertForSequenceClassification'],
  });
});

void t.test('BM25, and three stages', async (t) => {
  const words = join(dir, 'words');
  await succeed(
    'finetune',
    ...ONE_THREAD,
    '--corpus',
    corpus,
    '--vocab-size',
    '150',
    '--width',
    '16',
    '--steps',
    '10',
    '--batch',
    '8',
    '--out',
    words,
  );
  const { stdout } = await succeed(
    'rerank',
    ...ONE_THREAD,
    '--model',
    cross,
    '--data',
    beir,
    '--depth',
    '20',
    '--json',
  );
  const { BM25, reranked, intervals, differences } = JSON.parse(stdout) as Record<
    string,
    { 'ndcg@10': number; queries: number }
  >;
  type Intervals = Record<string, { 'ndcg@10': { low: number; mean: number; high: number } }>;
  const own = (intervals as unknown as Intervals).reranked['ndcg@10'];
  t.ok(Math.abs(own.mean - reranked['ndcg@10']) < 1e-12 && own.low <= own.mean && own.mean <= own.high);
  const bought = (differences as unknown as Intervals)['reranked - BM25']['ndcg@10'];
  t.ok(Math.abs(bought.mean - (reranked['ndcg@10'] - BM25['ndcg@10'])) < 1e-12 && bought.low <= bought.high);
  t.equal(BM25.queries, 12);
  t.ok(reranked['ndcg@10'] > 0 && reranked['ndcg@10'] <= 1);
  const table = await succeed(
    'rerank',
    ...ONE_THREAD,
    '--model',
    cross,
    '--data',
    beir,
    '--first',
    words,
    '--depth',
    '5',
  );
  t.match(table.stdout, /nDCG@10 .*\nfused .*\nreranked .*\n12 queries; nDCG@10 of reranking, paired: [+-]/);
  const none = await succeed('rerank', ...ONE_THREAD, '--model', cross, '--data', beir, '--depth', '1', '--json');
  const one = JSON.parse(none.stdout) as Record<string, { 'ndcg@10': number }>;
  t.equal(one.reranked['ndcg@10'], one.BM25['ndcg@10'], 'one hit has one order');
  const kept = ['--first-weight', '1', '--json'];
  const last = await succeed('rerank', ...ONE_THREAD, '--model', cross, '--data', beir, ...kept);
  const same = JSON.parse(last.stdout) as Stages;
  t.same(same.reranked, same.BM25, 'the first stage alone');
  writeFileSync(join(beir, 'qrels', 'train.tsv'), 'query-id\tcorpus-id\tscore\nq9\td1\t1\n');
  const apart = ['rerank', ...ONE_THREAD, '--model', cross, '--data', beir, ...kept.slice(0, 2), '--overlap', 'train'];
  const parts = await succeed(...apart);
  t.match(
    parts.stdout,
    /\n1 of the 12 queries share a relevant document with train:\nBM25 .*\nreranked .*\n11 do not:/,
  );
  const { overlap } = JSON.parse((await succeed(...apart, '--json')).stdout) as Record<'overlap', object>;
  t.match(overlap, { split: 'train', sharing: { queries: 1, reranked: { queries: 1 } }, others: { queries: 11 } });
});

void t.test('runs in files: what was reranked is a first stage again', async (t) => {
  const [out, again] = [join(dir, 'out.run'), join(dir, 'again.run')];
  const common = ['rerank', ...ONE_THREAD, '--model', cross, '--data', beir, '--json'];
  const first = JSON.parse((await succeed(...common, '--depth', '20', '--out', out)).stdout) as Stages;
  const second = JSON.parse(
    (await succeed(...common, '--from', out, '--depth', '20', '--out', again)).stdout,
  ) as Stages;
  t.same(second.run, first.reranked, 'the run is what was measured');
  t.same(second.reranked, first.reranked, 'and its order is that of the same model');
  const lines = readFileSync(out, 'utf8').trimEnd().split('\n');
  t.equal(new Set(lines.map((line) => line.split(' ')[0])).size, 12);
  t.match(lines[0], /^q0 Q0 d\d+ 1 \S+ retromae-rerank$/);
  t.same(
    (await readTrecRun(again)).get('q3')!.slice(0, 20),
    (await readTrecRun(out)).get('q3')!.slice(0, 20),
    'with the same scores',
  );
  const part = join(dir, 'part.run');
  writeFileSync(part, 'q1 Q0 d1 1 2 x\n');
  const { stdout, stderr } = await succeed(...common, '--from', part);
  t.match(stderr, /part\.run: has no hits for 11 of the 12 queries; they count 0\./);
  t.equal((JSON.parse(stdout) as Stages).run['ndcg@10'], 1 / 12);
  writeFileSync(part, 'q1 Q0 other 1 2 x\n');
  await refused(t, [...common, '--from', part], /query "q1" has the document "other", which the corpus lacks/, 1);
  writeFileSync(part, 'p1 Q0 d1 1 2 x\n');
  await refused(t, [...common, '--from', part], /has hits for none of the 12 queries/, 1);
});

void t.test('queries that are documents do not find themselves', async (t) => {
  const own = join(dir, 'self');
  cpSync(beir, own, { recursive: true });
  const ids = (path: string, from: RegExp, to: string) =>
    writeFileSync(join(own, path), readFileSync(join(own, path), 'utf8').replace(from, to));
  // Query 3 is called as document 3, which is then no answer of it but itself.
  ids('queries.jsonl', /"q3"/, '"d3"');
  ids('qrels/test.tsv', /q3\td3/, 'd3\td30');
  const [out, again] = [join(dir, 'self.run'), join(dir, 'self-again.run')];
  const common = ['rerank', ...ONE_THREAD, '--model', cross, '--data', own, '--depth', '20'];
  const with_ = await succeed(...common, '--out', out);
  t.match(with_.stderr, /1 of 12 query ids are ids of documents too .* give --drop-self/);
  t.ok((await readTrecRun(out)).get('d3')!.some(({ id }) => id === 'd3'));
  const without = await succeed(...common, '--out', again, '--drop-self');
  t.notMatch(without.stderr, /drop-self/);
  t.notOk((await readTrecRun(again)).get('d3')!.some(({ id }) => id === 'd3'));
  const from = await succeed(...common, '--from', out, '--drop-self', '--out', again, '--json');
  t.notOk(
    (await readTrecRun(again)).get('d3')!.some(({ id }) => id === 'd3'),
    'a run in a file likewise',
  );
  t.equal((JSON.parse(from.stdout) as Stages).run['ndcg@10'] > 0, true);
});

void t.test('one question', async (t) => {
  const common = ['rerank', ...ONE_THREAD, '--model', cross, '--corpus', join(beir, 'corpus.jsonl')];
  const words = texts[0].split(' ').slice(0, 4).join(' ');
  const { stdout } = await succeed(...common, '--query', words, '--top', '3', '--json');
  const hits = JSON.parse(stdout) as { id: string; score: number; text: string }[];
  t.equal(hits.length, 3);
  const { model, tokenizer, maxLength } = await loadCross(cross);
  const scores = await new CrossScorer(model, tokenizer, { maxLength }).scores(
    words,
    hits.map(({ text }) => text),
  );
  hits.forEach(({ score }, i) => t.ok(Math.abs(score - scores[i]) < 1e-5, `${score} ${scores[i]}`));
  t.ok(hits.every(({ score }, i) => i === 0 || score <= hits[i - 1].score));
  const shown = await succeed(...common, '--query', words, '--top', '2');
  t.equal(shown.stdout.trimEnd().split('\n').length, 2);
  t.ok(shown.stdout.startsWith(`${hits[0].score.toFixed(4)}  ${hits[0].id}  `));
  t.match((await succeed(...common, '--query', 'zeppelin')).stderr, /No document has a word of the query\./);
  const sigmoid = join(dir, 'sigmoid');
  cpSync(cross, sigmoid, { recursive: true });
  const config = JSON.parse(readFileSync(join(sigmoid, 'config.json'), 'utf8')) as object;
  const asks = { sentence_transformers: { activation_fn: 'torch.nn.modules.activation.Sigmoid' } };
  writeFileSync(join(sigmoid, 'config.json'), JSON.stringify({ ...config, ...asks }));
  const put = await succeed(...common, '--model', sigmoid, '--query', words, '--top', '3', '--json');
  const through = JSON.parse(put.stdout) as typeof hits;
  t.same(
    through.map(({ id }) => id),
    hits.map(({ id }) => id),
  );
  through.forEach(({ score }, i) => t.ok(Math.abs(score - 1 / (1 + Math.exp(-hits[i].score))) < 1e-6, String(score)));
});

void t.test('its scores teach a bi-encoder', async (t) => {
  const taught = join(dir, 'taught.jsonl');
  await succeed('rerank', ...ONE_THREAD, '--model', cross, '--teacher', examples, '--out', taught);
  const scores = () =>
    readLines<{ pos_scores: number[]; neg_scores: number[] }>(taught).map(({ pos_scores, neg_scores }) => ({
      pos_scores,
      neg_scores,
    }));
  const before = scores();
  t.equal(before.length, 100);
  t.match(before[0], { pos_scores: [Number], neg_scores: [Number, Number] });
  await succeed('rerank', ...ONE_THREAD, '--model', cross, '--teacher', taught, '--out', taught);
  t.same(scores(), before, 'over itself, to the same scores');
  const kept = join(dir, 'kept.jsonl');
  writeFileSync(
    kept,
    jsonLines([
      { source: { name: 'web' }, query: 'a', pos: ['b'], pos_scores: [9], query_id: 7, neg: ['c'], prompt: null },
      { query: 'a', pos: ['b'] },
    ]),
  );
  await succeed('rerank', ...ONE_THREAD, '--model', cross, '--teacher', kept, '--out', kept);
  const [first, second] = readLines<object>(kept);
  const score = [Number];
  const fields = { query: 'a', pos: ['b'], pos_scores: score };
  t.match(first, { ...fields, source: { name: 'web' }, query_id: 7, neg: ['c'], neg_scores: score, prompt: null });
  t.match(second, { ...fields, query_id: /kept\.jsonl:2$/, neg: [], neg_scores: [] });
  const flags = [
    '--method',
    'distill',
    '--distill-loss',
    'margin-mse',
    '--negatives',
    '2',
    '--vocab-size',
    '150',
    '--width',
    '16',
  ];
  await succeed(
    'finetune',
    ...ONE_THREAD,
    '--examples',
    taught,
    ...flags,
    '--batch',
    '8',
    '--steps',
    '5',
    '--out',
    join(dir, 'student'),
  );
});

void t.test('refusals', async (t) => {
  const out = join(dir, 'none');
  const common = ['finetune', ...ONE_THREAD, '--method', 'cross', '--out', out];
  await refused(t, [...common, '--examples', examples], /--model is "static"; it must be bert or a folder/, 2);
  await refused(t, [...common, '--corpus', corpus, '--model', 'bert'], /--method is "cross"; it must be dpr/, 2);
  await refused(
    t,
    [...common, '--examples', examples, '--model', 'bert', '--cache-chunk', '3'],
    /--cache-chunk is 3; it must be left out/,
    2,
  );
  await refused(
    t,
    [...common, '--examples', examples, '--model', 'bert', '--init-words', dir],
    /--init-words is .*; it must be left out: give as --model the folder/,
    2,
  );
  await refused(t, [...common, '--examples', beir, '--judged', 'test', ...shape], /no example has a negative/);
  await refused(t, ['rerank', '--model', cross], /--data is missing/, 2);
  await refused(t, ['rerank', '--model', cross, '--teacher', examples], /--out is missing/, 2);
  await refused(
    t,
    ['rerank', '--model', cross, '--data', beir, '--teacher', examples],
    /--data and --teacher both say/,
    2,
  );
  const misplaced: [string[], RegExp][] = [
    [['--teacher', examples, '--out', out, '--first', dir], /--first has no meaning with --teacher\. Leave it out\./],
    [['--teacher', examples, '--out', out, '--first-weight', '0'], /--first-weight has no meaning with --teacher/],
    [['--data', beir, '--overlap', 'test'], /--overlap is test, the split that is reported/],
    [['--data', beir, '--first-weight', '2'], /--first-weight is "2"; it must be a number from 0 to 1/],
    [['--teacher', examples, '--out', out, '--depth', '3'], /--depth has no meaning with --teacher/],
    [['--query', 'a', '--corpus', corpus, '--out', out], /--out has no meaning with --query/],
    [['--data', beir, '--corpus', corpus], /--corpus has no meaning with --data/],
    [['--query', 'a'], /--corpus is missing/],
    [['--data', beir, '--from', examples, '--first', dir], /--from and --first both say what the first stage is/],
    [['--data', beir, '--fuse-weight', '0.3'], /--fuse-weight is for BM25 beside vectors/],
  ];
  for (const [flags, said] of misplaced) await refused(t, ['rerank', '--model', cross, ...flags], said, 2);
  await refused(t, ['rerank', '--model', dir, '--data', beir], /config\.json/);
  const encode = ['encode', ...ONE_THREAD, '--model', cross, '--corpus', corpus, '--out', join(dir, 'none.index')];
  await refused(t, encode, /is a cross-encoder, which scores pairs and makes no vectors/, 1);
});
