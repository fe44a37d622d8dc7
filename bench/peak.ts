// The limits that the other benchmarks are measured against: 128-bit multiplies and adds, and copying.
import type { Engine } from '../kernels/wasm/engine.js';

/** Floating-point operations of one round of the kernel `peak`: 2048 steps of 64. */
const ROUND = 2048 * 64;
/** Rounds of a task, eight of which a thread does in about a millisecond. */
const ROUNDS = 50;

/**
 * Floating-point operations a second, in units of 10^9, of plain SIMD on all threads of the engine, right now: measured
 * for about a millisecond. Take it again around every other measurement, for clocks and neighbours change.
 */
export function measurePeak(engine: Engine): number {
  const tasks = 8 * engine.threads;
  const sink = engine.heap.alloc(16 * tasks);
  // Wakes the threads, whose sleep is not what is measured.
  engine.run('peak', tasks, [sink, 10, 1]);
  const ms = elapsed(() => engine.run('peak', tasks, [sink, ROUNDS, 1]));
  engine.heap.free(sink);
  return (tasks * ROUNDS * ROUND) / ms / 1e6;
}

/** Cells of each of the two arrays that are copied: 64 MB, beyond any cache. */
const COPIED = 1 << 24;

/** Bytes that all threads of the engine move a second when they copy, read and written ones counted, in units of 10^9. */
export function measureCopy(engine: Engine): number {
  const [from, to] = [0, 1].map(() => engine.heap.alloc(4 * COPIED));
  const blocks = COPIED / 4096;
  // The first pass over new memory asks the system for its pages.
  const times = [0, 1, 2].map(() => elapsed(() => engine.run('copy', blocks, [from, to, COPIED])));
  engine.heap.free(from);
  engine.heap.free(to);
  return (8 * COPIED) / Math.min(...times) / 1e6;
}

/** Milliseconds that `action` takes. */
export function elapsed(action: () => void): number {
  const start = performance.now();
  action();
  return performance.now() - start;
}

/** The value that a share `q` of the values does not exceed: 0.5 is the median. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);
