// Whole-word masks: counts, rounding, words kept whole, against a word-by-word transcription of the specification.
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import t from 'tap';
import { Random } from '../../core/random.js';
import { corruptionFrom, maskCount, roundHalfEven, torchCorruption, WordMasker } from '../../retromae/masking.js';
import type { MaskRandom } from '../../retromae/masking.js';
import { PythonRandom, TorchGenerator } from '../../retromae/mt19937.js';
import { CLS, MASK, SEP, toyText, toyVocabulary, UNK } from './toy-vocabulary.js';

/** Section 1.3 of the specification, as plainly as it can be said. */
function plainMask(ids: number[], count: number, random: PythonRandom): number[] {
  const candidates: number[][] = [];
  ids.forEach((id, i) => {
    if (id === CLS || id === SEP) return;
    if (toyVocabulary.isContinuation(id) && candidates.length > 0) candidates[candidates.length - 1].push(i);
    else candidates.push([i]);
  });
  for (let i = candidates.length - 1; i > 0; i--) {
    const j = random.randint(0, i);
    [candidates[i], candidates[j]] = [candidates[j], candidates[i]];
  }
  const taken: number[] = [];
  for (const word of candidates) {
    if (taken.length >= count) break;
    if (taken.length + word.length <= count) taken.push(...word);
  }
  return ids.map((_, i) => Number(taken.includes(i)));
}

function draw(ids: number[], count: number, random: MaskRandom): number[] {
  const masker = new WordMasker(ids, toyVocabulary);
  const bits = new Uint16Array(masker.words + 2).fill(0xaaaa);
  masker.draw(count, random, bits, 1);
  assert.equal(bits[0], 0xaaaa, 'writes its own words only');
  assert.equal(bits[masker.words + 1], 0xaaaa);
  return ids.map((_, p) => (bits[1 + (p >> 4)] >> (p & 15)) & 1);
}

const sequence = toyText(1, 150).map((ids) => [CLS, ...ids, SEP]);

void t.test('roundHalfEven rounds as Python does', async (t) => {
  const cases: [number, number][] = [
    [0.5, 0],
    [1.5, 2],
    [2.5, 2],
    [3.5, 4],
    [4.5, 4],
    [15 * 0.3, 4],
    [25 * 0.3, 8],
    [2.4999, 2],
    [2.5001, 3],
    [7, 7],
  ];
  for (const [x, rounded] of cases) t.equal(roundHalfEven(x), rounded, `${x}`);
});

void t.test('maskCount: at least 1, at most 512, [CLS] and [SEP] counted', async (t) => {
  t.strictSame(
    [2, 3, 15, 32, 150, 512, 2000].map((length) => maskCount(length, 0.3)),
    [1, 1, 4, 10, 45, 154, 512],
  );
  t.strictSame(
    [3, 5, 7, 13, 512, 4096].map((length) => maskCount(length, 0.5)),
    [2, 2, 4, 6, 256, 512],
  );
});

void t.test('equals the specification, transcribed, number for number', async () => {
  const anyId = fc.integer({ min: 0, max: 39 });
  fc.assert(
    fc.property(fc.oneof(sequence, fc.array(anyId, { minLength: 1 })), fc.nat(99), fc.nat(60), (ids, seed, count) => {
      const [fast, plain] = [new PythonRandom(seed), new PythonRandom(seed)];
      for (let round = 0; round < 3; round++) assert.deepEqual(draw(ids, count, fast), plainMask(ids, count, plain));
      assert.equal(fast.uint32(), plain.uint32(), 'and has drawn as many numbers');
    }),
  );
});

void t.test('takes whole words, never a special, exactly `count` tokens where words allow it', async () => {
  fc.assert(
    fc.property(sequence, fc.nat(99), fc.double({ min: 0.01, max: 0.99, noNaN: true }), (ids, seed, share) => {
      const count = maskCount(ids.length, share);
      const mask = draw(ids, count, new Random(seed));
      assert.equal(mask[0], 0);
      assert.equal(mask[ids.length - 1], 0);
      for (let p = 2; p < ids.length - 1; p++) {
        if (toyVocabulary.isContinuation(ids[p])) assert.equal(mask[p], mask[p - 1], 'a piece goes with its word');
      }
      const taken = mask.reduce((a, b) => a + b);
      assert.ok(taken <= count);
      // Short of the count only where no word that is left over would fit in.
      const left = plainMaskWords(ids).filter(([first]) => !mask[first]);
      assert.ok(left.every((word) => taken + word.length > count));
    }),
  );
});

function plainMaskWords(ids: number[]): number[][] {
  const words: number[][] = [];
  for (let p = 1; p < ids.length - 1; p++) {
    if (p > 1 && toyVocabulary.isContinuation(ids[p])) words[words.length - 1].push(p);
    else words.push([p]);
  }
  return words;
}

void t.test('single tokens are masked equally often, and in count exactly', async (t) => {
  const ids = [CLS, ...Array.from({ length: 20 }, (_, i) => 5 + i), SEP];
  const random = new Random(4);
  const hits = new Float64Array(ids.length);
  for (let i = 0; i < 10000; i++) {
    const mask = draw(ids, 7, random);
    assert.equal(
      mask.reduce((a, b) => a + b),
      7,
    );
    mask.forEach((m, p) => (hits[p] += m));
  }
  t.ok(hits.slice(1, -1).every((n) => Math.abs(n - 3500) < 4 * Math.sqrt(3500 * 0.65)));
});

void t.test('a text that begins with a piece, [UNK], and a [SEP] inside', async (t) => {
  t.strictSame(draw([CLS, 30, 31, SEP], 2, new Random(0)), [0, 1, 1, 0]);
  t.strictSame(draw([CLS, 30, 31, SEP], 1, new Random(0)), [0, 0, 0, 0], 'a word that does not fit is passed over');
  t.strictSame(draw([CLS, UNK, SEP], 1, new Random(0)), [0, 1, 0]);
  t.strictSame(draw([CLS, 10, SEP, 33, SEP], 2, new Random(0)), [0, 1, 0, 1, 0], 'pieces join over a [SEP], as there');
});

void t.test('corruption: 80 % [MASK], 10 % any id, 10 % as it was', async (t) => {
  const size = 1000;
  const n = 20000;
  for (const corrupt of [
    corruptionFrom(new Random(6), { ...toyVocabulary, size }),
    torchCorruption(new TorchGenerator(6), 1, n, { ...toyVocabulary, size }),
  ]) {
    let [masked, kept] = [0, 0];
    const others = new Set<number>();
    for (let p = 0; p < n; p++) {
      const id = corrupt(17, 0, p);
      if (id === MASK) masked++;
      else if (id === 17) kept++;
      else others.add(id);
    }
    t.ok(Math.abs(masked / n - 0.8) < 0.012, `${masked}`);
    t.ok(Math.abs(kept / n - 0.1) < 0.009, `${kept}`);
    t.ok(others.size > 800 && [...others].every((id) => id >= 0 && id < size), `${others.size}`);
  }
});

void t.test("PyTorch's corruption draws three times over every cell, padding included", async (t) => {
  const [used, plain] = [new TorchGenerator(8), new TorchGenerator(8)];
  torchCorruption(used, 3, 7, toyVocabulary);
  for (let i = 0; i < 3 * 3 * 7; i++) plain.uint32();
  t.equal(used.uint32(), plain.uint32());
});
