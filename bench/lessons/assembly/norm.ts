// Layer norm in plain SIMD, for docs/one-kernel-four-ways.md: what one writes first.

/** Sum of the lanes. */
@inline function sumOf(x: v128): f32 {
  return (
    f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3)
  );
}

/** Layer norm of `rows` rows of n numbers, n a multiple of 4. */
export function layerNorm(
  x: usize,
  gain: usize,
  bias: usize,
  y: usize,
  mean: usize,
  inverse: usize,
  n: i32,
  eps: f32,
  rows: i32,
): void {
  for (let row = 0; row < rows; row++) {
    let sums = f32x4.splat(0);
    for (let i = 0; i < n; i += 4) sums = f32x4.add(sums, v128.load(x + (i << 2)));
    const centre = sumOf(sums) / <f32>n;
    const c = f32x4.splat(centre);
    let squares = f32x4.splat(0);
    for (let i = 0; i < n; i += 4) {
      const d = f32x4.sub(v128.load(x + (i << 2)), c);
      squares = f32x4.add(squares, f32x4.mul(d, d));
    }
    const factor = <f32>1 / sqrt<f32>(sumOf(squares) / <f32>n + eps);
    const f = f32x4.splat(factor);
    for (let i = 0; i < n; i += 4) {
      const unit = f32x4.mul(f32x4.sub(v128.load(x + (i << 2)), c), f);
      const scaled = f32x4.mul(unit, v128.load(gain + (i << 2)));
      v128.store(y + (i << 2), f32x4.add(scaled, v128.load(bias + (i << 2))));
    }
    store<f32>(mean + (row << 2), centre);
    store<f32>(inverse + (row << 2), factor);
    x += n << 2;
    y += n << 2;
  }
}
