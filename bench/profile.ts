// Where the time of our step goes: launches by kernel, most expensive first, beside the limit that holds for each.
import type { Row } from './rows.js';
import { digits, percent, table } from './table.js';

/** A table of the mean step. Kernels with matrix products are held against the SIMD peak, all others against copying. */
export function profile({ kernels = [], times, peakGflops, copyGigabytes }: Row): string {
  const lines = kernels.map(({ name, calls, ms, flops, bytes }) => {
    const gflops = flops / ms / 1e6;
    const gigabytes = bytes / ms / 1e6;
    const limited =
      flops > 0
        ? [digits(gflops), '', percent(gflops / peakGflops)]
        : ['', digits(gigabytes), percent(gigabytes / copyGigabytes)];
    return [name, digits(calls), digits(ms), ...limited];
  });
  const mean = times.reduce((sum, ms) => sum + ms, 0) / times.length;
  const rest = kernels.reduce((left, { ms }) => left - ms, mean);
  const head = ['kernel', 'calls', 'ms', 'GFLOP/s', 'GB/s', 'of limit'];
  return table(head, [...lines, ['outside kernels', '', digits(rest), '', '', '']]);
}
