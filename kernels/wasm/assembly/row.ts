// Loops over one row of contiguous floats, which the kernels on rows, columns and blocks are made of.
import { Lanes } from './lanes';

/** to = from. */
export function copyRow(from: usize, to: usize, n: i32): void {
  let i = 0;
  for (; i + 8 <= n; i += 8) {
    const at = (<usize>i) << 2;
    const first = v128.load(from + at);
    const second = v128.load(from + at, 16);
    v128.store(to + at, first);
    v128.store(to + at, second, 16);
  }
  for (; i < n; i += 4) {
    const at = (<usize>i) << 2;
    Lanes.store(to + at, Lanes.load(from + at, n - i), n - i);
  }
}

/** to = value everywhere. */
export function fillRow(to: usize, value: f32, n: i32): void {
  const x = f32x4.splat(value);
  for (let i = 0; i < n; i += 4) Lanes.store(to + ((<usize>i) << 2), x, n - i);
}

/** to += from. */
export function addRow(from: usize, to: usize, n: i32): void {
  let i = 0;
  for (; i + 8 <= n; i += 8) {
    const at = (<usize>i) << 2;
    const first = f32x4.add(v128.load(to + at), v128.load(from + at));
    const second = f32x4.add(v128.load(to + at, 16), v128.load(from + at, 16));
    v128.store(to + at, first);
    v128.store(to + at, second, 16);
  }
  for (; i < n; i += 4) {
    const at = (<usize>i) << 2;
    Lanes.store(to + at, f32x4.add(Lanes.load(to + at, n - i), Lanes.load(from + at, n - i)), n - i);
  }
}

/** Where the ids of row v begin among those sorted by row (an end for row v - 1): `order` and `starts` as for scatter. */
@inline export function idsOf(order: usize, starts: usize, v: i32): usize {
  return order + ((<usize>load<f32>(starts + ((<usize>v) << 2))) << 2);
}

/** to = the sum of those rows of x, `ld` bytes apart, whose numbers are listed from `first` to `last` (at least one). */
export function sumRows(x: usize, ld: usize, first: usize, last: usize, to: usize, n: i32): void {
  copyRow(x + <usize>load<f32>(first) * ld, to, n);
  for (let i = first + 4; i < last; i += 4) addRow(x + <usize>load<f32>(i) * ld, to, n);
}

/**
 * Largest of n floats; NaN if there is one; -Infinity if n is 0. The maximum that is one instruction loses NaN, so
 * that is watched for apart.
 */
export function maxRow(x: usize, n: i32): f32 {
  const least = f32x4.splat(-Infinity);
  let top0 = least;
  let top1 = least;
  let strange = f32x4.splat(0);
  let i = 0;
  for (; i + 8 <= n; i += 8) {
    const at = x + ((<usize>i) << 2);
    const x0 = v128.load(at);
    const x1 = v128.load(at, 16);
    strange = v128.or(strange, f32x4.ne(x0, x0));
    strange = v128.or(strange, f32x4.ne(x1, x1));
    top0 = f32x4.pmax(top0, x0);
    top1 = f32x4.pmax(top1, x1);
  }
  for (; i < n; i += 4) {
    const part = v128.bitselect(Lanes.load(x + ((<usize>i) << 2), n - i), least, Lanes.mask(n - i));
    strange = v128.or(strange, f32x4.ne(part, part));
    top0 = f32x4.pmax(top0, part);
  }
  if (v128.any_true(strange)) return NaN;
  return Lanes.max(f32x4.max(top0, top1));
}

/** Sum of n floats, in 16 chains. */
export function sumRow(x: usize, n: i32): f32 {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  let i = 0;
  for (; i + 16 <= n; i += 16) {
    const at = x + ((<usize>i) << 2);
    s0 = f32x4.add(s0, v128.load(at));
    s1 = f32x4.add(s1, v128.load(at, 16));
    s2 = f32x4.add(s2, v128.load(at, 32));
    s3 = f32x4.add(s3, v128.load(at, 48));
  }
  for (; i < n; i += 4) s0 = f32x4.add(s0, Lanes.load(x + ((<usize>i) << 2), n - i));
  return Lanes.sum(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
}

/** Sum of (x - centre)^2 over n floats, in 16 chains. */
export function squaresRow(x: usize, centre: f32, n: i32): f32 {
  const c = f32x4.splat(centre);
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  let i = 0;
  for (; i + 16 <= n; i += 16) {
    const at = x + ((<usize>i) << 2);
    const d0 = f32x4.sub(v128.load(at), c);
    const d1 = f32x4.sub(v128.load(at, 16), c);
    const d2 = f32x4.sub(v128.load(at, 32), c);
    const d3 = f32x4.sub(v128.load(at, 48), c);
    s0 = Lanes.madd(d0, d0, s0);
    s1 = Lanes.madd(d1, d1, s1);
    s2 = Lanes.madd(d2, d2, s2);
    s3 = Lanes.madd(d3, d3, s3);
  }
  for (; i < n; i += 4) {
    const d = v128.and(f32x4.sub(Lanes.load(x + ((<usize>i) << 2), n - i), c), Lanes.mask(n - i));
    s0 = Lanes.madd(d, d, s0);
  }
  return Lanes.sum(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
}
