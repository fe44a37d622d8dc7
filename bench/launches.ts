// Counts and times the launches of a backend: what a step's work is, and where its time goes.
import type { Backend, Launch, View } from '../kernels/backend.js';
import { cellsOf } from '../kernels/kernel.js';
import { flopsOf } from './flops.js';
import type { Launches } from './protocol.js';

type Operands = Readonly<Record<string, View | number>>;

/** Bytes of the arrays that a launch reads and writes, each counted once a direction, at 4 a cell. */
export function bytesOf(kernel: string, inputs: Operands, outputs: Operands): number {
  // Of a table, gather reads the rows that it copies.
  const read = kernel === 'gather' ? { ...inputs, table: outputs.y } : inputs;
  const views = [...Object.values(read), ...Object.values(outputs)].filter((operand) => typeof operand !== 'number');
  return views.reduce((sum, { dims }) => sum + 4 * cellsOf(dims), 0);
}

/** From now on counts every launch; `begin` starts anew with a batch, `list` says what there was since. */
export function countLaunches(backend: Backend): { begin(offsets: Int32Array): void; list(): Launches[] } {
  const counts = new Map<string, Launches>();
  let keys = 0;
  const add = (name: string, ms: number, launches: readonly Launch[]) => {
    let sum = counts.get(name) ?? { name, calls: 0, ms: 0, flops: 0, bytes: 0 };
    sum = addLaunches(sum, { name, calls: 1, ms, flops: 0, bytes: 0 });
    for (const { inputs, outputs } of launches) {
      const flops = flopsOf(name, inputs, outputs, keys);
      sum = addLaunches(sum, { name, calls: 0, ms: 0, flops, bytes: bytesOf(name, inputs, outputs) });
    }
    counts.set(name, sum);
  };
  const launch = backend.launch.bind(backend);
  backend.launch = (kernel, inputs, outputs) => {
    const start = performance.now();
    launch(kernel, inputs, outputs);
    add(kernel.name, performance.now() - start, [{ inputs, outputs }]);
  };
  const launchAll = backend.launchAll.bind(backend);
  backend.launchAll = (kernel, launches) => {
    const start = performance.now();
    launchAll(kernel, launches);
    add(kernel.name, performance.now() - start, launches);
  };
  return {
    begin: (offsets) => {
      counts.clear();
      keys = meanKeys(offsets);
    },
    list: () => [...counts.values()],
  };
}

/** Keys that a query sees, on average over all tokens of the batch. */
function meanKeys(offsets: Int32Array): number {
  const lengths = Array.from(offsets.subarray(1), (end, b) => end - offsets[b]);
  return lengths.reduce((sum, length) => sum + length ** 2, 0) / offsets[offsets.length - 1];
}

/** The sum of two counts of one kernel. */
function addLaunches(a: Launches, b: Launches): Launches {
  const { name } = a;
  return { name, calls: a.calls + b.calls, ms: a.ms + b.ms, flops: a.flops + b.flops, bytes: a.bytes + b.bytes };
}

/** The launches of a mean step, by kernel, those that take longest first. */
export function meanLaunches(steps: readonly (readonly Launches[])[]): Launches[] {
  const sums = new Map<string, Launches>();
  for (const kernel of steps.flat()) {
    const sum = sums.get(kernel.name);
    sums.set(kernel.name, sum ? addLaunches(sum, kernel) : kernel);
  }
  const share = 1 / steps.length;
  return [...sums.values()]
    .map(({ name, calls, ms, flops, bytes }) => ({
      name,
      calls: calls * share,
      ms: ms * share,
      flops: flops * share,
      bytes: bytes * share,
    }))
    .sort((a, b) => b.ms - a.ms);
}
