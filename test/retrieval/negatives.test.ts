// Negatives out of rankings made by hand, and the rankings of BM25 and of indexes, against sets worked out by hand.
import fc from 'fast-check';
import t from 'tap';
import { Bm25 } from '../../retrieval/bm25.js';
import type { Encoder } from '../../retrieval/encode.js';
import { NegativeMiner, type NegativeOptions, type QueryToMine } from '../../retrieval/negatives.js';
import { bm25Ranking, encoderRankings, type Ranking } from '../../retrieval/rankings.js';
import { FlatIndex } from '../../retrieval/search.js';

/** d0 .. d19; d7 has the text of d1, d8 that of d5. */
const documents = Array.from({ length: 20 }, (_, i) => ({ id: `d${i}`, text: `text ${{ 7: 1, 8: 5 }[i] ?? i}` }));

/** Ranks as given; the score of rank r is 1 - r / 10, and -1 of a document that is not ranked. */
const ranking = (...ids: string[]): Ranking => ({
  hits: ids.map((id, i) => ({ id, score: 1 - (i + 1) / 10 })),
  scores: (others) => others.map(() => -1),
});

const query = (positives: string[], ...rankings: Ranking[]): QueryToMine => ({
  ...{ id: 'q', text: 'what?' },
  positives,
  rankings,
});

const mine = (options: NegativeOptions, asked: QueryToMine) => new NegativeMiner(documents, options).mine(asked);
const idsOf = (hits: readonly { id: string }[]): string => hits.map(({ id }) => id).join(' ');
const top = { pick: 'top', negatives: 3 } as const;

void t.test('the best that are no positives, with their scores', async (t) => {
  const found = mine(top, query(['d1', 'd3'], ranking('d2', 'd1', 'd4', 'd5', 'd6')));
  t.same(found, {
    positives: [
      { id: 'd1', score: 0.8 },
      { id: 'd3', score: -1 },
    ],
    negatives: [
      { id: 'd2', score: 0.9 },
      { id: 'd4', score: 0.7 },
      { id: 'd5', score: 0.6 },
    ],
    ...{ filled: 0, missing: 0, aboveMargin: 0, equal: 0 },
  });
});

void t.test('what has the text of a positive or of the query is none, and of equal texts one is', async (t) => {
  const ranked = ranking('d7', 'd2', 'd8', 'd5', 'd9', 'd6');
  const found = mine(top, query(['d1'], ranked));
  t.equal(idsOf(found.negatives), 'd2 d8 d9');
  t.equal(found.equal, 1);
  const asked = mine(top, { ...query(['d1'], ranked), text: ' text 2 ' });
  t.equal(idsOf(asked.negatives), 'd8 d9 d6');
  t.equal(asked.equal, 2);
});

void t.test('ranks are cut on both sides, both included', async (t) => {
  const ranked = ranking('d2', 'd3', 'd4', 'd5', 'd6', 'd9');
  const found = mine({ ...top, from: 3, to: 5 }, query(['d1'], ranked));
  t.equal(idsOf(found.negatives), 'd4 d5 d6');
});

void t.test('rankings by turns, each document once, scores of the first', async (t) => {
  const both = [ranking('d2', 'd3', 'd4'), ranking('d3', 'd5', 'd1', 'd6', 'd9')];
  const found = mine({ ...top, negatives: 6 }, query(['d1'], ...both));
  t.same(found.negatives, [
    { id: 'd2', score: 0.9 },
    { id: 'd3', score: 0.8 },
    { id: 'd5', score: -1 },
    { id: 'd4', score: 0.7 },
    { id: 'd6', score: -1 },
    { id: 'd9', score: -1 },
  ]);
});

void t.test('margins: below the worst positive by a number, or by a share', async (t) => {
  const scored = (scores: Record<string, number>): Ranking => ({
    hits: Object.entries(scores).map(([id, score]) => ({ id, score })),
    scores: (ids) => ids.map((id) => (id === 'd1' ? 8 : -100)),
  });
  // d0 and d1 are positives: 9.5, and 8 though it is not ranked. The limit is that of the worse one.
  const ranked = scored({ d2: 10, d0: 9.5, d3: 9, d4: 8, d5: 7.5, d6: 6, d9: 5.99 });
  const kept = (margin: NegativeOptions['margin']) => {
    const { negatives, aboveMargin } = mine({ pick: 'top', negatives: 5, to: 7, margin }, query(['d0', 'd1'], ranked));
    return [idsOf(negatives.filter(({ score }) => score > -100)), aboveMargin];
  };
  t.same(kept(undefined), ['d2 d3 d4 d5 d6', 0]);
  t.same(kept({ below: 0 }), ['d4 d5 d6 d9', 2]);
  t.same(kept({ below: 0.5 }), ['d5 d6 d9', 3], 'what is just there is kept');
  t.same(kept({ share: 0.75 }), ['d6 d9', 4]);
  t.same(kept({ share: 1 }), ['d4 d5 d6 d9', 2]);

  // Distances: the positive has -2, 90 % of that is -2.2.
  const distances = { ...scored({ d0: -2, d2: -2.1, d3: -2.2, d4: -3 }), scores: () => [] };
  const { negatives } = mine({ pick: 'top', negatives: 2, to: 4, margin: { share: 0.9 } }, query(['d0'], distances));
  t.equal(idsOf(negatives), 'd3 d4');
});

void t.test('too few: filled with documents that are not ranked, nor above the margin, each text once', async (t) => {
  const ranked = ranking('d2', 'd7', 'd3', 'd4');
  const { negatives, filled, missing } = mine({ negatives: 20, from: 3, to: 4 }, query(['d1'], ranked));
  // 20 documents less d0..d4's four that are ranked or positive, d7 and the second of d5 and d8.
  t.equal(idsOf(negatives.slice(0, 2)), 'd3 d4');
  t.same(
    new Set(negatives.slice(2).map(({ id }) => id)),
    new Set(['d0', 'd5', 'd6', ...Array.from({ length: 11 }, (_, i) => `d${i + 9}`)]),
  );
  t.same([filled, missing], [14, 4]);

  const some = mine({ negatives: 2, random: 3 }, query(['d1'], ranking('d2', 'd3', 'd4')));
  t.equal(some.negatives.length, 5);
  t.same(
    some.negatives.map(({ score }) => score > -1),
    [true, true, false, false, false],
    'random ones beside the drawn, which are the first',
  );
  t.same([some.filled, some.missing], [0, 0]);

  const even = { hits: [], scores: (ids: readonly string[]) => ids.map((id) => (Number(id.slice(1)) % 2 ? 1 : 0)) };
  const judged = mine({ negatives: 4, margin: { below: 0.5 } }, query(['d1'], even));
  t.ok(judged.negatives.length === 4 && judged.negatives.every(({ score }) => score === 0));
});

void t.test('of a large corpus where hardly a document is allowed, not all are looked at', async (t) => {
  const many = Array.from({ length: 3000 }, (_, i) => ({ id: `d${i}`, text: `text ${i}` }));
  const asked: number[] = [];
  const strict = (good: (id: string) => boolean): Ranking => ({
    hits: [],
    scores: (ids) => {
      asked.push(ids.length);
      return ids.map((id) => (good(id) ? 0 : 1));
    },
  });
  const miner = new NegativeMiner(many, { negatives: 4, margin: { below: 0.5 } });
  const none = miner.mine(
    query(
      ['d1'],
      strict(() => false),
    ),
  );
  t.same([none.negatives, none.filled, none.missing], [[], 0, 4]);
  t.same(asked, [1, 4, 4, 8, 16, 32, 64, 128, 256], 'the positive, and 512 for the 4 that are wanted');
  const tenth = miner.mine(
    query(
      ['d1'],
      strict((id) => id.endsWith('0')),
    ),
  );
  t.ok(tenth.negatives.length === 4 && tenth.negatives.every(({ id }) => id.endsWith('0')));
  t.same([tenth.filled, tenth.missing], [4, 0]);
});

void t.test('what is drawn depends on seed and id alone, and every candidate is drawn', async (t) => {
  const ranked = ranking('d2', 'd3', 'd4', 'd5', 'd6', 'd9', 'd10', 'd11');
  const options = { negatives: 3, random: 2 };
  const miner = new NegativeMiner(documents, options);
  const first = miner.mine(query(['d1'], ranked));
  miner.mine({ ...query(['d1'], ranked), id: 'other' });
  t.same(miner.mine(query(['d1'], ranked)), first);
  t.same(mine(options, query(['d1'], ranked)), first);
  const places = first.negatives.slice(0, 3).map(({ id }) => ranked.hits.findIndex((hit) => hit.id === id));
  t.same(places, [...places].sort(), 'in the order of ranks');

  const drawn = new Map<string, number>();
  for (let i = 0; i < 800; i++)
    for (const { id } of miner.mine({ ...query(['d1'], ranked), id: `q${i}` }).negatives.slice(0, 3))
      drawn.set(id, (drawn.get(id) ?? 0) + 1);
  t.equal(drawn.size, 8);
  // 300 expected of each; the standard deviation is 14.
  for (const [id, count] of drawn) t.ok(Math.abs(count - 300) < 75, `${id} ${count} times`);
  t.not(idsOf(mine({ ...options, seed: 1 }, query(['d1'], ranked)).negatives), idsOf(first.negatives));
});

void t.test('never a positive, never one twice, never one too good, for any rankings', async () => {
  const ids = fc.uniqueArray(fc.integer({ min: 0, max: 19 }), { maxLength: 20 }).map((all) => all.map((i) => `d${i}`));
  const options = fc.record({
    negatives: fc.integer({ min: 1, max: 25 }),
    random: fc.integer({ min: 0, max: 3 }),
    from: fc.integer({ min: 1, max: 4 }),
    to: fc.integer({ min: 4, max: 25 }),
    pick: fc.constantFrom('top' as const, 'random' as const),
    margin: fc.constantFrom(undefined, { below: 0.2 }, { share: 0.8 }),
  });
  const texts = new Map(documents.map(({ id, text }) => [id, text]));
  fc.assert(
    fc.property(
      options,
      ids,
      ids,
      fc.uniqueArray(fc.constantFrom('d1', 'd5', 'd9'), { minLength: 1 }),
      (o, a, b, p) => {
        const found = mine(o, query(p, ranking(...a), ranking(...b)));
        const own = found.negatives.map(({ id }) => texts.get(id)!);
        const answers = p.map((id) => texts.get(id)!);
        const worst = Math.min(...found.positives.map(({ score }) => score));
        const limit = !o.margin ? Infinity : 'below' in o.margin ? worst - 0.2 : worst < 0 ? 1.2 * worst : 0.8 * worst;
        return (
          new Set(own).size === own.length &&
          !own.some((text) => answers.includes(text)) &&
          found.negatives.every(({ score }) => score <= limit) &&
          own.length + found.missing === o.negatives + o.random
        );
      },
    ),
  );
});

void t.test('refusals', async (t) => {
  const cases: [NegativeOptions, RegExp][] = [
    [{ negatives: 0 }, /negatives = 0; it must be a whole number of at least 1/],
    [{ random: -1 }, /random = -1; it must be a whole number of at least 0/],
    [{ from: 5, to: 4 }, /ranks 5 to 4; they must be/],
    [{ from: 0 }, /ranks 0 to 200/],
    [{ pick: 'best' as 'top' }, /pick is "best"; it must be one of random, top/],
    [{ margin: { below: -1 } }, /margin below = -1; it must be 0 or more/],
    [{ margin: { share: 1.1 } }, /margin share = 1\.1; it must be above 0 and at most 1/],
  ];
  for (const [options, said] of cases) t.throws(() => new NegativeMiner(documents, options), said);
  t.throws(() => new NegativeMiner([...documents, documents[3]]), /the document id "d3" comes twice/);
  t.throws(() => mine({}, query([], ranking('d1'))), /query "q" has 0 positives and 1 rankings/);
  t.throws(() => mine({}, query(['d1'])), /query "q" has 1 positives and 0 rankings/);
  t.throws(() => mine({}, query(['d99'], ranking('d1'))), /no document has the id "d99", .* one of the 20/);
});

void t.test('scores of some documents are those of a search for all', async (t) => {
  const texts = ['a b', 'b c c', 'c', 'd', 'a a d'].map((text, i) => ({ id: `d${i}`, text }));
  const ids = ['d3', 'd0', 'd4', 'd0'];
  const bm25 = new Bm25(texts, { analyzer: (text) => text.split(' ') });
  const all = new Map(bm25.search('a c', 5).map(({ id, score }) => [id, score]));
  t.equal(all.has('d3'), false);
  t.same(
    bm25.scores('a c', ids),
    ids.map((id) => all.get(id) ?? 0),
  );
  t.same(bm25.search('a c', 5), new Bm25(texts, { analyzer: (text) => text.split(' ') }).search('a c', 5));
});

void t.test('rankings of BM25 are shares of the best score; those of an encoder are of each query', async (t) => {
  const texts = ['cat dog', 'dog', 'bird', 'cat'].map((text, i) => ({ id: `d${i}`, text }));
  const bm25 = new Bm25(texts);
  const raw = bm25.search('cat dog', 4);
  const { hits, scores } = bm25Ranking(bm25, 'cat dog', 1);
  t.same(hits, [{ id: 'd0', score: 1 }]);
  t.same(scores(['d1', 'd2']), [raw.find(({ id }) => id === 'd1')!.score / raw[0].score, 0]);
  const none = bm25Ranking(bm25, 'fish', 4);
  t.same([none.hits, none.scores(['d0'])], [[], [0]]);

  const roles: (string | undefined)[] = [];
  const encoder: Encoder = {
    ...{ dim: 2, maxLength: 8 },
    encode: async (texts, options) => {
      roles.push(options?.role);
      return Float32Array.from(texts.flatMap((text) => [text.length, 1]));
    },
  };
  const index = new FlatIndex(['x', 'y', 'z'], Float32Array.from([1, 0, -1, 0, 0, 5]), 2);
  const [one, three] = await encoderRankings(encoder, index, ['a', 'aaa'], { depth: 1 });
  t.same(roles, ['query']);
  t.same([one.hits, three.hits], [[{ id: 'z', score: 5 }], [{ id: 'z', score: 5 }]]);
  t.same(
    [one.scores(['x', 'y']), three.scores(['x', 'y'])],
    [
      [1, -1],
      [3, -3],
    ],
  );
});
