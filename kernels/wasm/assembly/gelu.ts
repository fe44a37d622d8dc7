// Bias and GELU, and their gradient, in one pass each; kernels/library/gelu.ts says what each kernel is.
import { Lanes } from './lanes';
import { Normal } from './normal';
import { fillRow } from './row';

/** Rows whose part of dbias is summed by one task, as BLOCK in kernels/wasm/natives/reduce.ts. */
const BLOCK: i32 = 64;

/** What is done to `count` (4 or fewer) cells at offset `at`; a count of 4 that is known when compiling costs no test. */
class Step {
  @inline static value(x: usize, bias: usize, y: usize, at: usize, count: i32): void {
    const sum = f32x4.add(Lanes.load(x + at, count), Lanes.load(bias + at, count));
    const a = Normal.magnitude(sum);
    Lanes.store(y + at, Normal.gelu(sum, a, Normal.bell(a), Normal.mills(a)), count);
  }

  @inline static both(x: usize, bias: usize, y: usize, slope: usize, at: usize, count: i32): void {
    const sum = f32x4.add(Lanes.load(x + at, count), Lanes.load(bias + at, count));
    const a = Normal.magnitude(sum);
    const bell = Normal.bell(a);
    const ratio = Normal.mills(a);
    Lanes.store(y + at, Normal.gelu(sum, a, bell, ratio), count);
    Lanes.store(slope + at, Normal.slope(sum, a, bell, ratio), count);
  }

  @inline static gradient(dy: usize, slope: usize, dx: usize, dbias: usize, at: usize, count: i32): void {
    const d = f32x4.mul(Lanes.load(dy + at, count), Lanes.load(slope + at, count));
    Lanes.store(dx + at, d, count);
    Lanes.store(dbias + at, f32x4.add(Lanes.load(dbias + at, count), d), count);
  }
}

/** A task is a row of n floats. */
export function biasGelu(x: usize, bias: usize, y: usize, n: i32, begin: i32, end: i32): void {
  const ld = (<usize>n) << 2;
  for (let row = begin; row < end; row++) {
    const offset = <usize>row * ld;
    const from = x + offset;
    const to = y + offset;
    let i = 0;
    for (; i + 8 <= n; i += 8) {
      Step.value(from, bias, to, (<usize>i) << 2, 4);
      Step.value(from, bias, to, (<usize>(i + 4)) << 2, 4);
    }
    for (; i < n; i += 4) Step.value(from, bias, to, (<usize>i) << 2, n - i);
  }
}

/** A task is a row of n floats. */
export function biasGeluSlope(x: usize, bias: usize, y: usize, slope: usize, n: i32, begin: i32, end: i32): void {
  const ld = (<usize>n) << 2;
  for (let row = begin; row < end; row++) {
    const offset = <usize>row * ld;
    const from = x + offset;
    const to = y + offset;
    const toSlope = slope + offset;
    let i = 0;
    for (; i + 8 <= n; i += 8) {
      Step.both(from, bias, to, toSlope, (<usize>i) << 2, 4);
      Step.both(from, bias, to, toSlope, (<usize>(i + 4)) << 2, 4);
    }
    for (; i < n; i += 4) Step.both(from, bias, to, toSlope, (<usize>i) << 2, n - i);
  }
}

/** dx, and partial[task] = the sum of BLOCK rows of dx. A task is BLOCK rows; tasks = ceil(rows / BLOCK). */
export function biasGeluGradient(
  dy: usize,
  slope: usize,
  dx: usize,
  partial: usize,
  n: i32,
  rows: i32,
  begin: i32,
  end: i32,
): void {
  const ld = (<usize>n) << 2;
  for (let task = begin; task < end; task++) {
    const sums = partial + <usize>task * ld;
    fillRow(sums, 0, n);
    const last = min(rows, (task + 1) * BLOCK);
    for (let row = task * BLOCK; row < last; row++) {
      const offset = <usize>row * ld;
      let i = 0;
      for (; i + 8 <= n; i += 8) {
        Step.gradient(dy + offset, slope + offset, dx + offset, sums, (<usize>i) << 2, 4);
        Step.gradient(dy + offset, slope + offset, dx + offset, sums, (<usize>(i + 4)) << 2, 4);
      }
      for (; i < n; i += 4) Step.gradient(dy + offset, slope + offset, dx + offset, sums, (<usize>i) << 2, n - i);
    }
  }
}
