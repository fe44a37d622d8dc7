// The host's generator: known answers, uniformity, independence of streams, and going on from a saved state.
import { erf } from 'mathjs';
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import t from 'tap';
import { Random, seedSequence, shuffle } from '../../core/random.js';
import type { RandomState } from '../../core/random.js';

/** Chi-squared of counts against equal expectations, in standard deviations from its mean. */
function excess(counts: ArrayLike<number>): number {
  const all = Array.from(counts);
  const expected = all.reduce((a, b) => a + b) / all.length;
  const chi = all.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
  return (chi - (all.length - 1)) / Math.sqrt(2 * (all.length - 1));
}

void t.test('xoshiro128** from state 1, 2, 3, 4 gives the numbers of the reference C code', async (t) => {
  const random = new Random(0);
  random.restore({ words: [1, 2, 3, 4], spare: null });
  const known = [11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804];
  t.strictSame(
    known.map(() => random.uint32()),
    known,
  );
});

void t.test('seeds are hashed as by numpy.random.SeedSequence', async (t) => {
  t.strictSame(
    seedSequence([3735928559, 195939070, 229505742, 305419896]),
    [3914649087, 576849849, 3593928901, 2229911004],
  );
  t.strictSame(
    seedSequence([2766103236, 2883057919, 4029656435, 862374500]),
    [296367413, 4262059219, 13109864, 3283683422],
  );
  t.strictSame(new Random(42).state().words, [3444837047, 2669555309, 2046530742, 3581440988]);
});

void t.test(
  'this very sequence is part of the format: a seed must mean the same batches in every version',
  async (t) => {
    const random = new Random(42, 1, 7);
    t.strictSame(
      [random.uint32(), random.below(1000), random.uniform(), random.normal()],
      [1226266964, 9, 0.4818943960473653, 1.4812670046251362],
    );
  },
);

void t.test('below is uniform, at bounds that are no powers of two too', async (t) => {
  for (const n of [2, 3, 7, 10, 100, 129]) {
    const random = new Random(n);
    const counts = new Float64Array(n);
    for (let i = 0; i < 2000 * n; i++) counts[random.below(n)]++;
    t.ok(Math.abs(excess(counts)) < 4, `${n}: ${excess(counts)}`);
  }
  const random = new Random(1);
  const thirds = new Float64Array(3);
  for (let i = 0; i < 30000; i++) thirds[Math.floor(random.below(3 * 2 ** 30) / 2 ** 30)]++;
  t.ok(Math.abs(excess(thirds)) < 4, 'a bound near 2^32 is not biased as a remainder would be');
  t.equal(random.below(1), 0);
  for (const n of [0, -1, NaN, 2 ** 32 + 1]) t.throws(() => random.below(n), /ask for an integer below/);
});

void t.test('every bit is fair, and uniform() fills [0, 1)', async (t) => {
  const random = new Random(2);
  const ones = new Float64Array(32);
  const buckets = new Float64Array(64);
  for (let i = 0; i < 40000; i++) {
    const word = random.uint32();
    for (let bit = 0; bit < 32; bit++) ones[bit] += (word >>> bit) & 1;
    const u = random.uniform();
    assert.ok(u >= 0 && u < 1);
    buckets[Math.floor(u * 64)]++;
  }
  t.ok(ones.every((n) => Math.abs(n - 20000) < 450));
  t.ok(Math.abs(excess(buckets)) < 4);
});

void t.test('normal() is normal: against the distribution function by mathjs', async (t) => {
  const random = new Random(3);
  const drawn = Float64Array.from({ length: 40000 }, () => random.normal()).sort();
  const distance = drawn.reduce(
    (worst, x, i) => Math.max(worst, Math.abs((1 + erf(x / Math.SQRT2)) / 2 - (i + 0.5) / drawn.length)),
    0,
  );
  t.ok(distance * Math.sqrt(drawn.length) < 1.95, 'Kolmogorov and Smirnov at 0.1 %');
  const pairs = Array.from({ length: 20000 }, () => random.normal() * random.normal());
  t.ok(Math.abs(pairs.reduce((a, b) => a + b)) < 4 * Math.sqrt(pairs.length), 'neighbours are uncorrelated');
});

void t.test('normals() are the numbers that normal() gives one by one', async (t) => {
  const [one, many] = [new Random(9), new Random(9)];
  for (const length of [0, 1, 4, 5, 0, 1000, 3]) {
    const drawn = new Float64Array(length);
    many.normals(drawn, 0.5);
    t.strictSame([...drawn], [...drawn.map(() => one.normal() * 0.5)], `${length} of them`);
  }
  t.strictSame(many.state(), one.state());
});

void t.test('streams are distinct and independent, seeds and words side by side included', async (t) => {
  const first = new Set<number>();
  let agreeing = 0;
  let previous = 0;
  for (let epoch = 0; epoch < 20; epoch++) {
    for (let example = 0; example < 500; example++) {
      const word = new Random(5, epoch, example).uint32();
      first.add(word);
      for (let bits = ~(word ^ previous) >>> 0; bits; bits &= bits - 1) agreeing++;
      previous = word;
    }
  }
  t.ok(first.size >= 9998, '10000 streams begin with 10000 numbers, but for a rare coincidence');
  t.ok(Math.abs(agreeing - 160000) < 4 * Math.sqrt(80000), 'neighbours agree in half of their bits');
  const words = (...key: [number, ...number[]]) => new Random(...key).state().words.join();
  const keys: [number, ...number[]][] = [[1], [1, 0], [1, 0, 0], [0, 1], [2 ** 32], [2 ** 32 + 1], [1, 1], [1, 0, 1]];
  t.equal(new Set(keys.map((key) => words(...key))).size, keys.length);
});

void t.test('a fork depends on the key only, not on what was drawn', async (t) => {
  const random = new Random(9, 4);
  const before = random.fork(1).state();
  random.uint32();
  t.strictSame(random.fork(1).state(), before);
  t.strictSame(new Random(9, 4, 1).state(), before);
  t.notSame(random.fork(2).state(), before);
});

void t.test('a state goes through JSON and on from there', async () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.array(fc.constantFrom('uint32', 'uniform', 'normal')), (seed, calls) => {
      const random = new Random(seed);
      for (const call of calls as ('uint32' | 'uniform' | 'normal')[]) random[call]();
      const other = new Random(0);
      other.restore(JSON.parse(JSON.stringify(random.state())) as RandomState);
      for (let i = 0; i < 3; i++) assert.equal(other.normal(), random.normal());
    }),
  );
});

void t.test('what is no seed and no state is refused', async (t) => {
  for (const seed of [-1, 0.5, NaN, 2 ** 53]) t.throws(() => new Random(seed), /random: seed/);
  for (const word of [-1, 0.5, 2 ** 32]) t.throws(() => new Random(1, word), /random: stream word/);
  for (const words of [
    [0, 0, 0, 0],
    [1, 2, 3],
    [1, 2, 3, -4],
  ]) {
    t.throws(() => new Random(1).restore({ words, spare: null }), /is not four 32-bit words/);
  }
});

void t.test('shuffle permutes, and makes all orders equally often', async (t) => {
  const random = new Random(11);
  const counts = new Map<string, number>();
  for (let i = 0; i < 24000; i++) {
    const items = [0, 1, 2, 3];
    random.shuffle(items);
    counts.set(items.join(), (counts.get(items.join()) ?? 0) + 1);
  }
  t.equal(counts.size, 24);
  t.ok(Math.abs(excess([...counts.values()])) < 4);
  const items = Uint16Array.from({ length: 300 }, (_, i) => i);
  shuffle(items, random);
  t.notSame(items, items.slice().sort());
  t.strictSame(
    items.slice().sort(),
    Uint16Array.from({ length: 300 }, (_, i) => i),
  );
});
