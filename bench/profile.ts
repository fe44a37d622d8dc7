// Where the time of our step goes: launches by kernel, most expensive first.
import { addLaunches } from './launches.js';
import type { Answer, Launches } from './protocol.js';
import { digits, percent, table } from './table.js';

/** A table of the mean step. */
export function profile(answers: readonly Answer[], peakGflops: number): string {
  const sums = new Map<string, Launches>();
  for (const { kernels } of answers)
    for (const kernel of kernels ?? []) {
      const sum = sums.get(kernel.name);
      sums.set(kernel.name, sum ? addLaunches(sum, kernel) : kernel);
    }
  const sorted = [...sums.values()].sort((a, b) => b.ms - a.ms);
  const lines = sorted.map(({ name, calls, ms, flops }) => {
    const gflops = flops / ms / 1e6;
    const limit = flops > 0 ? [digits(gflops), percent(gflops / peakGflops)] : ['', ''];
    return [name, digits(calls / answers.length), digits(ms / answers.length), ...limit];
  });
  return table(['kernel', 'calls', 'ms', 'GFLOP/s', 'of peak'], lines);
}
