// Where the time of our step goes: launches by kernel, most expensive first, beside the limit that holds for each.
import { addLaunches } from './launches.js';
import type { Answer, Launches } from './protocol.js';
import { digits, percent, table } from './table.js';

/** What the machine can do: multiplies and adds, and bytes moved when copying. */
export interface Limits {
  peakGflops: number;
  copyGigabytes: number;
}

/** A table of the mean step. Kernels with matrix products are held against the SIMD peak, all others against copying. */
export function profile(answers: readonly Answer[], { peakGflops, copyGigabytes }: Limits): string {
  const sums = new Map<string, Launches>();
  for (const { kernels } of answers)
    for (const kernel of kernels ?? []) {
      const sum = sums.get(kernel.name);
      sums.set(kernel.name, sum ? addLaunches(sum, kernel) : kernel);
    }
  const sorted = [...sums.values()].sort((a, b) => b.ms - a.ms);
  const rest = answers.reduce((sum, { ms }) => sum + ms, 0) - sorted.reduce((sum, { ms }) => sum + ms, 0);
  const perStep = (sum: number) => digits(sum / answers.length);
  const lines = sorted.map(({ name, calls, ms, flops, bytes }) => {
    const gflops = flops / ms / 1e6;
    const gigabytes = bytes / ms / 1e6;
    const limited =
      flops > 0
        ? [digits(gflops), '', percent(gflops / peakGflops)]
        : ['', digits(gigabytes), percent(gigabytes / copyGigabytes)];
    return [name, perStep(calls), perStep(ms), ...limited];
  });
  const head = ['kernel', 'calls', 'ms', 'GFLOP/s', 'GB/s', 'of limit'];
  return table(head, [...lines, ['outside kernels', '', perStep(rest), '', '', '']]);
}
