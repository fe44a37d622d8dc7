// Bootstrap intervals: determinism, agreement with theory and with mathjs, coverage, pairing.
import { quantileSeq, std } from 'mathjs';
import fc from 'fast-check';
import t from 'tap';
import { Random } from '../../core/random.js';
import {
  bootstrapCrossed,
  bootstrapDifference,
  bootstrapMean,
  compareRuns,
  metricInterval,
} from '../../retrieval/bootstrap.js';
import { evaluateRun } from '../../retrieval/metrics.js';

const normals = (count: number, seed: number): number[] => {
  const random = new Random(seed);
  return Array.from({ length: count }, () => random.normal());
};

void t.test('the same seed, the same interval', async (t) => {
  const values = normals(50, 1);
  t.same(await bootstrapMean(values, { seed: 3 }), await bootstrapMean(values, { seed: 3 }));
  t.notSame(await bootstrapMean(values, { seed: 3 }), await bootstrapMean(values, { seed: 4 }));
});

void t.test('near the normal interval, and narrower at a lower level', async (t) => {
  const values = normals(400, 2);
  const { mean, low, high } = await bootstrapMean(values);
  const error = (std(values) as unknown as number) / Math.sqrt(values.length);
  t.ok(Math.abs((high - mean) / (1.96 * error) - 1) < 0.06, 'upper half');
  t.ok(Math.abs((mean - low) / (1.96 * error) - 1) < 0.06, 'lower half');
  const half = await bootstrapMean(values, { level: 0.5 });
  t.ok(Math.abs((half.high - half.low) / (2 * 0.6745 * error) - 1) < 0.06);
});

void t.test('quantiles of a law that is known, as mathjs has them', async (t) => {
  // A value that is alone makes every resample equal to it; two values make the means a binomial law.
  t.same(await bootstrapMean([0.25]), { mean: 0.25, low: 0.25, high: 0.25 });
  const { low, high } = await bootstrapMean([0, 1], { level: 0.4 });
  const law = [0, 0.5, 0.5, 1].flatMap((value) => new Array<number>(250).fill(value));
  t.same([low, high], quantileSeq([...law], [0.3, 0.7]));
  const wide = await bootstrapMean([0, 1], { level: 0.6 });
  t.same([wide.low, wide.high], quantileSeq([...law], [0.2, 0.8]));
});

void t.test('contains the mean, scales and shifts with the values', async () => {
  const values = fc.array(fc.integer({ min: 0, max: 64 }), { minLength: 3, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(values, async (values) => {
      const options = { resamples: 400 };
      const { mean, low, high } = await bootstrapMean(values, options);
      const moved = await bootstrapMean(
        values.map((value) => 4 * value - 8),
        options,
      );
      const near = (a: number, b: number): boolean => Math.abs(a - b) < 1e-9;
      return low <= mean && mean <= high && near(moved.low, 4 * low - 8) && near(moved.high, 4 * high - 8);
    }),
    { numRuns: 50 },
  );
});

void t.test('covers the truth about as often as it says', async (t) => {
  const trials = 300;
  let covered = 0;
  for (let trial = 0; trial < trials; trial++) {
    const { low, high } = await bootstrapMean(normals(60, 100 + trial), { resamples: 500, level: 0.9 });
    if (low <= 0 && 0 <= high) covered++;
  }
  // 90 %, with a standard error of 1.7 %, and the percentile interval falls a little short.
  t.ok(covered / trials > 0.83 && covered / trials < 0.95, `${covered} of ${trials}`);
});

void t.test('pairs', async (t) => {
  const difficulty = normals(100, 5);
  const noise = normals(100, 6);
  const a = difficulty.map((value, i) => value + 0.1 + 0.05 * noise[i]);
  const paired = await bootstrapDifference(a, difficulty);
  t.ok(paired.low > 0.08 && paired.high < 0.12, 'the difficulty of queries cancels');
  t.ok(Math.abs(paired.mean - 0.1) < 0.02);
  const one = await bootstrapMean(a);
  t.ok(one.high - one.low > 10 * (paired.high - paired.low));

  const qrels = new Map(['p', 'q', 'r'].map((query) => [query, new Map([['d', 1]])]));
  const run = (queries: string[]) => new Map(queries.map((query) => [query, [{ id: 'd', score: 1 }]]));
  const [all, some] = [evaluateRun(run(['p', 'q', 'r']), qrels), evaluateRun(run(['r']), qrels)];
  t.equal((await compareRuns(all, some, 'map')).mean, 2 / 3);
  t.same(await compareRuns(all, all, 'map'), { mean: 0, low: 0, high: 0 });
  t.same(await metricInterval(all, 'ndcg@10'), { mean: 1, low: 1, high: 1 });
  const other = evaluateRun(run(['p']), new Map([...qrels].slice(0, 1)));
  await t.rejects(compareRuns(all, other, 'map'), /runs of 3 and 1 queries that are not the same ones/);
});

void t.test('refused', async (t) => {
  await t.rejects(bootstrapMean([]), /bootstrap: no values/);
  await t.rejects(bootstrapMean([1, NaN]), /value 1 is NaN, expected a finite number/);
  await t.rejects(bootstrapMean([1], { level: 1 }), /level = 1, expected between 0 and 1/);
  await t.rejects(bootstrapMean([1], { resamples: 0 }), /resamples = 0, expected a whole number/);
  await t.rejects(bootstrapDifference([1], [1, 2]), /1 and 2 values, expected pairs/);
});

void t.test('over sets, runs and queries: the interval of a plain simulation', async (t) => {
  const [runs, sizes] = [3, [30, 12]];
  const random = new Random(11);
  const sets = sizes.map((size) => {
    const hard = normals(size, size);
    return Array.from({ length: runs }, (_, run) => hard.map((value) => value + run / 4 + random.normal() / 5));
  });
  const { mean, low, high } = await bootstrapCrossed(sets);
  // Draws written down, and then averaged as anyone would.
  const drawn = (count: number) => Array.from({ length: count }, () => random.below(count));
  const average = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const means = Array.from({ length: 10_000 }, () => {
    const seeds = drawn(runs);
    return average(
      sets.map((set) => {
        const queries = drawn(set[0].length);
        return average(seeds.flatMap((run) => queries.map((query) => set[run][query])));
      }),
    );
  });
  const [from, to] = quantileSeq(means, [0.025, 0.975]) as number[];
  const width = to - from;
  t.ok(Math.abs(low - from) < 0.03 * width && Math.abs(high - to) < 0.03 * width, `${low} ${high}, ${from} ${to}`);
  t.ok(Math.abs(mean - average(sets.map((set) => average(set.flat())))) < 1e-12);
  const queriesAlone = await bootstrapCrossed(sets.map((set) => [set[0]]));
  t.ok(queriesAlone.high - queriesAlone.low < high - low, 'seeds widen it');
  await t.rejects(bootstrapCrossed([]), /no values/);
  await t.rejects(bootstrapCrossed([[[1, 2], [1]]]), /not as many values of every run/);
  await t.rejects(bootstrapCrossed([[[1, NaN]]]), /value 1 is NaN/);
});

void t.test('one set and one run: bits as before runs and sets were known', async (t) => {
  const { low, high } = await bootstrapMean(normals(50, 1), { seed: 3 });
  const values = Float64Array.from(normals(50, 1));
  const random = new Random(3);
  const means = Float64Array.from({ length: 10_000 }, () => {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += values[random.below(values.length)];
    return sum / values.length;
  }).sort();
  t.same([low, high], quantileSeq(Array.from(means), [(1 - 0.95) / 2, 1 - (1 - 0.95) / 2], true));
});
