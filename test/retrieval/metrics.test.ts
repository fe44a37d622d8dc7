// Metrics: cases worked by hand, and a slow transcription of the definitions on random runs with many ties.
import fc from 'fast-check';
import t from 'tap';
import {
  averagePrecision,
  evaluateRun,
  ndcg,
  precision,
  rank,
  recall,
  reciprocalRank,
} from '../../retrieval/metrics.js';
import { compareIds } from '../../retrieval/ranking.js';
import type { Hit } from '../../retrieval/types.js';

const near = (a: number, b: number): boolean => Math.abs(a - b) < 1e-12;
const only = (hits: readonly Hit[], judged: Record<string, number>) =>
  evaluateRun(new Map([['q', hits]]), new Map([['q', new Map(Object.entries(judged))]])).mean;

void t.test('worked by hand', async (t) => {
  const ranking = ['a', 'x', 'b', 'y', 'c'];
  const judged = new Map([
    ['a', 1],
    ['b', 3],
    ['c', 2],
    ['d', 1],
    ['y', 0],
    ['x', -1],
  ]);
  // Gains 1 0 3 0 2 against the ideal 3 2 1 1; log2 of 2, 3, 4, 5, 6.
  const ideal = 3 + 2 / Math.log2(3) + 1 / 2 + 1 / Math.log2(5);
  t.ok(near(ndcg(ranking, judged, 10), (1 + 3 / 2 + 2 / Math.log2(6)) / ideal));
  t.ok(near(ndcg(ranking, judged, 3), (1 + 3 / 2) / (3 + 2 / Math.log2(3) + 1 / 2)), 'the ideal is cut at k as well');
  t.ok(near(ndcg(ranking, judged, 1), 1 / 3));
  t.ok(near(recall(ranking, judged, 3), 2 / 4));
  t.ok(near(recall(ranking, judged, 100), 3 / 4));
  t.ok(near(precision(ranking, judged, 10), 3 / 10), 'places not filled count as wrong');
  t.ok(near(averagePrecision(ranking, judged), (1 + 2 / 3 + 3 / 5) / 4));
  t.ok(near(reciprocalRank(['x', 'y', 'b'], judged, 10), 1 / 3));
  t.ok(near(reciprocalRank(['x', 'y', 'b'], judged, 2), 0), 'beyond k');
  t.ok(near(reciprocalRank(['x', 'unjudged'], judged, 10), 0));
});

void t.test('ties go to the larger id, whatever the order of the run', async (t) => {
  const hits = ['d1', 'd10', 'd9', 'd2'].map((id) => ({ id, score: 1 }));
  t.same(rank(hits), ['d9', 'd2', 'd10', 'd1'], 'as strings, not as numbers');
  t.same(rank([{ id: 'a', score: 2 }, ...hits]), ['a', 'd9', 'd2', 'd10', 'd1']);
  t.equal(only(hits, { d9: 1 })['mrr@10'], 1);
  t.equal(only(hits, { d1: 1 })['mrr@10'], 1 / 4);
  t.same(rank([-Infinity, Infinity, -Infinity].map((score, i) => ({ id: `d${i}`, score }))), ['d1', 'd2', 'd0']);
});

void t.test('ids compare as their UTF-8 bytes', async () => {
  // Halves of surrogate pairs alone have no UTF-8.
  const id = fc.string({
    unit: fc.constantFrom('a', 'b', '\u00e9', '\u4e2d', '\ue000', '\uffff', '\u{10000}', '\u{1f600}'),
  });
  fc.assert(
    fc.property(id, id, (a, b) => Math.sign(compareIds(a, b)) === Buffer.compare(Buffer.from(a), Buffer.from(b))),
  );
});

void t.test('queries without hits or without relevant documents count 0', async (t) => {
  const qrels = new Map([
    ['found', new Map([['d', 1]])],
    ['missing', new Map([['d', 1]])],
    ['hopeless', new Map([['d', 0]])],
    ['empty', new Map<string, number>()],
  ]);
  const hit = [{ id: 'd', score: 1 }];
  const run = new Map(['found', 'hopeless', 'empty', 'not judged'].map((query) => [query, hit]));
  const { mean, perQuery } = evaluateRun(run, qrels);
  t.same(mean, { 'ndcg@10': 1 / 4, 'mrr@10': 1 / 4, 'recall@100': 1 / 4, map: 1 / 4, queries: 4 });
  t.same([...perQuery.keys()], [...qrels.keys()]);
  t.same(perQuery.get('hopeless'), { 'ndcg@10': 0, 'mrr@10': 0, 'recall@100': 0, map: 0 });
});

void t.test('a document that is the query itself', async (t) => {
  const run = new Map([['7', ['7', '8'].map((id, i) => ({ id, score: -i }))]]);
  const qrels = new Map([['7', new Map([['8', 1]])]]);
  t.equal(evaluateRun(run, qrels).mean['mrr@10'], 1 / 2, 'kept: both may be mere numbers');
  t.equal(evaluateRun(run, qrels, { dropSelf: true }).mean['mrr@10'], 1);
});

void t.test('refused', async (t) => {
  const hit = { id: 'd', score: 1 };
  t.throws(() => only([hit, hit], { d: 1 }), /query "q" ranks document "d" twice.*merge the hits/);
  t.throws(() => only([{ id: 'd', score: NaN }], { d: 1 }), /query "q", document "d": the score is NaN/);
  t.throws(() => evaluateRun(new Map(), new Map()), /no judged queries/);
});

/** The definitions once more, sharing nothing with the code: ranks by counting better documents, O(n^2) everything. */
function slow(hits: readonly Hit[], judged: ReadonlyMap<string, number>): Record<string, number> {
  const better = (a: Hit, b: Hit): boolean => a.score > b.score || (a.score === b.score && a.id > b.id);
  const rankOf = new Map(hits.map((hit) => [hit.id, 1 + hits.filter((other) => better(other, hit)).length]));
  const relevant = [...judged].filter(([, grade]) => grade > 0).map(([id]) => id);
  const ranks = relevant.map((id) => rankOf.get(id) ?? Infinity);
  const discount = (place: number): number => (place <= 10 ? 1 / Math.log2(place + 1) : 0);
  const ideal = relevant
    .map((id) => judged.get(id) as number)
    .sort((a, b) => b - a)
    .reduce((sum, grade, i) => sum + grade * discount(i + 1), 0);
  const gained = relevant.reduce((sum, id, i) => sum + (judged.get(id) as number) * discount(ranks[i]), 0);
  const first = Math.min(...ranks);
  const precisionAt = (place: number): number => ranks.filter((other) => other <= place).length / place;
  const sumOfPrecisions = ranks.filter(Number.isFinite).reduce((sum, place) => sum + precisionAt(place), 0);
  return {
    'ndcg@10': ideal > 0 ? gained / ideal : 0,
    'mrr@10': first <= 10 ? 1 / first : 0,
    'recall@100': relevant.length > 0 ? ranks.filter((place) => place <= 100).length / relevant.length : 0,
    map: relevant.length > 0 ? sumOfPrecisions / relevant.length : 0,
  };
}

const NAMES = ['ndcg@10', 'mrr@10', 'recall@100', 'map'] as const;
const id = fc.integer({ min: 0, max: 160 }).map(String);
const judgements = fc
  .array(fc.tuple(id, fc.integer({ min: -1, max: 4 })), { maxLength: 40 })
  .map((all) => new Map(all));
const run = fc.uniqueArray(fc.record({ id, score: fc.integer({ min: 0, max: 30 }) }), {
  selector: (hit) => hit.id,
  maxLength: 150,
  size: 'max',
});

void t.test('equal to the slow transcription, with ties, missing and unjudged documents', async () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(run, judgements), { minLength: 1, maxLength: 4 }), (queries) => {
      const { mean, perQuery } = evaluateRun(
        new Map(queries.map(([hits], i) => [`q${i}`, hits])),
        new Map(queries.map(([, judged], i) => [`q${i}`, judged])),
      );
      const wanted = queries.map(([hits, judged]) => slow(hits, judged));
      return NAMES.every((name) => {
        const each = wanted.every((scores, i) => near(scores[name], perQuery.get(`q${i}`)?.[name] ?? NaN));
        const average = wanted.reduce((sum, scores) => sum + scores[name], 0) / wanted.length;
        return each && near(average, mean[name]);
      });
    }),
    { numRuns: 300 },
  );
});

void t.test('the order of the run does not matter, nor does a monotonic change of its scores', async () => {
  const shuffled = run.chain((hits) =>
    fc.tuple(fc.constant(hits), fc.shuffledSubarray(hits, { minLength: hits.length, maxLength: hits.length })),
  );
  fc.assert(
    fc.property(shuffled, judgements, ([hits, others], judged) => {
      const scores = (some: readonly Hit[]) => JSON.stringify(only(some, Object.fromEntries(judged)));
      return (
        scores(hits) === scores(others) &&
        scores(hits) === scores(hits.map(({ id, score }) => ({ id, score: 2 * score + 1 })))
      );
    }),
  );
});
