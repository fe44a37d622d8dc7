// From the answers of the contenders to the rows of the table.
import type { Course } from './conduct.js';
import { meanLaunches } from './launches.js';
import { median } from './peak.js';
import type { Answer, Launches } from './protocol.js';

/** One line of the table; `--json` prints an array of these. */
export interface Row {
  /** Work and model. */
  name: string;
  /** Sequences x tokens, and the vocabulary. */
  shape: string;
  contender: string;
  version: string;
  threads: number;
  /** Processors, and our own runtime. */
  machine: string;
  medianMs: number;
  minMs: number;
  maxMs: number;
  /** Of every round. */
  times: number[];
  /** Our time over this one's: the median over the rounds, in which both had the same batch. 1 for ours. */
  ratio: number;
  /** Real tokens, padding not counted. */
  tokensPerSecond: number;
  /** Useful work, in every row what our step needs: multiplies and adds of matrix products, nothing computed twice. */
  gflops: number;
  /** SIMD peak of as many threads, the median of those measured before our steps. */
  peakGflops: number;
  peakShare: number;
  /** GB/s that as many threads copy, reading and writing counted. */
  copyGigabytes: number;
  /** Most megabytes of the process that were ever resident. */
  peakMegabytes: number;
  /** From the start of the process to the end of its first step. */
  startMs: number;
  /** Of every round; the same for all contenders without dropout. */
  losses: number[];
  /** Of our own step only: the launches of a mean step. */
  kernels?: Launches[];
}

/** A contender that could not take part, or not to the end. */
export interface Absence {
  contender: string;
  reason: string;
}

/** What the rows have in common. */
export interface Setting {
  name: string;
  shape: string;
  /** Real tokens of the batch of each round. */
  tokens: readonly number[];
  /** What the machine could do, measured around our steps. */
  peaks: readonly number[];
  copies: readonly number[];
  machine: string;
}

/** The rows of all who went the whole way, ours first, and who did not. @throws if ours did not */
export function rowsOf([ours, ...others]: readonly Course[], setting: Setting): { rows: Row[]; absent: Absence[] } {
  if (ours.failure) throw new Error(`bench step: our own step failed: ${ours.failure}`);
  const absent = others.flatMap(({ name, failure }) => (failure ? { contender: name, reason: failure } : []));
  const rows = [ours, ...others.filter(({ failure }) => !failure)].map((course) => row(course, ours.answers, setting));
  return { rows, absent };
}

function row({ about, answers, startMs, name: contender, variant }: Course, ours: Answer[], setting: Setting): Row {
  const { name, shape, tokens, peaks, copies, machine } = setting;
  const times = answers.map(({ ms }) => ms);
  const flops = ours.map(({ kernels }) => kernels!.reduce((sum, kernel) => sum + kernel.flops, 0));
  const gflops = median(times.map((ms, n) => flops[n] / ms / 1e6));
  const peakGflops = median(peaks);
  return {
    name,
    shape,
    contender: contender === about!.name ? `${contender} ${variant}` : contender,
    version: about!.version,
    threads: about!.threads,
    machine,
    medianMs: median(times),
    minMs: Math.min(...times),
    maxMs: Math.max(...times),
    times,
    ratio: median(times.map((ms, n) => ours[n].ms / ms)),
    tokensPerSecond: median(times.map((ms, n) => (1000 * tokens[n]) / ms)),
    gflops,
    peakGflops,
    peakShare: gflops / peakGflops,
    copyGigabytes: median(copies),
    peakMegabytes: Math.max(...answers.map(({ rss }) => rss)) / 1e6,
    startMs: startMs!,
    losses: answers.map(({ loss }) => loss),
    ...(answers === ours && { kernels: meanLaunches(answers.map(({ kernels }) => kernels!)) }),
  };
}
