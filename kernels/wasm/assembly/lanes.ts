// Small things that every kernel on vectors of four float32 lanes needs: constants, tails, sums.

export class Lanes {
  /**
   * The 32-bit number at a constant address, in every lane. V8 (Node 20 to 24) builds a vector constant anew at every
   * use, through a general register, in four instructions; a broadcast from memory is one.
   */
  @inline static constant(address: usize): v128 {
    return v128.load32_splat(address);
  }

  /** a b + c, in one rounding where the module has relaxed SIMD, else in two. */
  @inline static madd(a: v128, b: v128, c: v128): v128 {
    if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
    return f32x4.add(f32x4.mul(a, b), c);
  }

  /** The four numbers at `from`, or the first `count` >= 1 if that is less; the other lanes are 0. */
  @inline static load(from: usize, count: i32): v128 {
    return count >= 4 ? v128.load(from) : Lanes.loadPart(from, count);
  }

  private static loadPart(from: usize, count: i32): v128 {
    let x = v128.load32_zero(from);
    if (count > 1) x = v128.load32_lane(from, x, 1, 4);
    if (count > 2) x = v128.load32_lane(from, x, 2, 8);
    return x;
  }

  /** Writes the four lanes, or the first `count` >= 1 if that is less. */
  @inline static store(to: usize, x: v128, count: i32): void {
    if (count >= 4) v128.store(to, x);
    else Lanes.storePart(to, x, count);
  }

  private static storePart(to: usize, x: v128, count: i32): void {
    v128.store32_lane(to, x, 0);
    if (count > 1) v128.store32_lane(to, x, 1, 4);
    if (count > 2) v128.store32_lane(to, x, 2, 8);
  }

  /** A 4 x 4 block turned in registers: four vectors `ld` bytes apart become four that are `step` bytes apart. */
  @inline static turn(from: usize, ld: usize, to: usize, step: usize): void {
    const x0 = v128.load(from);
    const x1 = v128.load(from + ld);
    const x2 = v128.load(from + 2 * ld);
    const x3 = v128.load(from + 3 * ld);
    const low01 = v128.shuffle<f32>(x0, x1, 0, 4, 1, 5);
    const high01 = v128.shuffle<f32>(x0, x1, 2, 6, 3, 7);
    const low23 = v128.shuffle<f32>(x2, x3, 0, 4, 1, 5);
    const high23 = v128.shuffle<f32>(x2, x3, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<i64>(low01, low23, 0, 2));
    v128.store(to + step, v128.shuffle<i64>(low01, low23, 1, 3));
    v128.store(to + 2 * step, v128.shuffle<i64>(high01, high23, 0, 2));
    v128.store(to + 3 * step, v128.shuffle<i64>(high01, high23, 1, 3));
  }

  /** All bits of the first `count` lanes. */
  @inline static mask(count: i32): v128 {
    return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(count));
  }

  /** Sum of the lanes, in pairs. */
  @inline static sum(x: v128): f32 {
    const pairs = f32x4.add(x, v128.shuffle<f32>(x, x, 2, 3, 0, 1));
    return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1);
  }

  /** Largest lane; NaN if there is one. */
  @inline static max(x: v128): f32 {
    const pairs = f32x4.max(x, v128.shuffle<f32>(x, x, 2, 3, 0, 1));
    return max(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 1));
  }
}
