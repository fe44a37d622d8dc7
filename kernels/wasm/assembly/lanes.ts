// Small things that every kernel on vectors of four float32 lanes needs: constants, tails, sums.

export class Lanes {
  /**
   * The 32-bit number at a constant address, in every lane. V8 (Node 20 to 24) builds a vector constant anew at every
   * use, through a general register, in four instructions; a broadcast from memory is one.
   */
  @inline static constant(address: usize): v128 {
    return v128.load32_splat(address);
  }

  /** a b + c, in two roundings. */
  @inline static madd(a: v128, b: v128, c: v128): v128 {
    return f32x4.add(f32x4.mul(a, b), c);
  }

  /** The first `count` (1 to 3) numbers at `from`; the other lanes are 0. */
  static loadTail(from: usize, count: i32): v128 {
    let x = v128.load32_zero(from);
    if (count > 1) x = v128.load32_lane(from, x, 1, 4);
    if (count > 2) x = v128.load32_lane(from, x, 2, 8);
    return x;
  }

  /** Writes the first `count` (1 to 3) lanes. */
  static storeTail(to: usize, x: v128, count: i32): void {
    v128.store32_lane(to, x, 0);
    if (count > 1) v128.store32_lane(to, x, 1, 4);
    if (count > 2) v128.store32_lane(to, x, 2, 8);
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
