// What an optimizer step needs; kernels/library/optimizer.ts says what each kernel is.
import { Lanes } from './lanes';
import { squaresRow } from './row';

/** Cells of a task, as in kernels/wasm/natives/optimizer.ts. */
const BLOCK: i32 = 4096;

/** partial[task] = sum of the squares of BLOCK cells. */
export function squares(x: usize, partial: usize, n: i32, begin: i32, end: i32): void {
  for (let task = begin; task < end; task++) {
    const first = task * BLOCK;
    store<f32>(partial + ((<usize>task) << 2), squaresRow(x + ((<usize>first) << 2), 0, min(BLOCK, n - first)));
  }
}

/** total = before + the partial sums, in order and in float64. One task. */
export function addSquares(partial: usize, before: usize, total: usize, count: i32, _begin: i32, _end: i32): void {
  let sum: f64 = load<f32>(before);
  for (let i = 0; i < count; i++) sum += load<f32>(partial + ((<usize>i) << 2));
  store<f32>(total, <f32>sum);
}

/** One task. */
export function clipFactor(total: usize, factor: usize, limit: f32, _begin: i32, _end: i32): void {
  const one: f32 = 1;
  const tiny: f32 = 1e-6;
  store<f32>(factor, min<f32>(one, limit / (sqrt<f32>(load<f32>(total)) + tiny)));
}

/**
 * One AdamW step in one pass over p, m, v and g. fresh1 = 1 - beta1, fresh2 = 1 - beta2, shrink = 1 - lr decay,
 * rate = lr / correction1, unbias = 1 / correction2. A task is BLOCK cells.
 */
export function adamW(
  p: usize,
  m: usize,
  v: usize,
  g: usize,
  factor: usize,
  beta1: f32,
  fresh1: f32,
  beta2: f32,
  fresh2: f32,
  shrink: f32,
  rate: f32,
  unbias: f32,
  eps: f32,
  n: i32,
  begin: i32,
  end: i32,
): void {
  const last = min(n, end * BLOCK);
  const clip = v128.load32_splat(factor);
  const old1 = f32x4.splat(beta1);
  const new1 = f32x4.splat(fresh1);
  const old2 = f32x4.splat(beta2);
  const new2 = f32x4.splat(fresh2);
  const kept = f32x4.splat(shrink);
  const step = f32x4.splat(rate);
  const scale = f32x4.splat(unbias);
  const least = f32x4.splat(eps);
  for (let i = begin * BLOCK; i < last; i += 4) {
    const at = (<usize>i) << 2;
    const count = last - i;
    const clipped = f32x4.mul(Lanes.load(g + at, count), clip);
    const mean = f32x4.add(f32x4.mul(old1, Lanes.load(m + at, count)), f32x4.mul(new1, clipped));
    const square = f32x4.mul(f32x4.mul(new2, clipped), clipped);
    const spread = f32x4.add(f32x4.mul(old2, Lanes.load(v + at, count)), square);
    const deviation = f32x4.add(f32x4.sqrt(f32x4.mul(spread, scale)), least);
    const move = f32x4.div(f32x4.mul(step, mean), deviation);
    Lanes.store(m + at, mean, count);
    Lanes.store(v + at, spread, count);
    Lanes.store(p + at, f32x4.sub(f32x4.mul(kept, Lanes.load(p + at, count)), move), count);
  }
}
