// Cases above 2^24 cells, where a flat index is no longer exact in float32, with results from plain loops.
import { adamW, add, arrange, gather, scatter } from '../../kernels/library/index.js';
import { cellsOf, type Dims } from '../../kernels/kernel.js';
import { Random, vector, type Operand } from '../support/random.js';
import type { Case } from './case.js';

export interface LargeCase extends Case {
  readonly expected: Readonly<Record<string, Float32Array>>;
}

/** The embedding table of BERT. */
const words = 30522;
const width = 768;

/** Values repeat after this many cells, a prime: an index that is off by anything but its multiples shows. */
const period = 4093;

/** All exact in float32, and so are sums of two of them. */
const value = (cell: number, factor: number) => ((cell * factor) % period) / 4096 + 0.125;

/** An array whose first `period` cells follow a law, and all others repeat them. */
function periodic(cells: number, law: (cell: number) => number): Float32Array {
  const data = new Float32Array(cells);
  for (let i = 0; i < period; i++) data[i] = law(i);
  for (let done = period; done < cells; done *= 2) data.copyWithin(done, 0, Math.min(done, cells - done));
  return data;
}

const pattern = (dims: Dims, factor: number): Operand => ({
  dims,
  data: periodic(cellsOf(dims), (cell) => value(cell, factor)),
});

/** One case at a time, for each holds arrays of about a hundred megabytes. */
export function* largeCases(): Generator<LargeCase> {
  yield gatherCase();
  yield scatterCase();
  yield addCase(words * width);
  yield transposeCase(4097, 4101);
  yield adamWCase(4097, 4101);
}

function gatherCase(): LargeCase {
  const ids = [words - 1, words - 2, 0, 21845, 21846, 29999];
  return {
    kernel: gather,
    label: `${words} x ${width}`,
    inputs: { table: pattern([words, width], 7), ids: vector(ids) },
    outputs: { y: [ids.length, width] },
    expected: {
      y: Float32Array.from({ length: ids.length * width }, (_, cell) =>
        value(ids[Math.floor(cell / width)] * width + (cell % width), 7),
      ),
    },
    tolerance: 0,
  };
}

function scatterCase(): LargeCase {
  const x = new Random(5).array([3, width]);
  const last = words - 1;
  const y = new Float32Array(words * width);
  y.set(x.data.subarray(width, 2 * width), 5 * width);
  for (let i = 0; i < width; i++) y[last * width + i] = x.data[i] + x.data[2 * width + i];
  return {
    kernel: scatter,
    label: `${words} x ${width}`,
    inputs: {
      x,
      order: vector([1, 0, 2]),
      starts: vector(Array.from({ length: words + 1 }, (_, v) => (v <= 5 ? 0 : v <= last ? 1 : 3))),
    },
    outputs: { y: [words, width] },
    expected: { y },
    tolerance: 1e-7,
  };
}

function addCase(cells: number): LargeCase {
  return {
    kernel: add,
    label: `${cells}`,
    inputs: { a: pattern([cells], 7), b: pattern([cells], 11) },
    outputs: { y: [cells] },
    expected: { y: periodic(cells, (cell) => value(cell, 7) + value(cell, 11)) },
    tolerance: 0,
  };
}

function transposeCase(rows: number, columns: number): LargeCase {
  const x = pattern([1, rows, columns], 7);
  const y = new Float32Array(x.data.length);
  for (let i = 0; i < columns; i++) for (let j = 0; j < rows; j++) y[i * rows + j] = x.data[j * columns + i];
  const follows = { i0: 0, i1: 0, i2: 0, i3: 0, j0: 0, j1: 0, j2: 0, j3: 1, k0: 0, k1: 0, k2: 1, k3: 0 };
  return {
    kernel: arrange,
    label: `${rows} x ${columns} transposed`,
    inputs: { x, depth: 1, ...follows },
    outputs: { y: [1, columns, rows] },
    expected: { y },
    tolerance: 0,
  };
}

function adamWCase(rows: number, columns: number): LargeCase {
  const dims = [rows, columns];
  const cells = rows * columns;
  const [lr, beta, decay, correction1, correction2, factor] = [0.0625, 0.5, 0.125, 0.5, 0.25, 0.5];
  const m = (cell: number) => beta * value(cell, 11) + (1 - beta) * value(cell, 17) * factor;
  const v = (cell: number) => beta * value(cell, 13) + (1 - beta) * (value(cell, 17) * factor) ** 2;
  const step = (cell: number) => ((lr / correction1) * m(cell)) / (Math.sqrt(v(cell) / correction2) + 1e-8);
  return {
    kernel: adamW,
    label: `${rows} x ${columns}`,
    inputs: {
      ...{ p: pattern(dims, 7), m: pattern(dims, 11), v: pattern(dims, 13), g: pattern(dims, 17) },
      ...{ factor: vector([factor]), lr, beta1: beta, beta2: beta, eps: 1e-8, decay, correction1, correction2 },
    },
    outputs: { p: dims, m: dims, v: dims },
    expected: {
      p: periodic(cells, (cell) => value(cell, 7) * (1 - lr * decay) - step(cell)),
      m: periodic(cells, m),
      v: periodic(cells, v),
    },
    tolerance: 1e-6,
  };
}
