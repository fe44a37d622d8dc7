// Pairs from raw text: what each kind makes of a passage made by hand, how kinds are mixed, and what is refused.
import fc from 'fast-check';
import t from 'tap';
import { Random } from '../../core/index.js';
import { drawPair, dropTokens, parseMix, pairKinds, type PairMix } from '../../finetune/index.js';
import type { Passage } from '../../retromae/index.js';

const MARK = 99;
/** A document of two blocks: title 1 2, then three sentences of which the second asks; and a later block. */
const blocks: Passage[] = [
  {
    ids: [1, 2, 10, 11, 12, 20, MARK, 30, 31],
    sentences: [0, 5, 7],
    title: [],
    heading: 2,
    documentId: 3,
    siblings: of(0),
  },
  { ids: [40, 41, 42], sentences: [0], title: [1, 2], documentId: 3, siblings: of(1) },
];
function of(place: number): Passage['siblings'] {
  return { count: 2, place, at: (other) => blocks[other] };
}
const options = { cropLeast: 0.2, cropMost: 0.5, keepSentence: 0, questionMark: MARK };
const draw = (passage: Passage, mix: PairMix, seed = 1, more: object = {}) =>
  drawPair(passage, new Random(seed), mix, { ...options, ...more }).map(({ ids }) => Array.from(ids));

void t.test('a title and its body, of the first block and of a later one', async (t) => {
  t.same(draw(blocks[0], { title: 1 }), [
    [1, 2],
    [10, 11, 12, 20, MARK, 30, 31],
  ]);
  t.same(draw(blocks[1], { title: 1 }), [
    [1, 2],
    [40, 41, 42],
  ]);
});

void t.test('a sentence and the rest, under the title where the block does not begin with it', async (t) => {
  const found = new Set(Array.from({ length: 40 }, (_, seed) => JSON.stringify(draw(blocks[0], { cloze: 1 }, seed))));
  t.same(
    [...found].sort(),
    [
      [
        [1, 2, 10, 11, 12],
        [20, MARK, 30, 31],
      ],
      [
        [20, MARK],
        [1, 2, 10, 11, 12, 30, 31],
      ],
      [
        [30, 31],
        [1, 2, 10, 11, 12, 20, MARK],
      ],
    ]
      .map((pair) => JSON.stringify(pair))
      .sort(),
  );
  const [sentence, rest] = draw(blocks[1], { cloze: 1 });
  t.same(
    [...sentence, ...rest].sort((a, b) => a - b),
    [1, 2, 40, 41, 42],
    'a stretch of a single sentence, and the rest',
  );
});

void t.test('of text without ends of sentences, a short stretch and what is around it', async (t) => {
  const ids = Array.from({ length: 100 }, (_, i) => i);
  const flat: Passage = { ids, sentences: [0], title: [], siblings: { count: 1, place: 0, at: () => flat } };
  for (let seed = 0; seed < 50; seed++) {
    const [query, rest] = draw(flat, { cloze: 1 }, seed);
    t.same(query, ids.slice(query[0], query[0] + query.length));
    t.ok(query.length >= 10 && query.length <= 24, String(query.length));
    t.same(rest, [...ids.slice(0, query[0]), ...ids.slice(query[0] + query.length)]);
  }
});

void t.test('crops lie within the passage, and are as long as asked', async (t) => {
  for (let seed = 0; seed < 50; seed++)
    for (const crop of draw(blocks[0], { crop: 1 }, seed)) {
      const from = Array.from(blocks[0].ids).indexOf(crop[0]);
      t.same(crop, Array.from(blocks[0].ids).slice(from, from + crop.length));
      t.ok(crop.length >= 2 && crop.length <= 5, `${crop.length} of 9`);
    }
});

void t.test('neighbours, and a question with what follows it', async (t) => {
  t.same(draw(blocks[0], { neighbour: 1 }), [Array.from(blocks[0].ids), [40, 41, 42]]);
  t.same(draw(blocks[0], { question: 1 }), [
    [20, MARK],
    [30, 31],
  ]);
  const last = { ...blocks[0], ids: [10, 20, MARK], sentences: [0, 1], heading: 0 };
  t.same(draw(last, { question: 1 }), [
    [20, MARK],
    [40, 41, 42],
  ]);
});

void t.test('what a passage has none of is another kind of the mix, or crops', async (t) => {
  const bare: Passage = {
    ids: [5, 6, 7, 8],
    sentences: [0, 2],
    title: [],
    siblings: { count: 1, place: 0, at: () => bare },
  };
  for (const kind of ['title', 'neighbour', 'question'] as const) {
    const [sentence] = draw(bare, { [kind]: 100, cloze: 0.001 });
    t.ok(['5,6', '7,8'].includes(sentence.join()), kind);
    t.equal(draw(bare, { [kind]: 1 })[0].length <= 2, true, 'crops');
  }
  t.notOk(draw(blocks[0], { question: 1 }, 1, { questionMark: undefined })[0].join() === `20,${MARK}`);
});

void t.test('kinds come as often as they weigh', async (t) => {
  const titles = Array.from({ length: 2000 }, (_, seed) => draw(blocks[0], { title: 1, neighbour: 3 }, seed));
  const share = titles.filter(([query]) => query.length === 2).length / 2000;
  t.ok(Math.abs(share - 0.25) < 0.04, String(share));
});

void t.test('a mix as it is typed', async (t) => {
  t.same(parseMix('title:0.2, cloze ,crop:3'), { title: 0.2, cloze: 1, crop: 3 });
  t.same(Object.keys(parseMix(pairKinds.join())), pairKinds);
  for (const [text, said] of [
    ['titel', /there is no kind of pairs "titel". They are title, cloze/],
    ['', /there is no kind of pairs ""/],
    ['title:0', /title weighs "0"; it must be a number above 0/],
    ['title:', /title weighs ""/],
    ['title:1:2', /title weighs "1:2"/],
    ['crop:x', /crop weighs "x"/],
    ['crop,crop', /crop is there twice/],
  ] as const)
    t.throws(() => parseMix(text), said);
});

void t.test('tokens are dropped in their order, never all of them', async (t) => {
  t.same(dropTokens([1, 2, 3], new Random(1), 0), [1, 2, 3]);
  fc.assert(
    fc.property(
      fc.array(fc.nat(9), { minLength: 1 }),
      fc.nat(),
      fc.double({ min: 0, max: 0.99, noNaN: true }),
      (ids, seed, chance) => {
        const kept = Array.from(dropTokens(ids, new Random(seed), chance));
        let at = -1;
        return kept.length > 0 && kept.every((id) => (at = ids.indexOf(id, at + 1)) >= 0);
      },
    ),
  );
  const many = dropTokens(new Int32Array(10_000), new Random(3), 0.3);
  t.ok(Math.abs(many.length - 7000) < 200, String(many.length));
});
