// Layer norm, BERT's residual connection and its embeddings; kernels/library/norm.ts says what each kernel is.
import { Lanes } from './lanes';
import { Dropout, FOUR } from './random';
import { squaresRow, sumRow } from './row';

/** What is done to `count` (4 or fewer) cells at offset `at`; a count of 4 that is known when compiling costs no test. */
class Step {
  @inline static norm(
    x: usize,
    gain: usize,
    bias: usize,
    y: usize,
    mean: v128,
    inverse: v128,
    at: usize,
    count: i32,
  ): void {
    const unit = f32x4.mul(f32x4.sub(Lanes.load(x + at, count), mean), inverse);
    const scaled = Lanes.madd(unit, Lanes.load(gain + at, count), Lanes.load(bias + at, count));
    Lanes.store(y + at, scaled, count);
  }

  @inline static dropAdd(
    x: usize,
    shift: usize,
    residual: usize,
    total: usize,
    keep: v128,
    at: usize,
    count: i32,
  ): void {
    const sum = f32x4.add(Lanes.load(x + at, count), Lanes.load(shift + at, count));
    Lanes.store(total + at, Lanes.madd(sum, keep, Lanes.load(residual + at, count)), count);
  }

  @inline static embed(word: usize, position: usize, type: usize, total: usize, at: usize, count: i32): void {
    const placed = f32x4.add(Lanes.load(word + at, count), Lanes.load(position + at, count));
    Lanes.store(total + at, f32x4.add(placed, Lanes.load(type + at, count)), count);
  }
}

/** Mean and inverse deviation of a row, and the normalised row; the row is in the first-level cache after the mean. */
function normRow(x: usize, gain: usize, bias: usize, y: usize, mean: usize, inverse: usize, n: i32, eps: f32): void {
  const size = <f32>n;
  const one: f32 = 1;
  const centre = sumRow(x, n) / size;
  const factor = one / sqrt<f32>(squaresRow(x, centre, n) / size + eps);
  store<f32>(mean, centre);
  store<f32>(inverse, factor);
  const c = f32x4.splat(centre);
  const f = f32x4.splat(factor);
  let i = 0;
  for (; i + 8 <= n; i += 8) {
    Step.norm(x, gain, bias, y, c, f, (<usize>i) << 2, 4);
    Step.norm(x, gain, bias, y, c, f, (<usize>(i + 4)) << 2, 4);
  }
  for (; i < n; i += 4) Step.norm(x, gain, bias, y, c, f, (<usize>i) << 2, n - i);
}

export function layerNorm(
  x: usize,
  gain: usize,
  bias: usize,
  y: usize,
  mean: usize,
  inverse: usize,
  n: i32,
  eps: f32,
  begin: i32,
  end: i32,
): void {
  for (let row = begin; row < end; row++) {
    const offset = (<usize>(row * n)) << 2;
    const cell = (<usize>row) << 2;
    normRow(x + offset, gain, bias, y + offset, mean + cell, inverse + cell, n, eps);
  }
}

/** total = (x + shift) * dropout + residual for one row. */
function dropAddRow(
  x: usize,
  shift: usize,
  residual: usize,
  total: usize,
  n: i32,
  state: i32,
  threshold: v128,
  scale: v128,
): void {
  const first = Dropout.first(state);
  const second = Dropout.second(state);
  let columns = i32x4(0, 1, 2, 3);
  let i = 0;
  for (; i + 8 <= n; i += 8) {
    const at = (<usize>i) << 2;
    const next = i32x4.add(columns, Lanes.constant(FOUR));
    const keep0 = Dropout.factors(first, second, columns, threshold, scale);
    const keep1 = Dropout.factors(first, second, next, threshold, scale);
    Step.dropAdd(x, shift, residual, total, keep0, at, 4);
    Step.dropAdd(x, shift, residual, total, keep1, at + 16, 4);
    columns = i32x4.add(next, Lanes.constant(FOUR));
  }
  for (; i < n; i += 4) {
    const keep = Dropout.factors(first, second, columns, threshold, scale);
    columns = i32x4.add(columns, Lanes.constant(FOUR));
    Step.dropAdd(x, shift, residual, total, keep, (<usize>i) << 2, n - i);
  }
}

export function dropoutAddNorm(
  x: usize,
  shift: usize,
  residual: usize,
  gain: usize,
  bias: usize,
  y: usize,
  total: usize,
  mean: usize,
  inverse: usize,
  n: i32,
  eps: f32,
  threshold: i32,
  scale: f32,
  key: i32,
  begin: i32,
  end: i32,
): void {
  const limit = i32x4.splat(threshold);
  const factor = f32x4.splat(scale);
  for (let row = begin; row < end; row++) {
    const offset = (<usize>(row * n)) << 2;
    const cell = (<usize>row) << 2;
    dropAddRow(x + offset, shift, residual + offset, total + offset, n, Dropout.row(key, row), limit, factor);
    normRow(total + offset, gain, bias, y + offset, mean + cell, inverse + cell, n, eps);
  }
}

/** total = word + position + type for one row. */
function embedRow(word: usize, position: usize, type: usize, total: usize, n: i32): void {
  let i = 0;
  for (; i + 4 <= n; i += 4) Step.embed(word, position, type, total, (<usize>i) << 2, 4);
  if (i < n) Step.embed(word, position, type, total, (<usize>i) << 2, n - i);
}

/** ids and places are floats. A task is a row. */
export function embedNorm(
  words: usize,
  ids: usize,
  positions: usize,
  places: usize,
  types: usize,
  gain: usize,
  bias: usize,
  y: usize,
  total: usize,
  mean: usize,
  inverse: usize,
  n: i32,
  eps: f32,
  threshold: i32,
  scale: f32,
  key: i32,
  begin: i32,
  end: i32,
): void {
  const ld = (<usize>n) << 2;
  const limit = i32x4.splat(threshold);
  const factor = f32x4.splat(scale);
  for (let row = begin; row < end; row++) {
    const offset = <usize>row * ld;
    const cell = (<usize>row) << 2;
    const word = words + <usize>load<f32>(ids + cell) * ld;
    const position = positions + <usize>load<f32>(places + cell) * ld;
    embedRow(word, position, types, total + offset, n);
    normRow(total + offset, gain, bias, y + offset, mean + cell, inverse + cell, n, eps);
    if (threshold > 0) Dropout.apply(y + offset, y + offset, n, Dropout.row(key, row), limit, factor);
  }
}
