// Attention of one head of one sequence at a time, and its gradient with recomputed weights (Dao et al., 2022).
//
// A task is a (sequence, head). Its scores are small enough for the second-level cache, taken a block of query rows at
// a time, so nothing of size queries x keys is ever stored for later and no two tasks write the same cell. The contract is
// that of kernels/library/attention.ts.
import { gemm } from './gemm';
import { Lanes } from './lanes';
import { Elementary } from './math';
import { gemmPack, packTasks, tileRows } from './pack';
import { Dropout } from './random';
import { scratch } from './scratch';
import { LOG2_E, Softmax } from './softmax';

/** Rows of a block of A that `gemm` packs at once: whole tiles. */
const MC: i32 = 16 * tileRows;
/** Score of a hidden key, before the other part of it is added. */
const HIDDEN: f32 = -1e9;
/** The 16 bits of a word of `visible`, a vector of them for every four keys. */
const BITS = memory.data<i32>([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768]);

/** Words of 16 bits are hidden at once, so that many keys a row of scores is long. */
function padded(n: i32): i32 {
  return (n + 15) & -16;
}

/** C [rows, columns] (+)= op(A) B by this thread alone, B packed by gemmPack. */
function multiply(
  a: usize,
  lda: usize,
  transposed: i32,
  packed: usize,
  c: usize,
  ldc: usize,
  accumulate: i32,
  m: i32,
  n: i32,
  k: i32,
): void {
  gemm(a, lda, 0, transposed, packed, 0, c, ldc, 0, 0, accumulate, m, n, k, MC, padded(n), 0, (m + MC - 1) / MC);
}

/** Packs op(B) [k, n] for `multiply`; all stretches of k and all strips. */
function pack(b: usize, ldb: usize, transposed: i32, packed: usize, n: i32, k: i32): void {
  gemmPack(b, ldb, 0, transposed, packed, n, k, 0, packTasks(n, k));
}

/** Four cells at a time. */
class Four {
  @inline static hide(at: usize, hidden: v128, bits: v128, masks: usize): void {
    const mask = v128.load(masks);
    const seen = i32x4.eq(v128.and(bits, mask), mask);
    v128.store(at, f32x4.add(v128.load(at), v128.andnot(hidden, seen)));
  }
}

/** Adds HIDDEN / scale to the scores of the hidden keys of a row, whose bits `visible` points to. */
function hide(row: usize, end: usize, scale: f32, visible: usize): void {
  const hidden = f32x4.splat(HIDDEN / scale);
  for (; row < end; row += 64) {
    const bits = i32x4.splat(<i32>load<f32>(visible));
    Four.hide(row, hidden, bits, BITS);
    Four.hide(row + 16, hidden, bits, BITS + 16);
    Four.hide(row + 32, hidden, bits, BITS + 32);
    Four.hide(row + 48, hidden, bits, BITS + 48);
    visible += 4;
  }
}

/**
 * Turns a row of scores into exp((score - top) scale), but 0 where dropout drops the cell. Returns the sum of all, dropped
 * ones included.
 */
function exponentiate(row: usize, end: usize, top: f32, scale: f32, threshold: i32, state: i32): f32 {
  const shift = f32x4.splat(top);
  const factor = f32x4.splat(scale * LOG2_E);
  let total = f32x4.splat(0);
  if (threshold == 0) {
    for (; row < end; row += 16) {
      const e = Softmax.power(f32x4.mul(f32x4.sub(v128.load(row), shift), factor));
      total = f32x4.add(total, e);
      v128.store(row, e);
    }
    return Lanes.sum(total);
  }
  const upper = Dropout.first(state);
  const lower = Dropout.second(state);
  const limit = i32x4.splat(threshold);
  let columns = i32x4(0, 1, 2, 3);
  for (; row < end; row += 16) {
    const e = Softmax.power(f32x4.mul(f32x4.sub(v128.load(row), shift), factor));
    total = f32x4.add(total, e);
    v128.store(row, Dropout.factors(upper, lower, columns, limit, e));
    columns = i32x4.add(columns, i32x4.splat(4));
  }
  return Lanes.sum(total);
}

function scaleRow(row: usize, n: i32, factor: f32): void {
  const f = f32x4.splat(factor);
  let i = 0;
  for (; i + 4 <= n; i += 4) v128.store(row + (i << 2), f32x4.mul(v128.load(row + (i << 2)), f));
  for (; i < n; i++) store<f32>(row + (i << 2), load<f32>(row + (i << 2)) * factor);
}

/** ln(x) of one number. */
function logarithm(x: f32): f32 {
  return f32x4.extract_lane(Elementary.log(f32x4.splat(x)), 0);
}

/**
 * y and lse of the tasks first + begin .. first + end - 1, numbered sequence * heads + head. A cell is dropped if its 24
 * random bits are below `threshold`, else multiplied by `inverse`. visible is 0 if no key is hidden. `size` query rows (even)
 * are a block. area, if not 0, has `need` bytes for each task of this launch; if 0, the scratch memory serves.
 */
export function attention(
  q: usize,
  k: usize,
  v: usize,
  qOffsets: usize,
  kOffsets: usize,
  visible: usize,
  words: i32,
  heads: i32,
  width: i32,
  scale: f32,
  threshold: i32,
  inverse: f32,
  key: i32,
  y: usize,
  lse: usize,
  size: i32,
  area: usize,
  need: usize,
  first: i32,
  begin: i32,
  end: i32,
): void {
  const ld = (<usize>(heads * width)) << 2;
  for (let task = begin; task < end; task++) {
    const sequence = (first + task) / heads;
    const head = (first + task) % heads;
    const column = (<usize>(head * width)) << 2;
    const start = <i32>load<f32>(qOffsets + (sequence << 2));
    const stop = <i32>load<f32>(qOffsets + (sequence << 2), 4);
    const keyStart = <i32>load<f32>(kOffsets + (sequence << 2));
    const keys = <i32>load<f32>(kOffsets + (sequence << 2), 4) - keyStart;
    if (start == stop) continue;

    const across = padded(keys);
    // Strips are packed whole, and products with whole strips are faster.
    const whole = (keys + 7) & -8;
    const lds = (<usize>across) << 2;
    const kT = area ? area + <usize>task * need : scratch;
    const values = kT + ((<usize>(across * width)) << 2);
    const scores = values + ((<usize>(keys * padded(width))) << 2);
    const factors = scores + <usize>size * lds;
    pack(k + <usize>keyStart * ld + column, ld, 1, kT, keys, width);
    pack(v + <usize>keyStart * ld + column, ld, 0, values, width, keys);
    for (let row = start; row < stop; row += size) {
      const rows = min(size, stop - row);
      const offset = <usize>row * ld + column;
      multiply(q + offset, ld, 0, kT, scores, lds, 0, rows, whole, width);
      for (let i = 0; i < rows; i++) {
        const at = scores + <usize>i * lds;
        const r = row + i;
        const cell = r * heads + head;
        if (visible) hide(at, at + lds, scale, visible + ((<usize>(r * words)) << 2));
        Softmax.clear(at + ((<usize>keys) << 2), at + lds);
        const top = keys ? Softmax.largest(at, at + lds) : -Infinity;
        const total = exponentiate(at, at + lds, top, scale, threshold, Dropout.row(key, cell));
        store<f32>(lse + ((<usize>cell) << 2), top * scale + logarithm(total));
        store<f32>(factors + ((<usize>i) << 2), keys ? inverse / total : 0);
      }
      multiply(scores, lds, 0, values, y + offset, ld, 0, rows, width, keys);
      for (let i = 0; i < rows; i++)
        scaleRow(y + offset + <usize>i * ld, width, load<f32>(factors + ((<usize>i) << 2)));
    }
  }
}

/** dy . y over the columns of a head: the sum over keys of P dP. */
function innerProduct(dy: usize, y: usize, width: i32): f32 {
  let total = f32x4.splat(0);
  let i = 0;
  for (; i + 4 <= width; i += 4) total = f32x4.add(total, f32x4.mul(v128.load(dy + (i << 2)), v128.load(y + (i << 2))));
  let sum = Lanes.sum(total);
  for (; i < width; i++) sum += load<f32>(dy + (i << 2)) * load<f32>(y + (i << 2));
  return sum;
}

/**
 * One row of cells: scores become the dropped weights P D, and dP becomes dS = P (D dP - inner) scale. What stands in the
 * padding is never read.
 */
function differentiate(
  s: usize,
  end: usize,
  dp: usize,
  lse: f32,
  inner: f32,
  scale: f32,
  inverse: f32,
  threshold: i32,
  state: i32,
): void {
  const shift = f32x4.splat(lse * LOG2_E);
  const steepness = f32x4.splat(scale * LOG2_E);
  const mean = f32x4.splat(inner);
  const factor = f32x4.splat(scale);
  if (threshold == 0) {
    for (; s < end; s += 16) {
      const p = Softmax.power(f32x4.sub(f32x4.mul(v128.load(s), steepness), shift));
      v128.store(s, p);
      v128.store(dp, f32x4.mul(f32x4.mul(p, factor), f32x4.sub(v128.load(dp), mean)));
      dp += 16;
    }
    return;
  }
  const upper = Dropout.first(state);
  const lower = Dropout.second(state);
  const limit = i32x4.splat(threshold);
  const inverses = f32x4.splat(inverse);
  let columns = i32x4(0, 1, 2, 3);
  for (; s < end; s += 16) {
    const p = Softmax.power(f32x4.sub(f32x4.mul(v128.load(s), steepness), shift));
    const keep = Dropout.factors(upper, lower, columns, limit, inverses);
    v128.store(s, f32x4.mul(p, keep));
    v128.store(dp, f32x4.mul(f32x4.mul(p, factor), f32x4.sub(f32x4.mul(keep, v128.load(dp)), mean)));
    dp += 16;
    columns = i32x4.add(columns, i32x4.splat(4));
  }
}

/** dq, dk and dv of the same tasks. A key row belongs to one sequence, so its gradients belong to one task a head. */
export function attentionGradient(
  dy: usize,
  y: usize,
  lse: usize,
  q: usize,
  k: usize,
  v: usize,
  qOffsets: usize,
  kOffsets: usize,
  visible: usize,
  words: i32,
  heads: i32,
  width: i32,
  scale: f32,
  threshold: i32,
  inverse: f32,
  key: i32,
  dq: usize,
  dk: usize,
  dv: usize,
  size: i32,
  area: usize,
  need: usize,
  first: i32,
  begin: i32,
  end: i32,
): void {
  const ld = (<usize>(heads * width)) << 2;
  for (let task = begin; task < end; task++) {
    const sequence = (first + task) / heads;
    const head = (first + task) % heads;
    const column = (<usize>(head * width)) << 2;
    const start = <i32>load<f32>(qOffsets + (sequence << 2));
    const stop = <i32>load<f32>(qOffsets + (sequence << 2), 4);
    const keyStart = <i32>load<f32>(kOffsets + (sequence << 2));
    const keys = <i32>load<f32>(kOffsets + (sequence << 2), 4) - keyStart;

    const across = padded(keys);
    // Strips are packed whole, and products with whole strips are faster.
    const whole = (keys + 7) & -8;
    const lds = (<usize>across) << 2;
    const kT = area ? area + <usize>task * need : scratch;
    const vT = kT + ((<usize>(across * width)) << 2);
    const kRows = vT + ((<usize>(across * width)) << 2);
    const qRows = kRows + ((<usize>(keys * padded(width))) << 2);
    const dyRows = qRows + ((<usize>(size * padded(width))) << 2);
    const scores = dyRows + ((<usize>(size * padded(width))) << 2);
    const slopes = scores + <usize>size * lds;
    const keyOffset = <usize>keyStart * ld + column;
    if (start < stop) {
      pack(k + keyOffset, ld, 1, kT, keys, width);
      pack(v + keyOffset, ld, 1, vT, keys, width);
      pack(k + keyOffset, ld, 0, kRows, width, keys);
    }
    let row = start;
    // Without queries the products over them have length 0, which makes the gradients of the keys zero.
    do {
      const rows = min(size, stop - row);
      const offset = <usize>row * ld + column;
      multiply(q + offset, ld, 0, kT, scores, lds, 0, rows, whole, width);
      multiply(dy + offset, ld, 0, vT, slopes, lds, 0, rows, whole, width);
      for (let i = 0; i < rows; i++) {
        const at = scores + <usize>i * lds;
        const r = row + i;
        const cell = r * heads + head;
        if (visible) hide(at, at + lds, scale, visible + ((<usize>(r * words)) << 2));
        const inner = innerProduct(dy + <usize>r * ld + column, y + <usize>r * ld + column, width);
        const slope = slopes + <usize>i * lds;
        const logSum = load<f32>(lse + ((<usize>cell) << 2));
        differentiate(at, at + lds, slope, logSum, inner, scale, inverse, threshold, Dropout.row(key, cell));
      }
      const add = row > start ? 1 : 0;
      pack(q + offset, ld, 0, qRows, width, rows);
      pack(dy + offset, ld, 0, dyRows, width, rows);
      multiply(slopes, lds, 0, kRows, dq + offset, ld, 0, rows, width, keys);
      multiply(slopes, lds, 1, qRows, dk + keyOffset, ld, add, keys, width, rows);
      multiply(scores, lds, 1, dyRows, dv + keyOffset, ld, add, keys, width, rows);
      row += size;
    } while (row < stop);
  }
}
