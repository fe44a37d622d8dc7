// Packing against a word for word transcription of retromae-spec.md 1.1.
import fc from 'fast-check';
import t from 'tap';
import { SPECIAL_TOKENS, WordPiece, pack, packDocuments, packText, splitSentences } from '../../data/index.js';
import type { Document } from '../../data/index.js';

/** retromae-spec.md 1.1, line by line. */
function packedBySpec(units: number[][], target: number, probability: number, random: () => number): number[][] {
  const emitted: number[][] = [];
  const draw = () => {
    if (probability === 0 || random() > probability) return target;
    return 3 + Math.floor(random() * (target - 3 + 1));
  };
  let block: number[] = [];
  let tgt = draw();
  for (const unit of units) {
    if (block.length >= tgt) {
      emitted.push(block);
      block = [];
      tgt = draw();
    }
    block = block.concat(unit);
  }
  if (block.length > 0) emitted.push(block);
  return emitted;
}

/** A linear congruential generator, so that two runs draw the same. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

const units = fc.array(fc.array(fc.nat(999), { maxLength: 12 }), { maxLength: 30 });

void t.test('packs as the specification says', (t) => {
  fc.assert(
    fc.property(
      units,
      fc.integer({ min: 3, max: 40 }),
      fc.constantFrom(0, 0.3, 1),
      fc.nat(),
      (sample, target, probability, seed) => {
        const random = generator(seed);
        const blocks = Array.from(pack(sample, target, { shortProbability: probability, random }), (ids) => [...ids]);
        t.same(blocks, packedBySpec(sample, target, probability, generator(seed)));
      },
    ),
  );
  t.end();
});

void t.test('the test for length comes before the unit: a block runs over and keeps it', (t) => {
  t.same(
    Array.from(pack([[1, 2, 3], [4, 5, 6], [7], [8]], 4), (ids) => [...ids]),
    [
      [1, 2, 3, 4, 5, 6],
      [7, 8],
    ],
  );
  t.end();
});

const tokenizer = WordPiece.fromVocab([...SPECIAL_TOKENS, 'a', 'b', '.']);
const document = (id: string, text: string): Document => ({ id, text, file: 'f', line: 1 });

void t.test('no block crosses documents', async (t) => {
  const found: [string, string][] = [];
  const source = [document('1', 'A a. B b. A. B.'), document('2', 'A.'), document('3', 'B. A.')];
  for await (const block of packDocuments(source, tokenizer, { maxTokens: 5 })) {
    found.push([block.document.id, tokenizer.decode(block.ids)]);
  }
  t.same(found, [
    ['1', 'a a. b b.'],
    ['1', 'a. b.'],
    ['2', 'a.'],
    ['3', 'b. a.'],
  ]);
});

void t.test('a text that fits is packed without sentences, to the same ids', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('A', 'b', '.', ' ', '. ', '\n', '中'), { maxLength: 40 }),
      fc.integer({ min: 1, max: 30 }),
      (parts, maxTokens) => {
        const text = parts.join('');
        const sentences = splitSentences(text).map((sentence) => tokenizer.encode(sentence));
        t.same([...packText(text, tokenizer, { maxTokens })], [...pack(sentences, maxTokens)]);
      },
    ),
  );
  t.end();
});

void t.test('refuses lengths and chances that make no sense', (t) => {
  t.throws(() => [...pack([], 0)], /maxTokens is 0, expected a whole number of at least 1/);
  t.throws(
    () => [...pack([], 2, { shortProbability: 0.5, random: Math.random })],
    /maxTokens is 2, expected a whole number of at least 3/,
  );
  t.throws(() => [...pack([], 9, { shortProbability: 0.5 })], /shortProbability is 0\.5 and random is not given/);
  t.throws(
    () => [...pack([], 9, { shortProbability: 2, random: Math.random })],
    /shortProbability is 2, expected a number from 0 to 1/,
  );
  t.end();
});
