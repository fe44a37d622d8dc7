// Kernels that reduce the middle axis of x [outer, n, inner]; kernels/library/reduce.ts says what each is.
//
// Rows are read one after the other, which memory likes best; the order of every sum is fixed by blocks of BLOCK rows.
import { Lanes } from './lanes';
import { addRow, copyRow, fillRow, maxRow, sumRow } from './row';

/** Rows of a block, as in kernels/wasm/natives/reduce.ts. */
const BLOCK: i32 = 64;

/** inner = 1: y[row] = sum of a row of n floats, block by block. A task is a row. */
export function sumRows(x: usize, y: usize, n: i32, begin: i32, end: i32): void {
  for (let row = begin; row < end; row++) {
    const from = x + ((<usize>(row * n)) << 2);
    let total: f32 = 0;
    for (let i = 0; i < n; i += BLOCK * 16) total += sumRow(from + ((<usize>i) << 2), min(BLOCK * 16, n - i));
    store<f32>(y + ((<usize>row) << 2), total);
  }
}

/**
 * Sums of BLOCK rows each: y[outer][block][column] over the rows of a block of x [outer, n, inner]. A task is a block;
 * tasks = outer * ceil(n / BLOCK). Called again on its own result until one block is left.
 */
export function sumBlocks(x: usize, y: usize, n: i32, inner: i32, begin: i32, end: i32): void {
  const blocks = (n + BLOCK - 1) / BLOCK;
  const ld = (<usize>inner) << 2;
  for (let task = begin; task < end; task++) {
    const first = (task % blocks) * BLOCK;
    const rows = min(BLOCK, n - first);
    let from = x + <usize>((task / blocks) * n + first) * ld;
    const to = y + <usize>task * ld;
    copyRow(from, to, inner);
    for (let r = 1; r < rows; r++) {
      from += ld;
      addRow(from, to, inner);
    }
  }
}

/** inner = 1: y[row] = largest of a row of n floats. A task is a row. */
export function maxRows(x: usize, y: usize, n: i32, begin: i32, end: i32): void {
  for (let row = begin; row < end; row++) store<f32>(y + ((<usize>row) << 2), maxRow(x + ((<usize>(row * n)) << 2), n));
}

/** y[outer][column] = largest of a column. A task is one of `outer`. */
export function maxColumns(x: usize, y: usize, n: i32, inner: i32, begin: i32, end: i32): void {
  const ld = (<usize>inner) << 2;
  for (let task = begin; task < end; task++) {
    const to = y + <usize>task * ld;
    const from = x + <usize>(task * n) * ld;
    fillRow(to, -Infinity, inner);
    for (let r = 0; r < n; r++) largerRow(from + <usize>r * ld, to, inner);
  }
}

/** to = the larger of to and from. */
function largerRow(from: usize, to: usize, n: i32): void {
  for (let i = 0; i < n; i += 4) {
    const at = (<usize>i) << 2;
    Lanes.store(to + at, f32x4.max(Lanes.load(to + at, n - i), Lanes.load(from + at, n - i)), n - i);
  }
}
