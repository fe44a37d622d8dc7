// `retromae mine` as a user runs it: lines to train on, from BM25, a model or both, and what is refused.
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { setBackend } from '../../core/index.js';
import { loadModel } from '../../hub/index.js';
import { ReferenceBackend } from '../../kernels/index.js';
import { Bm25, BertEncoder } from '../../retrieval/index.js';
import {
  digest,
  jsonLines,
  ONE_THREAD,
  paragraphs,
  readLines,
  refused,
  start,
  succeed,
  TINY,
  writeBeir,
  writeCorpus,
} from './support.js';

interface Line {
  readonly query: string;
  readonly pos: string[];
  readonly neg: string[];
  readonly query_id: string;
  readonly pos_ids: string[];
  readonly neg_ids: string[];
  readonly pos_scores: number[];
  readonly neg_scores: number[];
}

setBackend(new ReferenceBackend());

const dir = t.testdir({});
/** q0 .. q11, whose positive is the document of their number among d0 .. d39. */
const beir = writeBeir(dir);
const texts = paragraphs(40, 2);
const queries = texts.slice(0, 12).map((text) => text.split('. ')[1]);
const model = join(dir, 'model');
const out = join(dir, 'mined.jsonl');
const DATA = ['--data', beir, '--split', 'test'];
const MINE = ['mine', ...DATA, '--out', out];

const linesOf = (path = out): Line[] => readLines(path);

t.before(async () => {
  const training = ['--vocab-size', '150', '--steps', '10', '--eval-every', '0', '--out', model];
  await succeed('pretrain', ...TINY, '--corpus', writeCorpus(dir), ...training);
});
t.beforeEach(() => rmSync(out, { force: true }));

void t.test('from BM25: the best ranks but the positive, as lines of FlagEmbedding', async (t) => {
  const { stdout, stderr } = await succeed(...MINE, '--from', 'bm25', '--negatives', '4', '--pick', 'top', '--json');
  t.same(JSON.parse(stdout), {
    ...{ queries: 12, negatives: 48, withoutPositive: 0, withoutNegative: 0, filledLines: 0, filled: 0, shortLines: 0 },
    ...{ aboveMargin: 0, equal: 0, from: 'bm25', out },
  });
  t.match(stderr, /queries 12\/12 +100 %/);
  t.match(stderr, /12 queries with 48 negatives in .*mined\.jsonl\./);
  const bm25 = new Bm25(texts.map((text, i) => ({ id: `d${i}`, text })));
  const wanted = queries.map((query, i) => {
    const hits = bm25.search(query, 40).map(({ id, score }, _, [best]) => ({ id, score: score / best.score }));
    const others = hits.filter(({ id }) => id !== `d${i}`).slice(0, 4);
    const own = hits.find(({ id }) => id === `d${i}`)!;
    return {
      ...{ query, pos: [texts[i]], neg: others.map(({ id }) => texts[Number(id.slice(1))]), query_id: `q${i}` },
      ...{ pos_ids: [`d${i}`], neg_ids: others.map(({ id }) => id) },
      ...{ pos_scores: [own.score], neg_scores: others.map(({ score }) => score) },
    };
  });
  t.same(linesOf(), wanted);
  t.same(Object.keys(linesOf()[0]), Object.keys(wanted[0]));
  t.same(
    readdirSync(dir).filter((name) => name.endsWith('.partial')),
    [],
  );
});

void t.test('from a model: its ranking and its scores', async (t) => {
  const flags = ['--from', 'model', '--model', model, '--range', '2-4', '--negatives', '3', '--similarity', 'dot'];
  const { stderr } = await succeed(...MINE, ...ONE_THREAD, ...flags);
  t.match(stderr, /texts 40\/40 +100 %/);
  const loaded = await loadModel(model);
  const encoder = new BertEncoder(loaded.model, loaded.tokenizer, loaded);
  const [documents, asked] = [await encoder.encode(texts), await encoder.encode(queries, { role: 'query' })];
  const score = (q: number, d: number): number => {
    let sum = 0;
    for (let i = 0; i < 32; i++) sum += asked[q * 32 + i] * documents[d * 32 + i];
    return sum;
  };
  let most = 0;
  linesOf().forEach(({ neg_ids, neg_scores, pos_scores }, q) => {
    const order = texts.map((_, d) => ({ d, score: score(q, d) })).sort((a, b) => b.score - a.score);
    const ranks = order.slice(1, 4).filter(({ d }) => d !== q);
    const drawn = neg_ids.slice(0, ranks.length);
    // Two scores that differ in the last bits may change places on another backend.
    const off = drawn.map((id, i) => Math.abs(score(q, Number(id.slice(1))) - ranks[i].score));
    const scores = neg_ids.map((id, i) => Math.abs(score(q, Number(id.slice(1))) - neg_scores[i]));
    most = Math.max(most, ...off, ...scores, Math.abs(score(q, q) - pos_scores[0]));
  });
  t.ok(most < 1e-5, `another backend ranks and scores the same: ${most}`);
});

void t.test('from both, with a margin: scores of the model, all in its bounds', async (t) => {
  const flags = ['--from', 'both', '--model', model, '--range', '1-20', '--negatives', '6', '--margin', '0'];
  const { stdout, stderr } = await succeed(...MINE, ...ONE_THREAD, ...flags, '--json');
  const summary = JSON.parse(stdout) as Record<string, number>;
  t.ok(summary.aboveMargin > 0, stdout);
  t.match(stderr, /candidates score too high by --margin and are left out/);
  const lines = linesOf();
  t.equal(lines.flatMap(({ neg_ids }) => neg_ids).length, summary.negatives);
  for (const { pos_scores, neg_scores, neg_ids } of lines) {
    t.ok(neg_scores.every((score) => score <= pos_scores[0]));
    t.equal(new Set(neg_ids).size, neg_ids.length);
  }
});

void t.test('drawn by seed and id, in any company', async (t) => {
  const drawing = ['--out', out, '--from', 'bm25', '--range', '1-10', '--negatives', '3', '--random', '2'];
  const draw = ['mine', ...DATA, ...drawing];
  await succeed(...draw);
  const [first, lines] = [digest(out), linesOf()];
  t.ok(lines.every(({ neg }) => neg.length === 5));
  await succeed(...draw);
  t.equal(digest(out), first);
  await succeed(...draw, '--seed', '1');
  t.not(digest(out), first);

  const less = join(dir, 'less');
  mkdirSync(less);
  const path = writeBeir(less);
  writeFileSync(join(path, 'qrels', 'train.tsv'), 'query-id\tcorpus-id\tscore\nq7\td7\t1\n');
  await succeed('mine', '--data', path, ...drawing);
  t.same(linesOf(), [lines[7]], 'of --split train by default');
});

void t.test(
  'pairs and a corpus: positives by their text, equal ones never, filled where there are too few',
  async (t) => {
    const corpus = join(dir, 'docs.jsonl');
    const rows = [
      { id: 'a', title: 'Cats', text: 'cats sleep' },
      { id: 'b', text: 'Cats cats sleep' },
      { id: 'c', text: 'cats hunt at night' },
      { id: 'd', text: 'tides follow the moon' },
      { id: 'e', text: 'bread rises' },
    ];
    writeFileSync(corpus, jsonLines(rows));
    const pairs = join(dir, 'pairs.jsonl');
    const asked = [
      { query_id: 'x', query: 'cats', pos: ['Cats cats sleep', 'is nowhere'], neg: ['old'] },
      { query: 'dogs', pos: ['is nowhere'] },
      { query: 'tides and cats', pos: ['tides follow the moon'] },
    ];
    writeFileSync(pairs, jsonLines(asked));
    const flags = ['--pairs', pairs, '--corpus', corpus, '--from', 'bm25', '--negatives', '3', '--out', out];
    const { stdout, stderr } = await succeed('mine', ...flags, '--json');
    t.match(JSON.parse(stdout), {
      ...{ queries: 2, negatives: 6, withoutPositive: 1, filledLines: 2, filled: 3, shortLines: 0, equal: 1 },
    });
    const [x, y] = linesOf();
    t.match(x, { query_id: 'x', pos: ['Cats cats sleep'], pos_ids: ['a'] });
    t.same([x.neg_ids[0], x.neg_ids.slice(1).sort()], ['c', ['d', 'e']]);
    t.equal(y.query_id, `${pairs}:3`);
    t.same([y.neg_ids.slice(0, 2).sort(), y.neg_ids.slice(2)], [['b', 'c'], ['e']]);
    t.match(stderr, /2 positives are not in the corpus and are left out/);
    t.match(stderr, /1 queries have no positive in the corpus and are left out/);
    t.match(stderr, /1 candidates have the text of a positive or of the query/);
    t.match(stderr, /2 lines had too few candidates and were filled with 3 random documents/);
  },
);

void t.test('bad input', async (t) => {
  const lost = join(dir, 'lost');
  mkdirSync(lost);
  const path = writeBeir(lost);
  writeFileSync(join(path, 'qrels', 'train.tsv'), 'query-id\tcorpus-id\tscore\nq1\tnowhere\t1\nq2\td2\t0\n');
  const pairs = join(dir, 'bad.jsonl');
  writeFileSync(pairs, '{"query": "x", "pos": ["y"]}\n{"query": "x", "pos": "y"}\n');
  const corpus = join(beir, 'corpus.jsonl');
  const bm25 = [...MINE, '--from', 'bm25'];
  const elsewhere = ['mine', ...DATA, '--from', 'bm25', '--out'];
  const failing: [args: string[], said: RegExp][] = [
    [['mine', '--data', beir, '--from', 'bm25', '--out', out], /no split "train" \(train\.tsv\); there are test/],
    [['mine', '--data', path, '--from', 'bm25', '--out', out], /none of its 2 queries has a positive document/],
    [['mine', '--pairs', pairs, '--corpus', corpus, '--from', 'bm25', '--out', out], /bad\.jsonl:2: "pos" is "y"/],
    [[...elsewhere, join(dir, 'no', 'folder', 'm')], /no\/folder\/m: cannot be written, the folder around it/],
    [[...elsewhere, model], /model: cannot be written, a folder is in its place/],
    [[...MINE, '--from', 'model', '--model', join(dir, 'nowhere'), ...ONE_THREAD], /config\.json: is not there/],
  ];
  for (const [args, said] of failing) await refused(t, args, said, 1);
  const typed: [args: string[], said: RegExp][] = [
    [MINE, /--from is missing: bm25, model or both/],
    [[...MINE, '--from', 'bm42'], /--from is "bm42"; it must be one of bm25, model, both/],
    [['mine', '--from', 'bm25', '--data', beir], /--out is missing/],
    [['mine', '--from', 'bm25', '--out', out], /--data is missing: a BEIR folder, or --pairs and --corpus/],
    [['mine', '--from', 'bm25', '--out', out, '--pairs', pairs], /--corpus is missing: .* beside --pairs/],
    [['mine', '--from', 'bm25', '--out', out, '--corpus', corpus], /--pairs is missing: .* beside --corpus/],
    [[...bm25, '--pairs', pairs], /--data is for a BEIR folder, --pairs for pairs/],
    [[...MINE, '--from', 'both'], /--model is missing: a model folder, for --from both/],
    [[...MINE, '--from', 'model'], /--model is missing: a model folder, for --from model/],
    [[...bm25, '--model', model], /--model is for a model, but --from bm25 takes none/],
    [[...bm25, '--threads', '1'], /--threads is for a model/],
    [
      [...MINE, '--from', 'model', '--model', model, '--represent', 'dupmae', '--similarity', 'cosine'],
      /--similarity is cosine, but --represent dupmae is compared by dot product alone/,
    ],
    [[...bm25, '--range', '9-3'], /--range is "9-3"; it must be two ranks, the first at least 1/],
    [[...bm25, '--range', '0-3'], /--range is "0-3"; it must be two ranks/],
    [[...bm25, '--range', '10'], /--range is "10"; it must be two ranks/],
    [[...bm25, '--margin', '-0.1'], /--margin is "-0\.1"; it must be a number of at least 0/],
    [[...bm25, '--margin', '101%'], /--margin is "101%"; it must be .* a percentage above 0 %/],
    [[...bm25, '--margin', '0%'], /--margin is "0%"; it must be/],
    [[...bm25, '--margin', 'much'], /--margin is "much"; it must be/],
    [[...bm25, '--negatives', '0'], /--negatives is "0"; it must be an integer of at least 1/],
    [[...bm25, '--pick', 'best'], /--pick is "best"; it must be one of random, top/],
  ];
  for (const [args, said] of typed) await refused(t, args, said, 2);
  t.notOk(existsSync(out), 'nothing is written');
});

void t.test('Ctrl-C leaves nothing behind', async (t) => {
  const pairs = join(dir, 'many.jsonl');
  // Hundreds of groups of queries, so that the signal comes long before the last.
  const asked = texts.flatMap((text, i) => (i < 20 ? [{ query: text.slice(0, 60), pos: [text] }] : []));
  writeFileSync(pairs, jsonLines(Array.from({ length: 5000 }, () => asked).flat()));
  const before = readdirSync(dir);
  const corpus = join(beir, 'corpus.jsonl');
  const run = start(['mine', '--pairs', pairs, '--corpus', corpus, '--from', 'bm25', '--out', out]);
  let said = '';
  run.child.stderr!.on('data', (text: string) => {
    if (!said.includes('queries 256/') && (said += text).includes('queries 256/')) run.child.kill('SIGINT');
  });
  const { code, stderr } = await run;
  t.equal(code, 130, stderr);
  t.match(stderr, 'Stopping; nothing is written.');
  t.same(readdirSync(dir), before);
});

void t.test('a corpus of positives alone has no negatives, and what was there stays', async (t) => {
  const corpus = join(dir, 'only.jsonl');
  writeFileSync(corpus, jsonLines([{ id: 'a', text: 'cats sleep' }]));
  const pairs = join(dir, 'only-pairs.jsonl');
  writeFileSync(pairs, jsonLines([{ query: 'cats', pos: ['cats sleep'] }]));
  writeFileSync(out, 'former');
  await refused(
    t,
    ['mine', '--pairs', pairs, '--corpus', corpus, '--from', 'bm25', '--out', out],
    /no query has a negative in the corpus/,
    1,
  );
  t.equal(readFileSync(out, 'utf8'), 'former');
});
