// Step 5 of docs/matmul.md: sums that stay in registers.
import { Lanes } from '../../../kernels/wasm/assembly/lanes';

/** Rows and columns of a tile. */
export const MR = 4;
export const NR = 8;

/**
 * A tile of C, 4 x 8, as 8 vectors of sums that never leave their registers: a step of k reads 4 numbers of A and 8 of B
 * for 32 multiply-adds. Numbers of A that meet one step of k are `stepA` bytes apart from row to row and `alongA` from step
 * to step; those of B are side by side, and `alongB` from step to step.
 * `fuse` (step 8): a multiply and its add are one instruction.
 */
@inline export function tile(
  a: usize,
  stepA: usize,
  alongA: usize,
  b: usize,
  alongB: usize,
  c: usize,
  ldc: usize,
  k: i32,
  add: bool,
  fuse: bool,
): void {
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  for (let p = 0; p < k; p++) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const x0 = v128.load32_splat(a);
    c00 = term(x0, b0, c00, fuse);
    c01 = term(x0, b1, c01, fuse);
    const x1 = v128.load32_splat(a + stepA);
    c10 = term(x1, b0, c10, fuse);
    c11 = term(x1, b1, c11, fuse);
    const x2 = v128.load32_splat(a + 2 * stepA);
    c20 = term(x2, b0, c20, fuse);
    c21 = term(x2, b1, c21, fuse);
    const x3 = v128.load32_splat(a + 3 * stepA);
    c30 = term(x3, b0, c30, fuse);
    c31 = term(x3, b1, c31, fuse);
    a += alongA;
    b += alongB;
  }
  storeRow(c, c00, c01, add);
  storeRow(c + ldc, c10, c11, add);
  storeRow(c + 2 * ldc, c20, c21, add);
  storeRow(c + 3 * ldc, c30, c31, add);
}

/** x b + c, in one instruction or in two. */
@inline function term(x: v128, b: v128, c: v128, fuse: bool): v128 {
  return fuse ? Lanes.madd(x, b, c) : f32x4.add(c, f32x4.mul(x, b));
}

@inline export function storeRow(c: usize, x: v128, y: v128, add: bool): void {
  v128.store(c, add ? f32x4.add(v128.load(c), x) : x);
  v128.store(c, add ? f32x4.add(v128.load(c, 16), y) : y, 16);
}

/** Step 5: C in tiles. Both operands are read where they lie; what no whole tile covers, number by number. */
export function tiles(a: usize, b: usize, c: usize, m: i32, n: i32, k: i32): void {
  const wholeRows = m - (m % MR);
  const wholeColumns = n - (n % NR);
  for (let j = 0; j < wholeColumns; j += NR)
    for (let i = 0; i < wholeRows; i += MR)
      tile(a + ((i * k) << 2), k << 2, 4, b + (j << 2), n << 2, c + ((i * n + j) << 2), n << 2, k, false, false);
  for (let i = 0; i < m; i++)
    for (let j = i < wholeRows ? wholeColumns : 0; j < n; j++) {
      let sum: f32 = 0;
      for (let p = 0; p < k; p++) sum += load<f32>(a + ((i * k + p) << 2)) * load<f32>(b + ((p * n + j) << 2));
      store<f32>(c + ((i * n + j) << 2), sum);
    }
}
