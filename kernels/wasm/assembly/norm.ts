// Layer norm, its gradient, and BERT's residual connection; kernels/library/rows.ts says what each kernel is.
import { Lanes } from './lanes';
import { Dropout } from './random';
import { addRow, fillRow, squaresRow, sumRow } from './row';

/** Rows whose part of dgain and dbias is summed by one task, as in kernels/wasm/natives/rows.ts. */
const BLOCK: i32 = 64;

const FOUR = memory.data<i32>([4]);

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

  @inline static normGradient(
    dy: usize,
    x: usize,
    gain: usize,
    dx: usize,
    mean: v128,
    inverse: v128,
    average: v128,
    slope: v128,
    at: usize,
    count: i32,
  ): void {
    const g = f32x4.mul(Lanes.load(dy + at, count), Lanes.load(gain + at, count));
    const unit = f32x4.mul(f32x4.sub(Lanes.load(x + at, count), mean), inverse);
    const rest = f32x4.sub(f32x4.sub(g, average), f32x4.mul(unit, slope));
    Lanes.store(dx + at, f32x4.mul(inverse, rest), count);
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

/** total = x * dropout + residual for one row. */
function dropAddRow(x: usize, residual: usize, total: usize, n: i32, state: i32, threshold: v128, scale: v128): void {
  const first = Dropout.first(state);
  const second = Dropout.second(state);
  let columns = i32x4(0, 1, 2, 3);
  let i = 0;
  for (; i + 8 <= n; i += 8) {
    const at = (<usize>i) << 2;
    const next = i32x4.add(columns, Lanes.constant(FOUR));
    const keep0 = Dropout.factors(first, second, columns, threshold, scale);
    const keep1 = Dropout.factors(first, second, next, threshold, scale);
    v128.store(total + at, Lanes.madd(v128.load(x + at), keep0, v128.load(residual + at)));
    v128.store(total + at, Lanes.madd(v128.load(x + at, 16), keep1, v128.load(residual + at, 16)), 16);
    columns = i32x4.add(next, Lanes.constant(FOUR));
  }
  for (; i < n; i += 4) {
    const at = (<usize>i) << 2;
    const keep = Dropout.factors(first, second, columns, threshold, scale);
    columns = i32x4.add(columns, Lanes.constant(FOUR));
    Lanes.store(total + at, Lanes.madd(Lanes.load(x + at, n - i), keep, Lanes.load(residual + at, n - i)), n - i);
  }
}

export function dropoutAddNorm(
  x: usize,
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
    dropAddRow(x + offset, residual + offset, total + offset, n, Dropout.row(key, row), limit, factor);
    normRow(total + offset, gain, bias, y + offset, mean + cell, inverse + cell, n, eps);
  }
}

/**
 * dx, and the part of dgain and dbias that comes from BLOCK rows: partial[task] is one row of dgain, then one of dbias.
 * A task is BLOCK rows; tasks = ceil(rows / BLOCK).
 */
export function layerNormGradient(
  dy: usize,
  x: usize,
  mean: usize,
  inverse: usize,
  gain: usize,
  dx: usize,
  partial: usize,
  n: i32,
  rows: i32,
  begin: i32,
  end: i32,
): void {
  const ld = (<usize>n) << 2;
  for (let task = begin; task < end; task++) {
    const dgain = partial + <usize>(2 * task) * ld;
    const dbias = dgain + ld;
    fillRow(dgain, 0, 2 * n);
    const last = min(rows, (task + 1) * BLOCK);
    for (let row = task * BLOCK; row < last; row++) {
      const offset = <usize>row * ld;
      const centre = load<f32>(mean + ((<usize>row) << 2));
      const factor = load<f32>(inverse + ((<usize>row) << 2));
      normGradientRow(dy + offset, x + offset, centre, factor, gain, dx + offset, dgain, dbias, n);
    }
  }
}

function normGradientRow(
  dy: usize,
  x: usize,
  centre: f32,
  factor: f32,
  gain: usize,
  dx: usize,
  dgain: usize,
  dbias: usize,
  n: i32,
): void {
  const c = f32x4.splat(centre);
  const f = f32x4.splat(factor);
  let sum = f32x4.splat(0);
  let product = sum;
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const at = (<usize>i) << 2;
    const d = v128.load(dy + at);
    const g = f32x4.mul(d, v128.load(gain + at));
    const unit = f32x4.mul(f32x4.sub(v128.load(x + at), c), f);
    sum = f32x4.add(sum, g);
    product = Lanes.madd(g, unit, product);
    v128.store(dgain + at, Lanes.madd(d, unit, v128.load(dgain + at)));
    v128.store(dbias + at, f32x4.add(d, v128.load(dbias + at)));
  }
  if (i < n) {
    const at = (<usize>i) << 2;
    const count = n - i;
    // Lanes beyond the row have d = g = 0.
    const d = Lanes.load(dy + at, count);
    const g = f32x4.mul(d, Lanes.load(gain + at, count));
    const unit = f32x4.mul(f32x4.sub(Lanes.load(x + at, count), c), f);
    sum = f32x4.add(sum, g);
    product = Lanes.madd(g, unit, product);
    Lanes.store(dgain + at, Lanes.madd(d, unit, Lanes.load(dgain + at, count)), count);
    Lanes.store(dbias + at, f32x4.add(d, Lanes.load(dbias + at, count)), count);
  }
  const size = <f32>n;
  const average = f32x4.splat(Lanes.sum(sum) / size);
  const slope = f32x4.splat(Lanes.sum(product) / size);
  for (i = 0; i + 4 <= n; i += 4) Step.normGradient(dy, x, gain, dx, c, f, average, slope, (<usize>i) << 2, 4);
  if (i < n) Step.normGradient(dy, x, gain, dx, c, f, average, slope, (<usize>i) << 2, n - i);
}

/** dgain and dbias from the parts of `count` blocks, in order. A task is one of the two rows of n floats. */
export function addNormParts(
  partial: usize,
  dgain: usize,
  dbias: usize,
  n: i32,
  count: i32,
  begin: i32,
  end: i32,
): void {
  const ld = (<usize>n) << 2;
  for (let task = begin; task < end; task++) {
    const to = task == 0 ? dgain : dbias;
    fillRow(to, 0, n);
    for (let block = 0; block < count; block++) addRow(partial + <usize>(2 * block + task) * ld, to, n);
  }
}
