// What a core can do in 128-bit SIMD without fused multiply-add: the denominator of every share the benchmark prints.
import { scratch } from './scratch';

/** Steps of one round, and bytes that a step reads. */
const STEPS: i32 = 2048;
const STEP: usize = 8;

/**
 * Each task runs `rounds` rounds of 2048 steps; a step adds 8 products to 8 sums, 64 floating-point operations, and the
 * sums go to sink, 16 bytes a task. Two factors of each step come from the first-level cache, because products of
 * registers alone are either the same at every step, so that compilers keep them, or form chains whose latency leaves
 * units idle: x <- x * scale + shift, the usual choice, reaches 86 % of this loop, and would flatter what is compared
 * with it. This one runs at two multiplies and two adds a cycle on a Zen 4 core, which is all that it has.
 */
export function peak(sink: usize, rounds: i32, scale: f32, begin: i32, end: i32): void {
  const z0 = f32x4.splat(scale);
  const z1 = f32x4.mul(z0, z0);
  const z2 = f32x4.mul(z1, z0);
  const z3 = f32x4.mul(z2, z0);
  const last = scratch + STEP * STEPS;
  for (let at = scratch; at < last; at += 16) v128.store(at, z0);
  for (let task = begin; task < end; task++) {
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
    v128.store(sink + ((<usize>task) << 4), f32x4.add(y0, y4));
  }
}
