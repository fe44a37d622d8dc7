// Fusion: numbers computed by hand, what must hold for any scores, the weight that is learnt, and evaluation with it.
import fc from 'fast-check';
import t from 'tap';
import {
  Bm25,
  compareHits,
  evaluateBm25,
  evaluateEncoder,
  evaluateFusion,
  evaluateRun,
  FlatIndex,
  fuse,
  learnFusionWeight,
  partOf,
  reciprocalRankFusion,
  searchBoth,
  sharingQueries,
  weightedFusion,
  type Encoder,
  type Hit,
  type Sides,
} from '../../retrieval/index.js';

const hits = (scores: Record<string, number>): Hit[] => Object.entries(scores).map(([id, score]) => ({ id, score }));
const ids = (list: readonly Hit[]): string => list.map(({ id }) => id).join(' ');
const sides = (bm25: Record<string, number>, dense: Record<string, number>): Sides => ({
  bm25: hits(bm25),
  dense: hits(dense),
  rest: [],
});

void t.test('reciprocal ranks, by hand', async (t) => {
  const runs = [hits({ c: 0.1, a: 9, b: 3 }), hits({ d: -7, b: -2 })];
  const wanted = { b: 1 / 62 + 1 / 61, a: 1 / 61, d: 1 / 62, c: 1 / 63 };
  t.same(
    reciprocalRankFusion(runs),
    hits(wanted).map(({ id, score }) => ({ id, score: Math.fround(score) })),
  );
  const weighted = reciprocalRankFusion(runs, { k: 1, weights: [2, 0.5] });
  t.same(weighted, [
    { id: 'a', score: 1 },
    { id: 'b', score: Math.fround(2 / 3 + 0.25) },
    { id: 'c', score: 0.5 },
    { id: 'd', score: Math.fround(0.5 / 3) },
  ]);
  t.equal(ids(reciprocalRankFusion([hits({ a: 1, b: 0 }), hits({ b: 1, a: 0 })])), 'b a', 'ties by id, descending');
  t.equal(ids(reciprocalRankFusion([hits({ a: 1, b: 1 })])), 'b a', 'within a run as well');
  t.same(reciprocalRankFusion([]), []);
  t.same(ids(reciprocalRankFusion([[], hits({ a: 2 })])), 'a');
});

void t.test('weighted scores, by hand', async (t) => {
  const bm25 = hits({ a: 8, b: 4, c: 2 });
  const dense = hits({ b: 8, d: 6, a: 4 });
  const all = [...dense, { id: 'c', score: 2 }];
  const half = { weight: 0.5 };
  t.same(weightedFusion(bm25, all, half), hits({ b: 0.75, a: 0.75, d: 0.375, c: 0.25 }), 'divided by the best');
  t.same(weightedFusion(bm25, all, { weight: 0.75 }), hits({ a: 0.875, b: 0.625, c: 0.25, d: 0.1875 }));
  t.same(weightedFusion(bm25, dense, half), hits({ b: 0.75, a: 0.75, d: 0.375, c: 0.375 }), 'c counts as the worst, a');
  t.same(
    weightedFusion(bm25, all, { ...half, scaling: 'minmax' }),
    hits({ b: 0.75, a: 0.5 + 1 / 6, d: 1 / 3, c: 0.125 }),
    'stretched: of BM25 the worst is the 0 of d',
  );
  const distances = hits({ a: -5, b: -1, c: -3, d: -5 });
  t.same(weightedFusion(bm25, distances, half), hits({ b: 0.75, a: 0.5, c: 0.375, d: 0 }), 'a best of -1 is stretched');
  t.same(weightedFusion(bm25, dense), weightedFusion(bm25, dense, { weight: 0.7, scaling: 'max' }), 'the defaults');
  t.same(weightedFusion(bm25, [], half), hits({ a: 0.5, b: 0.25, c: 0.125 }), 'no vectors');
  t.same(weightedFusion([], dense, half), hits({ b: 0.5, d: 0.375, a: 0.25 }), 'no term is shared');
  t.same(weightedFusion([], []), []);
  t.same(
    weightedFusion(hits({ a: 3 }), hits({ a: -2 }), half),
    hits({ a: 0.5 }),
    'equal scores, which cannot be stretched',
  );
  t.same(weightedFusion([], hits({ a: 0, b: 0 }), half), hits({ b: 0, a: 0 }));
});

/** Hits of distinct documents, with scores among which are equal ones; of BM25 all are positive. */
const run = (least: number): fc.Arbitrary<Hit[]> =>
  fc.uniqueArray(
    fc.record({ id: fc.stringMatching(/^[a-l]$/), score: fc.integer({ min: least, max: 9 }).map((n) => n / 8) }),
    { selector: ({ id }) => id },
  );
const shuffled = (list: readonly Hit[]): Hit[] => [...list].sort((a, b) => (a.id < b.id ? -1 : 1));

void t.test('whatever the scores', async () => {
  const scaling = fc.constantFrom('max', 'minmax' as const);
  const task = fc.record({ bm25: run(1), dense: run(-9), weight: fc.integer({ min: 0, max: 20 }), scaling });
  fc.assert(
    fc.property(task, ({ bm25, dense, weight, scaling }) => {
      const fused = weightedFusion(bm25, dense, { weight: weight / 20, scaling });
      const ranks = reciprocalRankFusion([bm25, dense]);
      const order = (list: readonly Hit[]): string => ids([...list].sort(compareHits));
      const all = new Set([...bm25, ...dense].map(({ id }) => id));
      const lacking = [...all].filter((id) => !dense.some((hit) => hit.id === id));
      const known = [...dense, ...lacking.map((id) => ({ id, score: -10 }))];
      const lexical = weightedFusion(bm25, dense, { weight: 1, scaling: 'max' });
      const double = bm25.map(({ id, score }) => ({ id, score: 4 * score }));
      const same = (a: readonly Hit[], b: readonly Hit[]): boolean => JSON.stringify(a) === JSON.stringify(b);
      return [
        // Every candidate once, in the house's order, which the order of input does not touch.
        fused.length === all.size && ranks.length === all.size,
        ids(fused) === order(fused) && ids(ranks) === order(ranks),
        same(fused, weightedFusion(shuffled(bm25), shuffled(dense), { weight: weight / 20, scaling })),
        same(ranks, reciprocalRankFusion([shuffled(dense), shuffled(bm25)])),
        fused.every(({ score }) => Number.isFinite(score)),
        // One side alone: its hits first, as it has them.
        ids(lexical.slice(0, bm25.length)) === order(bm25),
        ids(weightedFusion(bm25, known, { weight: 0, scaling })) === order(known),
        same(fused, weightedFusion(double, dense, { weight: weight / 20, scaling })),
      ].every(Boolean);
    }),
    { numRuns: 500 },
  );
});

void t.test('scores that float32 tells apart stay apart at weight 1', async (t) => {
  const close = Array.from({ length: 1000 }, (_, i) => ({ id: `d${i}`, score: Math.fround(16 + i * 2 ** -19) }));
  t.equal(
    ids(weightedFusion([...close, { id: 'best', score: 31 }], [], { weight: 1 })),
    `best ${ids(close.reverse())}`,
  );
});

void t.test('what is refused', async (t) => {
  const bad = [NaN, Infinity, -Infinity];
  for (const score of bad) {
    t.throws(() => weightedFusion(hits({ a: 1 }), hits({ b: score })), /the vectors gives? document "b" the score/);
    t.throws(() => weightedFusion(hits({ b: score }), []), /BM25 gives document "b" the score (NaN|-?Infinity)/);
    t.throws(() => reciprocalRankFusion([[], hits({ b: score })]), /run 1 gives document "b"/);
  }
  const twice = [...hits({ a: 1 }), ...hits({ a: 2 })];
  t.throws(() => weightedFusion(twice, []), /BM25 ranks document "a" twice; merge/);
  t.throws(() => reciprocalRankFusion([twice]), /run 0 ranks document "a" twice/);
  for (const weight of [-0.1, 1.1, NaN]) t.throws(() => weightedFusion([], [], { weight }), /weight = .*, expected 0/);
  t.throws(() => weightedFusion([], [], { scaling: 'z' as 'max' }), /scaling is "z"; it must be one of max, minmax/);
  for (const k of [-1, NaN, Infinity]) t.throws(() => reciprocalRankFusion([], { k }), /k = .*60 is usual/);
  t.throws(() => reciprocalRankFusion([[]], { weights: [] }), /0 weights for 1 runs; pass one a run/);
  t.throws(() => reciprocalRankFusion([[]], { weights: [-1] }), /a weight is -1, expected/);
});

// r is first where BM25 has more than half, s where it has less than three quarters.
const judged = (id: string) => new Map([[id, 1]]);
const lexicalWins = sides({ r: 2, x: 1 }, { x: 2, r: 1 });
const denseWins = sides({ y: 4, s: 3 }, { s: 4, y: 1 });

void t.test('the weight that is learnt is the middle of the plateau', async (t) => {
  const qrels = new Map([
    ['q', judged('r')],
    ['p', judged('s')],
  ]);
  const found = new Map([
    ['q', lexicalWins],
    ['p', denseWins],
  ]);
  const { weight, plateau, curve } = learnFusionWeight(found, qrels);
  const second = (1 + 1 / Math.log2(3)) / 2;
  t.same([weight, plateau], [0.625, [0.55, 0.7]]);
  t.same(
    curve,
    Array.from({ length: 21 }, (_, i) => ({ weight: i / 20, value: i >= 11 && i <= 14 ? 1 : second })),
  );
  const { curve: ranks } = learnFusionWeight(found, qrels, { metric: 'mrr@10', scaling: 'minmax' });
  t.equal(ranks[20].value, 0.75);
  t.equal(ranks[10].value, 0.5, 'at equal shares of 1 and 0, x is before r and y before s');

  const many = Array.from({ length: 999 }, (_, i) => `m${i}`);
  const easy = sides({ r: 1 }, { r: 1 });
  const large = learnFusionWeight(
    new Map([...many.map((id) => [id, easy] as const), ['q', lexicalWins]]),
    new Map([...many, 'q'].map((id) => [id, judged('r')])),
  );
  t.ok(large.curve[20].value > large.curve[0].value);
  t.same([large.weight, large.plateau], [0.5, [0, 1]], 'one query in a thousand is noise');
  t.same(learnFusionWeight(new Map(), qrels).curve[7].value, 0, 'what was not found counts 0');
  t.throws(() => learnFusionWeight(found, new Map()), /no judged queries/);
});

const texts = ['canal boat', 'canal toll', 'tall mast', 'boat boat mast', 'zzz', 'lock'];
const corpus = texts.map((text, i) => ({ id: `d${i}`, text }));
const set = {
  name: 'own',
  corpus,
  queries: [
    { id: 'd0', text: 'canal boat' },
    { id: 'q', text: 'mast toll' },
  ],
  qrels: new Map([
    ['d0', judged('d1')],
    ['q', judged('d3')],
  ]),
  warnings: [],
};
/** How often some letters occur. */
const letters: Encoder = {
  dim: 5,
  maxLength: Infinity,
  encode: (all) =>
    Promise.resolve(Float32Array.from(all.flatMap((text) => [...'catzo'].map((each) => text.split(each).length - 1)))),
};

void t.test('what an index says of the hits of BM25 is what it would rank them by', async (t) => {
  const index = new FlatIndex(
    corpus.map(({ id }) => id),
    await letters.encode(texts),
    5,
  );
  const asked = set.queries.map(({ text }) => text);
  const vectors = await letters.encode(asked);
  const found = searchBoth(new Bm25(corpus), index, { texts: asked, vectors }, 2);
  const full = index.search(vectors, 6);
  found.forEach(({ bm25, dense, rest }, q) => {
    t.same(bm25, new Bm25(corpus).search(asked[q], 2));
    t.same(dense, full[q].slice(0, 2));
    const missed = full[q].slice(2).filter(({ id }) => bm25.some((hit) => hit.id === id));
    t.same(rest, missed);
    t.equal(ids(fuse(found[q], { method: 'weighted', weight: 0 })), ids([...dense, ...missed]));
    t.same(fuse(found[q], { method: 'rrf' }), reciprocalRankFusion([bm25, dense]), 'which ranks know nothing of');
  });
  t.ok(found.some(({ rest }) => rest.length > 0));
  const other = new FlatIndex(['d0'], new Float32Array(5), 5);
  t.throws(() => searchBoth(new Bm25(corpus), other, { texts: asked, vectors }, 2), /no document has the id "d/);
});

void t.test('evaluation of both sides and of the fusion', async (t) => {
  for (const dropSelf of [false, true]) {
    const fusion = { method: 'weighted', weight: 0.25 } as const;
    const found = await evaluateFusion(letters, set, { fusion, dropSelf });
    const own = await evaluateEncoder(letters, set, { dropSelf });
    const bm25 = evaluateBm25(set, { dropSelf });
    t.same([found.own.perQuery, found.bm25.perQuery], [own.perQuery, bm25.perQuery]);
    t.same(found.fusion, fusion);
    for (const { id } of set.queries) {
      const others = (hits: readonly Hit[]) => hits.filter((hit) => !dropSelf || hit.id !== id);
      const wanted = weightedFusion(others(bm25.run.get(id)!), others(own.run.get(id)!), { weight: 0.25 });
      t.same(found.fused.run.get(id), wanted);
    }
  }
  const learnOn = { queries: [{ id: 'm', text: 'mast' }], qrels: new Map([['m', judged('d2')]]) };
  const learnt = await evaluateFusion(letters, set, { fusion: { method: 'weighted' }, learnOn });
  t.same(learnt.fusion, { method: 'weighted', weight: learnt.learnt!.weight });
  t.ok(learnt.learnt!.curve[0].value < learnt.learnt!.curve[20].value, 'the shorter text is second by its letters');
  await t.rejects(evaluateFusion(letters, set, { fusion: { method: 'rrf' }, learnOn }), /rrf has no weight/);
});

void t.test('queries that share a relevant document with another split', async (t) => {
  const qrels = new Map([
    ['a', new Map([['d1', 1]]).set('d2', 0)],
    ['b', new Map([['d2', 2]])],
    ['c', new Map([['d3', 1]])],
  ]);
  const train = new Map([
    ['t', new Map([['d2', 1]]).set('d3', 0)],
    ['u', judged('d9')],
  ]);
  t.same([...sharingQueries(qrels, train)], ['b'], 'what is judged and not relevant is not shared');
  const evaluation = evaluateRun(new Map([['b', hits({ d2: 1 })]]), qrels);
  t.match(partOf(evaluation, new Set(['b', 'z'])).mean, { 'ndcg@10': 1, queries: 1 });
  t.same(
    partOf(evaluation, new Set(['a', 'c'])),
    evaluateRun(evaluation.run, new Map([...qrels].filter(([q]) => q !== 'b'))),
  );
  t.throws(() => partOf(evaluation, new Set(['z'])), /none of the 1 queries is judged/);
});
