// Confidence intervals for means over queries, by the percentile bootstrap. After Efron (1979) and Sakai (SIGIR 2006).
import { Random } from '../core/index.js';
import type { Evaluation, Scores } from './metrics.js';

export interface BootstrapOptions {
  /** Samples drawn with replacement, each as large as the original. */
  readonly resamples?: number;
  /** How often such an interval is to contain the truth, in (0, 1). */
  readonly level?: number;
  readonly seed?: number;
}

export interface Interval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/**
 * The mean of values, one a query, and its confidence interval: the quantiles of the means of resamples. The same seed
 * gives the same interval.
 * @throws if there are no values, or one is not finite, or an option is out of range
 */
export const bootstrapMean = (values: readonly number[], options: BootstrapOptions = {}): Promise<Interval> =>
  bootstrapCrossed([[values]], options);

/**
 * The mean over sets of queries, each counting the same, of what several runs (seeds) scored, and its confidence interval over
 * queries and runs: each resample draws runs, the same for all sets, and queries of each set, the same for all runs. After
 * Owen (2007), "The pigeonhole bootstrap", which is no narrower than it should be; but of a few runs, however spread, no
 * bootstrap sees more than these (with one run the interval is over queries alone).
 * @param sets by set, by run, a value a query
 * @throws if a set has no values, or its runs have not as many, or as `bootstrapMean`
 */
export async function bootstrapCrossed(
  sets: readonly (readonly (readonly number[])[])[],
  { resamples = 10_000, level = 0.95, seed = 0 }: BootstrapOptions = {},
): Promise<Interval> {
  checkValues(sets);
  if (!Number.isInteger(resamples) || resamples < 1) {
    throw new Error(`bootstrap: resamples = ${resamples}, expected a whole number of at least 1; 10000 is usual.`);
  }
  if (!(level > 0 && level < 1))
    throw new Error(`bootstrap: level = ${level}, expected between 0 and 1; 0.95 is usual.`);
  // Imported late, and of plain numbers only: mathjs takes a second to load whole, and most commands need none of it.
  const { mean, quantileSeq } = await import('mathjs/number');
  const tail = (1 - level) / 2;
  // Sorted here: of values not sorted, quantileSeq takes quadratic time where many are equal.
  const means = Array.from(resampledMeans(sets, resamples, seed).sort());
  const [low, high] = quantileSeq(means, [tail, 1 - tail], true) as number[];
  const average = (values: readonly number[]): number => mean(values as number[]);
  return { mean: average(sets.map((runs) => average(runs.map(average)))), low, high };
}

function checkValues(sets: readonly (readonly (readonly number[])[])[]): void {
  if (sets.length === 0 || sets.some((runs) => runs.length === 0 || runs.some((values) => values.length === 0)))
    throw new Error('bootstrap: no values, expected one a query; evaluate some queries first.');
  if (sets.some((runs) => runs.length !== sets[0].length || runs.some(({ length }) => length !== runs[0].length)))
    throw new Error(
      'bootstrap: not as many values of every run, expected one a query and run; evaluate all runs on the same queries.',
    );
  for (const values of sets.flat()) {
    const wrong = values.findIndex((value) => !Number.isFinite(value));
    if (wrong >= 0)
      throw new Error(`bootstrap: value ${wrong} is ${values[wrong]}, expected a finite number; drop it.`);
  }
}

/**
 * The mean of a - b, where a[i] and b[i] are two systems' scores of the same query, and its confidence interval. Pairing
 * takes the queries' difficulty out, so the interval is far narrower than the two means' own suggest; if it excludes 0
 * the difference is significant at 1 - level.
 * @throws if the lengths differ, or as `bootstrapMean`
 */
export async function bootstrapDifference(
  a: readonly number[],
  b: readonly number[],
  options: BootstrapOptions = {},
): Promise<Interval> {
  if (a.length !== b.length) {
    throw new Error(
      `bootstrap: ${a.length} and ${b.length} values, expected pairs; score both systems on the same queries.`,
    );
  }
  return bootstrapMean(
    a.map((value, i) => value - b[i]),
    options,
  );
}

/** One metric of a run, averaged, with its confidence interval. @throws as `bootstrapMean` */
export function metricInterval(
  evaluation: Evaluation,
  metric: keyof Scores,
  options: BootstrapOptions = {},
): Promise<Interval> {
  return bootstrapMean(
    [...evaluation.perQuery.values()].map((scores) => scores[metric]),
    options,
  );
}

/**
 * How much better run `a` is than run `b` in one metric, paired by query, with its confidence interval.
 * @throws if they are of different queries
 */
export async function compareRuns(
  a: Evaluation,
  b: Evaluation,
  metric: keyof Scores,
  options: BootstrapOptions = {},
): Promise<Interval> {
  const queries = [...a.perQuery.keys()];
  const unpaired = queries.find((query) => !b.perQuery.has(query));
  if (unpaired !== undefined || a.perQuery.size !== b.perQuery.size) {
    throw new Error(
      `compare: runs of ${a.perQuery.size} and ${b.perQuery.size} queries that are not the same ones; evaluate both with the same qrels.`,
    );
  }
  const values = ({ perQuery }: Evaluation): number[] =>
    queries.map((query) => (perQuery.get(query) as Scores)[metric]);
  return bootstrapDifference(values(a), values(b), options);
}

function resampledMeans(
  sets: readonly (readonly (readonly number[])[])[],
  resamples: number,
  seed: number,
): Float64Array {
  const random = new Random(seed);
  const runs = sets[0].length;
  // What a query scored in the runs that are drawn, together: filled anew for each resample, but for one run alone.
  const pools = sets.map(([values]) => Float64Array.from(values));
  return new Float64Array(resamples).map(() => {
    if (runs > 1) {
      pools.forEach((pool) => pool.fill(0));
      for (let i = 0; i < runs; i++) {
        const run = random.below(runs);
        pools.forEach((pool, set) => sets[set][run].forEach((value, query) => (pool[query] += value)));
      }
    }
    let all = 0;
    for (const pool of pools) {
      let sum = 0;
      for (let i = 0; i < pool.length; i++) sum += pool[random.below(pool.length)];
      all += sum / pool.length;
    }
    return all / (sets.length * runs);
  });
}
