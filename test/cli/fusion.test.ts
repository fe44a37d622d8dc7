// `retromae eval` and `search` with BM25 fused, the weight learnt on another split, and queries that splits share.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { documentText, loadBeir } from '../../data/index.js';
import { Bm25, evaluateBm25, loadIndex, weightedFusion, type FlatIndex, type Hit } from '../../retrieval/index.js';
import { jsonLines, ONE_THREAD, paragraphs, refused, succeed, TINY, writeCorpus } from './support.js';

const dir = t.testdir({});
const corpus = writeCorpus(dir);
const [model, index, beir] = ['model', 'corpus.index', 'beir'].map((name) => join(dir, name));
const evaluate = ['eval', ...ONE_THREAD, '--model', model, '--data', beir];
const search = ['search', ...ONE_THREAD, '--model', model, '--index', index, '--query', paragraphs(200)[17]];
const HEADER = 'query-id\tcorpus-id\tscore\n';

interface Reported {
  readonly [name: string]: unknown;
  readonly bm25: object;
  readonly fused: { readonly weight: number };
  readonly learnt: { readonly weight: number; readonly plateau: number[]; readonly curve: object[] };
  readonly intervals: Record<string, Record<string, object>>;
  readonly differences: Record<string, Record<string, { readonly mean: number }>>;
}
const json = async (...flags: string[]): Promise<Reported> =>
  JSON.parse((await succeed(...evaluate, ...flags, '--json')).stdout) as Reported;

/** A folder of 40 documents, with a test of 12 queries and a training split of 10 others, 4 of which ask for documents of the test. */
function writeSplits(): void {
  mkdirSync(join(beir, 'qrels'), { recursive: true });
  const texts = paragraphs(40, 2);
  writeFileSync(join(beir, 'corpus.jsonl'), jsonLines(texts.map((text, i) => ({ _id: `d${i}`, text }))));
  const asked = (id: string, i: number, sentence: number) => ({ _id: id, text: texts[i].split('. ')[sentence] });
  const test = Array.from({ length: 12 }, (_, i) => asked(`q${i}`, i, 1));
  const train = Array.from({ length: 10 }, (_, i) => asked(`t${i}`, i + 8, 2));
  writeFileSync(join(beir, 'queries.jsonl'), jsonLines([...test, ...train]));
  const rows = (id: string, count: number, from: number) =>
    Array.from({ length: count }, (_, i) => `${id}${i}\td${i + from}\t1\n`).join('');
  writeFileSync(join(beir, 'qrels', 'test.tsv'), HEADER + rows('q', 12, 0));
  writeFileSync(join(beir, 'qrels', 'train.tsv'), HEADER + rows('t', 10, 8));
  writeFileSync(join(beir, 'qrels', 'dev.tsv'), `${HEADER}t0\td8\t1\nq3\td3\t1\n`);
}

t.before(async () => {
  writeSplits();
  await succeed(
    ...['pretrain', ...TINY, '--corpus', corpus, '--vocab-size', '150'],
    ...['--steps', '20', '--eval-every', '0', '--out', model],
  );
  await succeed('encode', ...ONE_THREAD, '--model', model, '--corpus', corpus, '--out', index);
});

void t.test('eval: a row for the fusion, and differences from either side', async (t) => {
  const cells = '(\\d\\.\\d{3} \\[\\d\\.\\d{3}, \\d\\.\\d{3}\\] *){4}$';
  const { stdout, stderr } = await succeed(...evaluate, '--fuse', 'rrf');
  for (const name of [model, 'BM25', 'fused \\(rrf\\)']) t.match(stdout, new RegExp(`^${name} +${cells}`, 'm'));
  for (const other of ['BM25', 'the model'])
    t.match(stdout, new RegExp(`^nDCG@10 of the fusion against ${other}, paired: [+-]\\d\\.\\d{3} \\[`, 'm'));
  t.notMatch(stdout, /nDCG@10 against/);
  t.match(stderr, /^4 of 12 queries share a relevant document with the split train; .*--overlap train/m);
  const weighted = await succeed(...evaluate, '--fuse', 'weighted');
  t.match(weighted.stdout, /^fused \(weighted, BM25 0\.7\) /m, 'the weight that is not given');
});

void t.test('eval --json: of either side alone where the weight is all or nothing', async (t) => {
  const plain = await json('--baseline', 'bm25');
  const keys = Object.keys(plain.bm25);
  const all = await json('--fuse', 'weighted', '--fuse-weight', '1');
  t.match(all, plain, 'what was there is there');
  t.match(all.fused, { ...plain.bm25, map: Number, 'recall@100': Number, method: 'weighted', weight: 1 });
  t.same(Object.keys(all.intervals), ['model', 'bm25', 'fused']);
  t.same(Object.keys(all.differences), ['fused - bm25', 'fused - model']);
  t.same(Object.keys(all.intervals.fused).sort(), keys.filter((key) => key !== 'queries').sort());
  t.same(all.differences['fused - bm25']['ndcg@10'], { mean: 0, low: 0, high: 0 });
  const none = await json('--fuse', 'weighted', '--fuse-weight', '0');
  t.same(none.differences['fused - model']['ndcg@10'], { mean: 0, low: 0, high: 0 });
  const gain = none.differences['fused - bm25']['ndcg@10'].mean;
  t.ok(Math.abs(gain - ((none['ndcg@10'] as number) - (none.bm25 as { 'ndcg@10': number })['ndcg@10'])) < 1e-9);
  t.notOk('learnt' in all || 'overlap' in all || 'fused' in plain);
});

void t.test('eval --learn-fuse-on: the weight comes from another split', async (t) => {
  const learnt = await json('--fuse', 'weighted', '--learn-fuse-on', 'train');
  const { weight, plateau, curve } = learnt.learnt;
  t.match(learnt.learnt, { split: 'train', queries: 10 });
  t.equal(curve.length, 21);
  t.ok(Math.abs(weight - (plateau[0] + plateau[1]) / 2) < 1e-12);
  const bm25 = evaluateBm25(await loadBeir(beir, { split: 'train' })).mean['ndcg@10'];
  t.match(curve[20], { weight: 1 });
  t.ok(Math.abs((curve[20] as { value: number }).value - bm25) < 1e-12, 'with weight 1 BM25 is left, on that split');
  t.equal(learnt.fused.weight, weight);
  t.match((await json('--fuse', 'weighted', '--fuse-weight', String(weight))).fused, learnt.fused);
  const { stdout } = await succeed(...evaluate, '--fuse', 'weighted', '--learn-fuse-on', 'train');
  t.match(stdout, `The weight of BM25, ${weight}, was learnt on the 10 queries of train: nDCG@10 is `);
});

void t.test('eval --overlap: the queries that share a document apart', async (t) => {
  const flags = ['--fuse', 'rrf', '--overlap', 'train'];
  const { stdout, stderr } = await succeed(...evaluate, ...flags);
  t.match(
    stdout,
    /^4 of the 12 queries share a relevant document with train:\n.*\nBM25 .*\nfused .*\n8 do not:\n(.*\n){3}$/m,
  );
  t.notMatch(stderr, /share a relevant document/);
  const found = (await json(...flags)) as unknown as {
    overlap: Record<'sharing' | 'others', { queries: number; model: Record<string, number> }>;
    'mrr@10': number;
  };
  const { sharing, others } = found.overlap;
  t.match(found.overlap, { split: 'train', sharing: { queries: 4 }, others: { queries: 8 } });
  t.same(Object.keys(sharing), ['queries', 'model', 'bm25', 'fused']);
  t.match(sharing.model, { queries: 4 });
  const mean = (4 * sharing.model['mrr@10'] + 8 * others.model['mrr@10']) / 12;
  t.ok(Math.abs(mean - found['mrr@10']) < 1e-12, 'the parts make the whole');
  const all = await json('--split', 'dev', '--overlap', 'test');
  t.match(all, { overlap: { sharing: { queries: 2 }, others: { queries: 0 } } });
  t.notOk('model' in (all.overlap as { others: object }).others, 'no figure of no queries');
});

void t.test('eval says of a damaged training split that it knows nothing of it', async (t) => {
  const damaged = join(dir, 'damaged');
  cpSync(beir, damaged, { recursive: true });
  writeFileSync(join(damaged, 'qrels', 'train.tsv'), `${HEADER}t0\td1\tgood\n`);
  const args = ['eval', ...ONE_THREAD, '--model', model, '--data', damaged];
  const { stdout, stderr } = await succeed(...args);
  t.match(stderr, /^Whether queries share documents with the split train is not known: .*train\.tsv:2: expected/m);
  t.match(stdout, /^12 queries;/m);
  await refused(t, [...args, '--overlap', 'train'], /train\.tsv:2: expected/, 1);
});

void t.test('search --fuse: the best of both, as their scores come to', async (t) => {
  const flags = ['--corpus', corpus, '--fuse', 'weighted', '--fuse-weight', '0.4'];
  const found = JSON.parse((await succeed(...search, ...flags, '--top', '7', '--json')).stdout) as Hit[];
  const documents = readFileSync(corpus, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { id: string; text: string });
  const { ids, vectors, dim } = (await loadIndex(index)) as FlatIndex;
  // The query is the text of p17, so that its vector is that of p17; that of the command may differ by its last bit.
  const row = (doc: number): number[] => Array.from(vectors.subarray(doc * dim, (doc + 1) * dim));
  const query = row(ids.indexOf('p17'));
  const dense = ids.map((id, doc) => ({ id, score: row(doc).reduce((sum, x, i) => sum + x * query[i], 0) }));
  const bm25 = new Bm25(documents.map((one) => ({ id: one.id, text: documentText(one) })));
  const wanted = weightedFusion(bm25.search(paragraphs(200)[17], 200), dense, { weight: 0.4 }).slice(0, 7);
  t.same(
    found.map(({ id }) => id),
    wanted.map(({ id }) => id),
  );
  t.ok(found.every(({ score }, i) => Math.abs(score - wanted[i].score) < 1e-5));
  t.match(found[0], { id: 'p17', text: documents[17].text });
  const { stdout } = await succeed(...search, '--corpus', corpus, '--fuse', 'rrf');
  t.match(stdout, /^0\.0328 {2}p17 {2}/, '2 / 61');
  t.equal(stdout.trimEnd().split('\n').length, 10);
});

void t.test('what is refused', async (t) => {
  const other = join(dir, 'other.jsonl');
  const texts = paragraphs(200).map((text, i) => ({ id: i === 4 ? 'new' : `p${i}`, text }));
  writeFileSync(other, jsonLines([...texts.slice(0, 199), { id: 'newer', text: 'x' }]));
  const files = ['--corpus', corpus, '--queries', corpus, '--qrels', join(beir, 'qrels', 'test.tsv')];
  const weighted = ['--fuse', 'weighted'];
  const cases: [args: string[], said: RegExp][] = [
    [[...evaluate, '--fuse', 'sum'], /--fuse is "sum"; it must be one of rrf, weighted/],
    [[...evaluate, ...weighted, '--fuse-weight', '1.5'], /--fuse-weight is "1.5"; it must be a number from 0 to 1/],
    [
      [...evaluate, '--fuse-weight', '0.5'],
      /--fuse-weight is 0.5, but there is nothing to weigh. Give --fuse weighted/,
    ],
    [[...evaluate, '--fuse', 'rrf', '--fuse-weight', '0.5'], /nothing to weigh/],
    [
      [...evaluate, '--fuse', 'rrf', '--learn-fuse-on', 'train'],
      /--learn-fuse-on learns a weight. Give --fuse weighted/,
    ],
    [[...evaluate, ...weighted, '--fuse-weight', '1', '--learn-fuse-on', 'train'], /Leave one of them out/],
    [[...evaluate, ...weighted, '--learn-fuse-on', 'test'], /--learn-fuse-on is test, the split that is reported/],
    [
      [...evaluate, ...weighted, '--learn-fuse-on', 'dev'],
      /--learn-fuse-on is dev, of whose queries 1 are reported too \(the first is "q3"\). .* name another split/,
    ],
    [[...evaluate, '--overlap', 'test'], /--overlap is test, the split that is reported/],
    [[...evaluate, '--split', 'train', '--overlap', 'train'], /--overlap is train, the split/],
    [['eval', '--model', model, ...files, '--overlap', 'train'], /--overlap names a split of a folder. Give --data/],
    [['eval', '--model', model, ...files, ...weighted, '--learn-fuse-on', 'dev'], /--learn-fuse-on names a split/],
    [[...search, '--fuse', 'rrf'], /--corpus is missing: the encoded texts, which BM25 searches/],
    [[...search, '--corpus', corpus, '--fuse-weight', '0.5'], /nothing to weigh/],
    [
      [...search, '--corpus', other, '--fuse', 'rrf'],
      /--corpus is not what --index was made of: 2 documents of the index are not in --corpus \(the first is "p4"\), 2 documents of --corpus are not in the index \(the first is "new"\)/,
    ],
  ];
  for (const [args, said] of cases) await refused(t, args, said, 2);
  await refused(t, [...evaluate, ...weighted, '--learn-fuse-on', 'val'], /no split "val".*dev, test, train/, 1);
  await refused(t, [...evaluate, '--overlap', 'val'], /no split "val".*dev, test, train/, 1);
});
