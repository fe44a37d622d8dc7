// Gradients of layer norm, of the residual connection and of the embeddings; kernels/library/norm.ts says what each is.
//
// A task is BLOCK rows; tasks = blocks = ceil(rows / BLOCK). Sums over rows are left in parts, [sums, blocks, n]: those of
// dy unit (for the gain) first, then those of dy (for the bias), then those of dx where somebody wants them.
import { Lanes } from './lanes';
import { Dropout } from './random';
import { addRow, fillRow } from './row';

/** Rows whose sums one task makes, as BLOCK in kernels/wasm/natives/reduce.ts. */
const BLOCK: i32 = 64;

/** What is done to `count` (4 or fewer) cells at offset `at`; a count of 4 that is known when compiling costs no test. */
class Step {
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
  const blocks = (rows + BLOCK - 1) / BLOCK;
  for (let task = begin; task < end; task++) {
    const dgain = partial + <usize>task * ld;
    const dbias = dgain + <usize>blocks * ld;
    fillRow(dgain, 0, n);
    fillRow(dbias, 0, n);
    const last = min(rows, (task + 1) * BLOCK);
    for (let row = task * BLOCK; row < last; row++) {
      const offset = <usize>row * ld;
      const centre = load<f32>(mean + ((<usize>row) << 2));
      const factor = load<f32>(inverse + ((<usize>row) << 2));
      normGradientRow(dy + offset, x + offset, centre, factor, gain, dx + offset, dgain, dbias, n);
    }
  }
}

/** dresidual is the norm's gradient, dx what dropout leaves of it. */
export function dropoutAddNormGradient(
  dy: usize,
  total: usize,
  mean: usize,
  inverse: usize,
  gain: usize,
  dresidual: usize,
  dx: usize,
  partial: usize,
  n: i32,
  rows: i32,
  threshold: i32,
  scale: f32,
  key: i32,
  begin: i32,
  end: i32,
): void {
  const ld = (<usize>n) << 2;
  const limit = i32x4.splat(threshold);
  const keep = f32x4.splat(scale);
  const blocks = (rows + BLOCK - 1) / BLOCK;
  for (let task = begin; task < end; task++) {
    const shift = partial + <usize>(2 * blocks + task) * ld;
    fillRow(shift, 0, n);
    const last = min(rows, (task + 1) * BLOCK);
    layerNormGradient(dy, total, mean, inverse, gain, dresidual, partial, n, rows, task, task + 1);
    for (let row = task * BLOCK; row < last; row++) {
      const offset = <usize>row * ld;
      Dropout.apply(dresidual + offset, dx + offset, n, Dropout.row(key, row), limit, keep);
      addRow(dx + offset, shift, n);
    }
  }
}

/** dx is the norm's gradient of what dropout leaves of dy, which stands in dx before. */
export function embedNormGradient(
  dy: usize,
  total: usize,
  mean: usize,
  inverse: usize,
  gain: usize,
  dx: usize,
  partial: usize,
  n: i32,
  rows: i32,
  threshold: i32,
  scale: f32,
  key: i32,
  begin: i32,
  end: i32,
): void {
  const ld = (<usize>n) << 2;
  const limit = i32x4.splat(threshold);
  const keep = f32x4.splat(scale);
  const blocks = (rows + BLOCK - 1) / BLOCK;
  for (let task = begin; task < end; task++) {
    const type = partial + <usize>(2 * blocks + task) * ld;
    fillRow(type, 0, n);
    const first = task * BLOCK;
    const last = min(rows, first + BLOCK);
    for (let row = first; row < last; row++) {
      const offset = <usize>row * ld;
      Dropout.apply(dy + offset, dx + offset, n, Dropout.row(key, row), limit, keep);
    }
    layerNormGradient(dx, total, mean, inverse, gain, dx, partial, n, rows, task, task + 1);
    for (let row = first; row < last; row++) addRow(dx + <usize>row * ld, type, n);
  }
}
