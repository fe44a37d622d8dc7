// `npm run bench -- gemm --step N`: a step of docs/matmul.md, checked before it is timed, as a share of the SIMD peak.
import { Engine } from '../../kernels/wasm/engine.js';
import { elapsed, measurePeak, median } from '../peak.js';
import { digits, percent, table } from '../table.js';
import { errorOf, gemmSteps, product, type Step } from './gemm-steps.js';

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
/** A float32 sum of hundreds of terms is this near. */
const NEAR = 3e-6;

/** @throws naming the step and the shape that it gets wrong */
export async function checkStep(step: Step, size: number): Promise<void> {
  for (const [m, n, k, every] of [...odd.map((shape) => [...shape, 1]), [size, size, size, 31]]) {
    const error = await errorOf(step, product(m, n, k), every);
    if (!(error < NEAR))
      throw new Error(`${step.name}: ${m} x ${n} x ${k} is wrong by ${error} of what is added up; it is not timed.`);
  }
}

/** @param numbers steps, from 1; all are checked before the first is timed, and rounds go from step to step */
export async function measureSteps(numbers: readonly number[], size: number, rounds: number): Promise<StepRow[]> {
  for (const number of numbers) await checkStep(gemmSteps[number - 1], size);
  const given = product(size, size, size);
  const engines = new Map<number, Engine>();
  const entries = [];
  for (const number of numbers) {
    const step = gemmSteps[number - 1];
    if (!engines.has(step.threads)) engines.set(step.threads, await Engine.open({ threads: step.threads }));
    entries.push({ number, step, loaded: await step.load(given), ms: [] as number[], peaks: [] as number[] });
  }
  // The first round is for the compilers, which optimise what has run.
  for (let round = -1; round < rounds; round++)
    for (const { step, loaded, ms, peaks } of entries) {
      const engine = engines.get(step.threads)!;
      const before = measurePeak(engine);
      const time = elapsed(() => loaded.run());
      if (round >= 0) ms.push(time);
      if (round >= 0) peaks.push(before, measurePeak(engine));
    }
  await Promise.all([...entries.map(({ loaded }) => loaded.close()), ...[...engines.values()].map((e) => e.close())]);
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

/** @throws if it is neither `all` nor the number of a step */
export function stepNumbers(text: string): number[] {
  const all = gemmSteps.map((_, i) => i + 1);
  if (text === 'all') return all;
  const number = Number(text);
  if (!all.includes(number)) throw new Error(`bench gemm: --step ${text}: give a step from 1 to ${all.length}, or all`);
  return [number];
}
