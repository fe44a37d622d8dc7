// `npm run bench -- gemm --step N`: a step of docs/matmul.md, checked before it is timed, as a share of the SIMD peak.
import { Engine } from '../../kernels/wasm/engine.js';
import { elapsed, measurePeak, median } from '../peak.js';
import { digits, percent, table } from '../table.js';
import { gemmSteps, product, type Product, type Step, wrongIn } from './gemm-steps.js';

/** One line of the table. */
export interface StepRow {
  readonly step: number;
  readonly name: string;
  readonly threads: number;
  /** M = N = K. */
  readonly size: number;
  readonly medianMs: number;
  readonly gflops: number;
  /** Of the SIMD peak of as many threads, measured between the rounds. */
  readonly peakShare: number;
}

/** Shapes that no tile and no block divides, and those of a single row, column or term. */
const odd = [
  [1, 1, 1],
  [7, 13, 5],
  [13, 9, 0],
  [1, 70, 33],
  [67, 1, 129],
  [197, 45, 531],
] as const;

/** Rows that are looked at of a large product: every so-manieth. */
const EVERY = 31;
/** A slow step has no more rounds when it has taken so many seconds. */
const PATIENCE = 8;

/** @throws naming the step and the shape that it gets wrong */
function check(step: Step, c: Float32Array, given: Product, every = 1): void {
  const wrong = wrongIn(c, given, every);
  const { m, n, k } = given;
  if (wrong)
    throw new Error(
      `${step.name}: of ${m} x ${n} x ${k}, row ${wrong.row}, column ${wrong.column} is ${wrong.found}, expected ${wrong.expected}; nothing is timed.`,
    );
}

/** A step on shapes that do not fit it, each computed twice: what an earlier product left must not be added to. */
export async function checkStep(step: Step): Promise<void> {
  for (const [m, n, k] of odd) {
    const given = product(m, n, k);
    const loaded = await step.load(given);
    try {
      loaded.run();
      loaded.run();
      check(step, loaded.result(), given);
    } finally {
      await loaded.close();
    }
  }
}

/** @param numbers steps, from 1; all are checked before the first is timed, and rounds go from step to step */
export async function measureSteps(numbers: readonly number[], size: number, rounds: number): Promise<StepRow[]> {
  const given = product(size, size, size);
  const engines = new Map<number, Engine>();
  const entries = [];
  for (const number of numbers) {
    const step = gemmSteps[number - 1];
    await checkStep(step);
    const loaded = await step.load(given);
    // This round is for the compilers too, which optimise what has run.
    loaded.run();
    check(step, loaded.result(), given, EVERY);
    if (!engines.has(step.threads)) engines.set(step.threads, await Engine.open({ threads: step.threads }));
    entries.push({ number, step, loaded, ms: [] as number[], peaks: [] as number[] });
  }
  for (let round = 0; round < rounds; round++)
    for (const { step, loaded, ms, peaks } of entries) {
      if (ms.reduce((sum, each) => sum + each, 0) > PATIENCE * 1000) continue;
      const engine = engines.get(step.threads)!;
      peaks.push(measurePeak(engine));
      ms.push(elapsed(() => loaded.run()));
      peaks.push(measurePeak(engine));
    }
  await Promise.all([...entries, ...engines.values()].map((each) => ('loaded' in each ? each.loaded : each).close()));
  return entries.map(({ number, step, ms, peaks }) => {
    const medianMs = median(ms);
    const gflops = (2 * size ** 3) / medianMs / 1e6;
    const { name, threads } = step;
    return { step: number, name, threads, size, medianMs, gflops, peakShare: gflops / median(peaks) };
  });
}

const head = ['step', 'what is new', 'ms', 'GFLOP/s', 'of the peak', 'times as fast as before'];

/** The rows as cells: the factor is that over the row above. */
export const stepCells = (rows: readonly StepRow[]): string[][] =>
  rows.map(({ step, name, medianMs, gflops, peakShare }, i) => [
    String(step),
    name,
    digits(medianMs),
    digits(gflops),
    percent(peakShare),
    i === 0 ? '' : (rows[i - 1].medianMs / medianMs).toFixed(1),
  ]);

export const stepHead: readonly string[] = head;
export const stepsText = (rows: readonly StepRow[]): string => table(head, stepCells(rows));

/** All, or a step with the one before it, which it is compared with. @throws if it is neither `all` nor the number of a step */
export function stepNumbers(text: string): number[] {
  const all = gemmSteps.map((_, i) => i + 1);
  if (text === 'all') return all;
  const number = Number(text);
  if (!all.includes(number)) throw new Error(`bench gemm: --step ${text}: give a step from 1 to ${all.length}, or all`);
  return all.slice(Math.max(0, number - 2), number);
}
