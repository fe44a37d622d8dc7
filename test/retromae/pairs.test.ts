// Which two texts an example becomes, and what is compared with what.
import t from 'tap';
import { Random, setBackend, tensor } from '../../core/index.js';
import { ReferenceBackend } from '../../kernels/index.js';
import {
  comparePairs,
  infoNce,
  objectiveNamed,
  passageOf,
  type ObjectiveName,
  type Passage,
  type Siblings,
} from '../../retromae/index.js';
import { crops, halves, neighbours, relatives, slice, titled, twice, without } from '../../retromae/pairs.js';
import { tokenizer } from './tiny.js';

setBackend(new ReferenceBackend('float64'));

/** A document of blocks; the numbers are its tokens, `|` begins a sentence. */
function blocks(title: number[], ...texts: string[]): Passage[] {
  const passages = texts.map((text, place): Passage => {
    const sentences: number[] = [];
    const ids: number[] = [];
    for (const word of text.split(' '))
      if (word === '|') sentences.push(ids.length);
      else ids.push(Number(word));
    const siblings: Siblings = { count: texts.length, place, at: (other) => passages[other] };
    return { ids, sentences, title, documentId: 7, siblings };
  });
  return passages;
}

const parts = ({ ids, sentences }: Passage) => [Array.from(ids), Array.from(sentences)];
const [passage] = blocks([30, 31], '| 5 6 7 | 8 9 | 10 11 12 13', '| 20 21', '| 22 23');

void t.test('parts of a passage know their sentences', async (t) => {
  t.same(parts(slice(passage, 1, 6)), [
    [6, 7, 8, 9, 10],
    [0, 2, 4],
  ]);
  t.same(parts(without(passage, 3, 5)), [
    [5, 6, 7, 10, 11, 12, 13],
    [0, 3],
  ]);
  t.same(parts(without(passage, 0, 3)), [
    [8, 9, 10, 11, 12, 13],
    [0, 2],
  ]);
  t.same(parts(without(passage, 5, 9)), [
    [5, 6, 7, 8, 9],
    [0, 3],
  ]);
  t.same(parts(titled(passage)), [
    [30, 31, 5, 6, 7, 8, 9, 10, 11, 12, 13],
    [0, 2, 5, 7],
  ]);
  t.equal(titled({ ...passage, title: [] }).ids, passage.ids);
});

void t.test('pairs of a document', async (t) => {
  t.same(halves(passage).map(parts), [
    [
      [5, 6, 7, 8, 9],
      [0, 3],
    ],
    [[10, 11, 12, 13], [0]],
  ]);
  t.same(
    halves(passageOf([5, 6, 7])).map(({ ids }) => Array.from(ids)),
    [[5, 6], [7]],
    'one sentence, by tokens',
  );
  t.same(
    halves(passageOf([5])).map(({ ids }) => Array.from(ids)),
    [[5], [5]],
  );
  t.same(twice(passage), [passage, passage]);
  const all = blocks([], '| 5', '| 6', '| 7');
  t.same(
    all.map((one) => neighbours(one)[1].ids[0]),
    [6, 7, 6],
    'the next, and before the last',
  );
  const drawn = new Set(Array.from({ length: 50 }, (_, i) => relatives(all[1], new Random(i))[1].ids[0]));
  t.same([...drawn].sort(), [5, 7], 'any other');
  const [alone] = blocks([], '| 5 6 | 7 8');
  for (const pair of [neighbours(alone), relatives(alone, new Random(1))])
    t.same(
      pair.map(({ ids }) => Array.from(ids)),
      [
        [5, 6],
        [7, 8],
      ],
    );
  const long = passageOf(Array.from({ length: 100 }, (_, i) => 5 + (i % 30)));
  const lengths = Array.from({ length: 300 }, (_, i) => crops(long, new Random(i), { least: 0.1, most: 0.5 })).flat();
  t.ok(lengths.every(({ ids }) => ids.length >= 10 && ids.length <= 50));
  t.ok(
    Math.min(...lengths.map(({ ids }) => ids.length)) < 14 && Math.max(...lengths.map(({ ids }) => ids.length)) > 46,
  );
});

/** The texts of a batch, without [CLS] and [SEP]. */
function textsOf(name: ObjectiveName, examples: readonly Passage[], options: object = {}, seed = 1) {
  const objective = objectiveNamed(name);
  const collator = objective.collator(objective.complete(options), { tokenizer, maxLength: 16 });
  const batch = collator.collate(examples, (i) => new Random(seed, i));
  const texts = Array.from({ length: batch.offsets.length - 1 }, (_, b) =>
    Array.from(batch.ids.subarray(batch.offsets[b] + 1, batch.offsets[b + 1] - 1)),
  );
  return { ...batch, texts };
}

void t.test('the cloze: a sentence, and title and rest', async (t) => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 40; seed++)
    seen.add(JSON.stringify(textsOf('ict', [passage], { keepSentence: 0 }, seed).texts));
  const rest = (...ids: number[]) => [30, 31, ...ids];
  t.same(
    [...seen].sort(),
    [
      [[5, 6, 7], rest(8, 9, 10, 11, 12, 13)],
      [[8, 9], rest(5, 6, 7, 10, 11, 12, 13)],
      [[10, 11, 12, 13], rest(5, 6, 7, 8, 9)],
    ]
      .map((pair) => JSON.stringify(pair))
      .sort(),
  );
  const [query, kept] = textsOf('ict', [passage], { keepSentence: 1 }).texts;
  t.same(kept, rest(5, 6, 7, 8, 9, 10, 11, 12, 13));
  t.ok(query.every((id) => kept.includes(id)));
  let stayed = 0;
  for (let seed = 0; seed < 400; seed++) stayed += Number(textsOf('ict', [passage], {}, seed).texts[1].length === 11);
  t.ok(stayed > 20 && stayed < 60, `${stayed} of 400 stay; one in ten should`);
});

void t.test('documents of a batch: its own where it is known, else one of its own', async (t) => {
  const other = passageOf([5, 6, 7]);
  const { documents } = textsOf('simcse', [passage, other, passage, passageOf([5, 6, 7])]);
  t.same(Array.from(documents!), [7, 7, -2, -2, 7, 7, -4, -4]);
  t.equal(textsOf('mlm', [passage]).documents, undefined);
});

void t.test('texts of one document are never each other’s negatives', async (t) => {
  const vectors = tensor([
    [1, 0],
    [1, 0.1],
    [0, 1],
    [0.2, 1],
    [1, 0.2],
    [0.9, 0],
  ]);
  const how = { similarity: 'dot', temperature: 1, symmetric: false } as const;
  const lossOf = (documents: number[], more: { among: 'all' | 'across'; symmetric?: boolean }) =>
    comparePairs(vectors, documents, { ...how, ...more }).loss.item();
  const rows = [
    [1, 0],
    [1, 0.1],
    [0, 1],
    [0.2, 1],
    [1, 0.2],
    [0.9, 0],
  ];
  const score = (i: number, j: number) => Math.exp(rows[i][0] * rows[j][0] + rows[i][1] * rows[j][1]);
  /** The loss by the formula: over rows, of candidates. */
  const byHand = (texts: number[], candidates: (i: number) => number[]) =>
    texts.reduce((sum, i) => {
      const total = candidates(i).reduce((all, j) => all + score(i, j), 0);
      return sum - Math.log(score(i, i ^ 1) / total) / texts.length;
    }, 0);
  const near = async (actual: Promise<number>, wanted: number, what: string) =>
    t.ok(Math.abs((await actual) - wanted) < 1e-12, what);
  const firsts = [0, 2, 4];
  const seconds = [1, 3, 5];
  const apart = [1, 1, 2, 2, 3, 3];
  const alike = [1, 1, 2, 2, 1, 1];
  await near(
    lossOf(apart, { among: 'across' }),
    byHand(firsts, () => seconds),
    'across',
  );
  const allowed = (side: number[]) => (i: number) => side.filter((j) => j === (i ^ 1) || alike[j] !== alike[i]);
  await near(lossOf(alike, { among: 'across' }), byHand(firsts, allowed(seconds)), 'across, documents twice');
  const mean = (byHand(firsts, allowed(seconds)) + byHand(seconds, allowed(firsts))) / 2;
  await near(lossOf(alike, { among: 'across', symmetric: true }), mean, 'symmetric');
  const every = [0, 1, 2, 3, 4, 5];
  const others = (i: number) => every.filter((j) => j !== i && (j === (i ^ 1) || alike[j] !== alike[i]));
  await near(lossOf(alike, { among: 'all' }), byHand(every, others), 'all');
});

void t.test('the share that finds its partner', async (t) => {
  const scores = tensor([
    [3, 1, 2],
    [9, 1, 2],
    [0, 0, 5],
  ]);
  const share = (isOut?: (row: number, column: number) => boolean) =>
    infoNce(scores, [0, 1, 2], { isOut }).accuracy.item();
  t.equal((await share()).toFixed(6), '0.666667');
  t.equal(await share((row, column) => row === 1 && column !== 1), 1, 'what is no candidate does not count');
});

void t.test('names that cannot be joined', async (t) => {
  const throws = (name: string, message: RegExp) => t.throws(() => objectiveNamed(name as ObjectiveName), message);
  throws('crop+retromae', /objective crop\+retromae: it must be one that is not contrastive, \+ one that is/);
  throws('mlm+retromae', /objective mlm\+retromae: it must be/);
  throws('mlm+cocondenser', /objective mlm\+cocondenser: it must be/);
  throws('mlm+crop+ict', /two can be joined, not more/);
  throws('mlm+', /there is no objective ""/);
  t.equal(objectiveNamed('retromae+crop').title, 'RetroMAE + Independent cropping');
});
