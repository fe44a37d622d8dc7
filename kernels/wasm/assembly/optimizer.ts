// What an optimizer step needs; kernels/library/optimizer.ts says what each kernel is.
import { Lanes } from './lanes';
import { fillRow, idsOf, squaresRow, sumRows } from './row';
import { scratch } from './scratch';

/** What is done to `count` (4 or fewer) cells at offset `at`; a count of 4 that is known when compiling costs no test. */
class Step {
  @inline static adamW(p: usize, m: usize, v: usize, g: usize, numbers: usize, at: usize, count: i32): void {
    const clipped = f32x4.mul(Lanes.load(g + at, count), v128.load32_splat(numbers));
    const oldMean = f32x4.mul(v128.load32_splat(numbers, 4), Lanes.load(m + at, count));
    const mean = f32x4.add(oldMean, f32x4.mul(v128.load32_splat(numbers, 8), clipped));
    const square = f32x4.mul(f32x4.mul(v128.load32_splat(numbers, 16), clipped), clipped);
    const spread = f32x4.add(f32x4.mul(v128.load32_splat(numbers, 12), Lanes.load(v + at, count)), square);
    const unbiased = f32x4.sqrt(f32x4.mul(spread, v128.load32_splat(numbers, 28)));
    const deviation = f32x4.add(unbiased, v128.load32_splat(numbers, 32));
    const move = f32x4.div(f32x4.mul(v128.load32_splat(numbers, 24), mean), deviation);
    const kept = f32x4.mul(v128.load32_splat(numbers, 20), Lanes.load(p + at, count));
    Lanes.store(m + at, mean, count);
    Lanes.store(v + at, spread, count);
    Lanes.store(p + at, f32x4.sub(kept, move), count);
  }
}

/** partial[task] = sum of the squares of a block. The table has a record for each task: pointer, cells, unused. */
export function squares(table: usize, partial: usize, begin: i32, end: i32): void {
  for (let task = begin; task < end; task++) {
    const record = table + <usize>(12 * task);
    store<f32>(partial + ((<usize>task) << 2), squaresRow(load<u32>(record), 0, load<i32>(record, 4)));
  }
}

/** One task. */
export function clipFactor(total: usize, factor: usize, limit: f32, _begin: i32, _end: i32): void {
  const one: f32 = 1;
  const tiny: f32 = 1e-6;
  store<f32>(factor, min<f32>(one, limit / (sqrt<f32>(load<f32>(total)) + tiny)));
}

/**
 * One AdamW step in one pass over p, m, v and g. The table has a record for each task: pointers to p, m, v, g, their number
 * of cells, and a pointer to nine floats: the factor that clips, beta1, 1 - beta1, beta2, 1 - beta2, 1 - lr decay,
 * lr / correction1, 1 / correction2, eps.
 */
export function adamW(table: usize, begin: i32, end: i32): void {
  for (let task = begin; task < end; task++) {
    const record = table + <usize>(24 * task);
    const p: usize = load<u32>(record);
    const m: usize = load<u32>(record, 4);
    const v: usize = load<u32>(record, 8);
    const g: usize = load<u32>(record, 12);
    stepRow(p, m, v, g, load<u32>(record, 20), load<i32>(record, 16));
  }
}

/** The step of n cells. */
function stepRow(p: usize, m: usize, v: usize, g: usize, numbers: usize, n: i32): void {
  let i = 0;
  for (; i + 4 <= n; i += 4) Step.adamW(p, m, v, g, numbers, (<usize>i) << 2, 4);
  if (i < n) Step.adamW(p, m, v, g, numbers, (<usize>i) << 2, n - i);
}

/** Rows of a task of the kernels whose gradient is rows by id, as ROWS in kernels/wasm/natives/optimizer.ts. */
const ROWS: i32 = 64;
/** Cells of a row that are taken at a time: so many are added up in scratch memory, however wide the row. */
const PIECE: i32 = 4096;

/** Where n cells of the rows listed from `first` to `last` (at least one) are added up: where they are if it is one row. */
function sumOf(dy: usize, ld: usize, first: usize, last: usize, n: i32): usize {
  if (last - first == 4) return dy + <usize>load<f32>(first) * ld;
  sumRows(dy, ld, first, last, scratch, n);
  return scratch;
}

/** partial[task] = sum of the squares of ROWS rows that `scatter` would make of dy; rows without ids are passed over. */
export function squaresRows(
  dy: usize,
  order: usize,
  starts: usize,
  partial: usize,
  rows: i32,
  width: i32,
  begin: i32,
  end: i32,
): void {
  const ld = (<usize>width) << 2;
  for (let task = begin; task < end; task++) {
    let sum: f64 = 0;
    for (let row = task * ROWS, stop = min(rows, row + ROWS); row < stop; row++) {
      const first = idsOf(order, starts, row);
      const last = idsOf(order, starts, row + 1);
      if (first == last) continue;
      for (let at = 0; at < width; at += PIECE) {
        const n = min(PIECE, width - at);
        sum += <f64>squaresRow(sumOf(dy + ((<usize>at) << 2), ld, first, last, n), 0, n);
      }
    }
    store<f32>(partial + ((<usize>task) << 2), <f32>sum);
  }
}

/**
 * The step of adamW where the gradient is what `scatter` would make of dy. A row without ids reads zeros that stay in the
 * first-level cache. A task is ROWS rows; numbers as in adamW.
 */
export function adamWRows(
  p: usize,
  m: usize,
  v: usize,
  dy: usize,
  order: usize,
  starts: usize,
  numbers: usize,
  rows: i32,
  width: i32,
  begin: i32,
  end: i32,
): void {
  const ld = (<usize>width) << 2;
  const zeros = scratch + ((<usize>PIECE) << 2);
  fillRow(zeros, 0, min(PIECE, width));
  for (let row = begin * ROWS, stop = min(rows, end * ROWS); row < stop; row++) {
    const first = idsOf(order, starts, row);
    const last = idsOf(order, starts, row + 1);
    for (let at = 0; at < width; at += PIECE) {
      const n = min(PIECE, width - at);
      const column = (<usize>at) << 2;
      const offset = <usize>row * ld + column;
      const g = first == last ? zeros : sumOf(dy + column, ld, first, last, n);
      stepRow(p + offset, m + offset, v + offset, g, numbers, n);
    }
  }
}
