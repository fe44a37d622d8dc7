// What a core can do in 128-bit SIMD: the denominator of every share the benchmark prints.
import { Lanes } from './lanes';
import { scratch } from './scratch';

/** Steps of one round, and bytes that a step reads. */
const STEPS: i32 = 2048;
const STEP: usize = 8;

/**
 * Each task runs `rounds` rounds of 2048 steps of 64 floating-point operations, and leaves 16 bytes at sink: multiply-adds in
 * one instruction where the module has them, else a multiply and an add.
 */
export function peak(sink: usize, rounds: i32, scale: f32, begin: i32, end: i32): void {
  for (let task = begin; task < end; task++) {
    const sum = ASC_FEATURE_RELAXED_SIMD ? fused(rounds, scale) : separate(rounds, scale);
    v128.store(sink + ((<usize>task) << 4), sum);
  }
}

/** Chains y <- y s + s, 12 of them, for a multiply-add takes four cycles and two start in each. */
function fused(rounds: i32, scale: f32): v128 {
  const s = f32x4.splat(scale);
  let y0 = s;
  let y1 = s;
  let y2 = s;
  let y3 = s;
  let y4 = s;
  let y5 = s;
  let y6 = s;
  let y7 = s;
  let y8 = s;
  let y9 = s;
  let y10 = s;
  let y11 = s;
  const steps = (rounds * STEPS * 2) / 3;
  for (let step = 0; step < steps; step++) {
    y0 = Lanes.madd(y0, s, s);
    y1 = Lanes.madd(y1, s, s);
    y2 = Lanes.madd(y2, s, s);
    y3 = Lanes.madd(y3, s, s);
    y4 = Lanes.madd(y4, s, s);
    y5 = Lanes.madd(y5, s, s);
    y6 = Lanes.madd(y6, s, s);
    y7 = Lanes.madd(y7, s, s);
    y8 = Lanes.madd(y8, s, s);
    y9 = Lanes.madd(y9, s, s);
    y10 = Lanes.madd(y10, s, s);
    y11 = Lanes.madd(y11, s, s);
  }
  y0 = f32x4.add(f32x4.add(y0, y1), f32x4.add(y2, y3));
  y4 = f32x4.add(f32x4.add(y4, y5), f32x4.add(y6, y7));
  y8 = f32x4.add(f32x4.add(y8, y9), f32x4.add(y10, y11));
  return f32x4.add(f32x4.add(y0, y4), y8);
}

/**
 * A step adds 8 products to 8 sums. Two factors of each come from the first-level cache, because products of registers
 * alone are either the same at every step, so that compilers keep them, or form chains whose latency leaves units idle:
 * x <- x * scale + shift, the usual choice, reaches 86 % of this loop, and would flatter what is compared with it. This
 * one runs at two multiplies and two adds a cycle on a Zen 4 core, which is all that it has.
 */
function separate(rounds: i32, scale: f32): v128 {
  const z0 = f32x4.splat(scale);
  const z1 = f32x4.mul(z0, z0);
  const z2 = f32x4.mul(z1, z0);
  const z3 = f32x4.mul(z2, z0);
  const last = scratch + STEP * STEPS;
  for (let at = scratch; at < last; at += 16) v128.store(at, z0);
  let y0 = z0;
  let y1 = z0;
  let y2 = z0;
  let y3 = z0;
  let y4 = z0;
  let y5 = z0;
  let y6 = z0;
  let y7 = z0;
  for (let round = 0; round < rounds; round++) {
    let at = scratch;
    do {
      const x0 = v128.load32_splat(at);
      y0 = f32x4.add(y0, f32x4.mul(x0, z0));
      y1 = f32x4.add(y1, f32x4.mul(x0, z1));
      y2 = f32x4.add(y2, f32x4.mul(x0, z2));
      y3 = f32x4.add(y3, f32x4.mul(x0, z3));
      const x1 = v128.load32_splat(at, 4);
      y4 = f32x4.add(y4, f32x4.mul(x1, z0));
      y5 = f32x4.add(y5, f32x4.mul(x1, z1));
      y6 = f32x4.add(y6, f32x4.mul(x1, z2));
      y7 = f32x4.add(y7, f32x4.mul(x1, z3));
      at += STEP;
    } while (at != last);
  }
  y0 = f32x4.add(f32x4.add(y0, y1), f32x4.add(y2, y3));
  y4 = f32x4.add(f32x4.add(y4, y5), f32x4.add(y6, y7));
  return f32x4.add(y0, y4);
}
