// Packing: no block is too long, no word is cut in two, and nothing of a text is lost.
import fc from 'fast-check';
import t from 'tap';
import { SPECIAL_TOKENS, WordPiece, pack, packDocuments, packText, splitSentences } from '../../data/index.js';
import type { Document } from '../../data/index.js';

/** Ids from 500 go on with a word. */
const isContinuation = (id: number): boolean => id >= 500;

/** The rules one by one, a token at a time. */
function packedByRules(units: number[][], maxTokens: number, targets: () => number): number[][] {
  const blocks: number[][] = [];
  let block: number[] = [];
  let target = targets();
  const close = () => {
    blocks.push(block);
    block = [];
    target = targets();
  };
  const words = (unit: number[]): number[][] => {
    const starts = unit.flatMap((id, i) => (i === 0 || !isContinuation(id) ? [i] : []));
    return starts.map((start, i) => unit.slice(start, starts[i + 1]));
  };
  for (const unit of units) {
    if (unit.length === 0) continue;
    if (block.length >= target || (block.length > 0 && block.length + unit.length > maxTokens)) close();
    let left = unit.length;
    for (const word of words(unit)) {
      // Before a word that does not fit; but what is left of the unit may be appended whole.
      if (block.length > 0 && left > maxTokens - block.length && block.length + word.length > maxTokens) close();
      for (const id of word) {
        if (block.length === maxTokens) close();
        block.push(id);
        left--;
      }
    }
  }
  if (block.length > 0) blocks.push(block);
  return blocks;
}

/** A linear congruential generator, so that two runs draw the same. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

const units = fc.array(fc.array(fc.nat(999), { maxLength: 12 }), { maxLength: 30 });
const listed = (blocks: Iterable<Int32Array>): number[][] => Array.from(blocks, (ids) => [...ids]);

void t.test('blocks are whole sentences, or whole words where a sentence is longer', (t) => {
  fc.assert(
    fc.property(units, fc.integer({ min: 1, max: 40 }), (sample, maxTokens) => {
      t.same(
        listed(pack(sample, maxTokens, { isContinuation })),
        packedByRules(sample, maxTokens, () => maxTokens),
      );
    }),
  );
  t.end();
});

void t.test('nothing is lost, whatever the lengths and the targets', (t) => {
  fc.assert(
    fc.property(
      units,
      fc.integer({ min: 3, max: 40 }),
      fc.constantFrom(0, 0.3, 1),
      fc.nat(),
      (sample, maxTokens, shortProbability, seed) => {
        const random = generator(seed);
        const blocks = listed(pack(sample, maxTokens, { isContinuation, shortProbability, random }));
        t.same(blocks.flat(), sample.flat());
        t.ok(blocks.every(({ length }) => length >= 1 && length <= maxTokens));
      },
    ),
  );
  t.end();
});

void t.test(
  'a unit that does not fit begins the next block; a long one is split between words, its rest goes on',
  (t) => {
    t.same(listed(pack([[1, 2, 3], [4, 5, 6], [7], [8]], 4)), [[1, 2, 3], [4, 5, 6, 7], [8]]);
    t.same(listed(pack([[1], [2, 3, 4, 500, 501, 5, 6], [7]], 4, { isContinuation })), [
      [1],
      [2, 3],
      [4, 500, 501, 5],
      [6, 7],
    ]);
    t.same(listed(pack([[1, 500, 501, 502, 503, 2]], 2, { isContinuation })), [
      [1, 500],
      [501, 502],
      [503, 2],
    ]);
    t.end();
  },
);

void t.test('short blocks end at their target, and long units are not cut there', (t) => {
  // The first draw says that the target is short, the second that it is the shortest, 3.
  const random = () => 0;
  t.same(
    listed(
      pack(
        [
          [1, 2],
          [3, 4],
          [5, 6, 7, 8, 9],
        ],
        5,
        { shortProbability: 1, random },
      ),
    ),
    [
      [1, 2, 3, 4],
      [5, 6, 7, 8, 9],
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
    ['1', 'a a.'],
    ['1', 'b b.'],
    ['1', 'a. b.'],
    ['2', 'a.'],
    ['3', 'b. a.'],
  ]);
});

const texts = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc
    .array(
      fc.constantFrom(
        'A',
        'b',
        '.',
        ' ',
        '. ',
        '\n',
        '中',
        'Mr. ',
        '!\u275bA',
        '\u0085',
        '\u2028',
        '...',
        '[MASK]',
        'ß',
      ),
      {
        maxLength: 40,
      },
    )
    .map((parts) => parts.join('')),
);

void t.test('end to end, the blocks of any text are its ids', (t) => {
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 30 }), (text, maxTokens) => {
      const blocks = listed(packText(text, tokenizer, { maxTokens }));
      t.same(blocks.flat(), [...tokenizer.encode(text)]);
      t.ok(blocks.every(({ length }) => length >= 1 && length <= maxTokens));
      const sentences = splitSentences(text).map((sentence) => tokenizer.encode(sentence));
      t.same(
        blocks,
        listed(pack(sentences, maxTokens)),
        'a text that fits is packed without sentences, to the same ids',
      );
    }),
    // Punctuation of Unicode 9 and later: letters to Rust's tokenizer, ends of sentences to the host.
    {
      numRuns: 400,
      examples: [
        ['\u{16e98}a', 1],
        ['\u{10f55}\u00b8', 2],
        ['\u{10f86}\u0620', 3],
      ],
    },
  );
  t.end();
});

void t.test('lower case, lists and words without blanks: no sentence ends, and nothing is lost', (t) => {
  for (const part of ['a a b. ', 'a b ', 'ab', 'a, b\n', '中']) {
    const text = part.repeat(140_000 / part.length);
    const ids = tokenizer.encode(text);
    const blocks = listed(packText(text, tokenizer, { maxTokens: 30 }));
    t.same(blocks.flat(), [...ids], JSON.stringify(part));
    t.ok(blocks.length < ids.length / 30 + 200, `${blocks.length} blocks of ${ids.length} tokens: nearly all are full`);
  }
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
