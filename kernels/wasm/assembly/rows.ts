// Softmax and dropout, row by row; kernels/library/rows.ts says what each kernel is. A task is a row.
import { Lanes } from './lanes';
import { Elementary } from './math';
import { Dropout } from './random';
import { maxRow } from './row';

export function softmax(x: usize, y: usize, n: i32, begin: i32, end: i32): void {
  for (let row = begin; row < end; row++) {
    const offset = (<usize>(row * n)) << 2;
    softmaxRow(x + offset, y + offset, n);
  }
}

function softmaxRow(x: usize, y: usize, n: i32): void {
  const top = f32x4.splat(maxRow(x, n));
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let i = 0;
  for (; i + 8 <= n; i += 8) {
    const at = (<usize>i) << 2;
    const e0 = Elementary.exp(f32x4.sub(v128.load(x + at), top));
    const e1 = Elementary.exp(f32x4.sub(v128.load(x + at, 16), top));
    v128.store(y + at, e0);
    v128.store(y + at, e1, 16);
    s0 = f32x4.add(s0, e0);
    s1 = f32x4.add(s1, e1);
  }
  for (; i < n; i += 4) {
    const at = (<usize>i) << 2;
    const e = Elementary.exp(f32x4.sub(Lanes.load(x + at, n - i), top));
    Lanes.store(y + at, e, n - i);
    s0 = f32x4.add(s0, v128.and(e, Lanes.mask(n - i)));
  }
  const total = f32x4.splat(Lanes.sum(f32x4.add(s0, s1)));
  for (i = 0; i + 4 <= n; i += 4) {
    const at = y + ((<usize>i) << 2);
    v128.store(at, f32x4.div(v128.load(at), total));
  }
  if (i < n) {
    const at = y + ((<usize>i) << 2);
    Lanes.store(at, f32x4.div(Lanes.load(at, n - i), total), n - i);
  }
}

export function softmaxGradient(y: usize, dy: usize, dx: usize, n: i32, begin: i32, end: i32): void {
  for (let row = begin; row < end; row++) {
    const offset = (<usize>(row * n)) << 2;
    softmaxGradientRow(y + offset, dy + offset, dx + offset, n);
  }
}

/** What is done to `count` (4 or fewer) cells at offset `at`; a count of 4 that is known when compiling costs no test. */
class Slope {
  @inline static store(y: usize, dy: usize, dx: usize, inner: v128, at: usize, count: i32): void {
    const slope = f32x4.sub(Lanes.load(dy + at, count), inner);
    Lanes.store(dx + at, f32x4.mul(Lanes.load(y + at, count), slope), count);
  }
}

function softmaxGradientRow(y: usize, dy: usize, dx: usize, n: i32): void {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let i = 0;
  for (; i + 8 <= n; i += 8) {
    const at = (<usize>i) << 2;
    s0 = Lanes.madd(v128.load(y + at), v128.load(dy + at), s0);
    s1 = Lanes.madd(v128.load(y + at, 16), v128.load(dy + at, 16), s1);
  }
  for (; i < n; i += 4) {
    const at = (<usize>i) << 2;
    s0 = Lanes.madd(Lanes.load(y + at, n - i), Lanes.load(dy + at, n - i), s0);
  }
  const inner = f32x4.splat(Lanes.sum(f32x4.add(s0, s1)));
  for (i = 0; i + 4 <= n; i += 4) Slope.store(y, dy, dx, inner, (<usize>i) << 2, 4);
  if (i < n) Slope.store(y, dy, dx, inner, (<usize>i) << 2, n - i);
}

export function dropout(x: usize, y: usize, n: i32, threshold: i32, scale: f32, key: i32, begin: i32, end: i32): void {
  const limit = i32x4.splat(threshold);
  const factor = f32x4.splat(scale);
  for (let row = begin; row < end; row++) {
    const offset = (<usize>(row * n)) << 2;
    Dropout.apply(x + offset, y + offset, n, Dropout.row(key, row), limit, factor);
  }
}
