// Matrix multiply in 128-bit SIMD, after Goto and van de Geijn (2008): packed panels around a register tile of 6 x 8.
import { Lanes } from './lanes';
import { depth, groupBytes, MR, NR, packBlock, packBlockTransposed } from './pack';
import { scratch, scratchBytes } from './scratch';

/** Bytes of the memory below that hold one tile cut off by the border of C; the packed block of A follows. */
const EDGE: usize = 256;

/** Memory of this thread behind its scratch memory, so that kernels that call `gemm` have all of that to themselves. */
function own(): usize {
  return scratch + scratchBytes;
}

/**
 * C (+)= op(A) * op(B) + bias for a batch, B packed by gemmPack. One task computes a block of `mc` rows (a multiple of MR)
 * and `nc` columns (a multiple of 8) of one C; tasks = batch * ceil(m / mc) * ceil(n / nc), columns fastest. mc is 192 at
 * most, for which the host leaves room in `own`. Strides are in bytes; bias 0 means none.
 */
export function gemm(
  a: usize,
  lda: usize,
  strideA: usize,
  transposed: i32,
  packed: usize,
  stridePacked: usize,
  c: usize,
  ldc: usize,
  strideC: usize,
  bias: usize,
  accumulate: i32,
  m: i32,
  n: i32,
  k: i32,
  mc: i32,
  nc: i32,
  begin: i32,
  end: i32,
): void {
  const rowBlocks = (m + mc - 1) / mc;
  const columnBlocks = (n + nc - 1) / nc;
  const strips = (n + NR - 1) / NR;
  const kc = depth(k);
  const panel = own() + EDGE;
  for (let task = begin; task < end; task++) {
    const columnBlock = task % columnBlocks;
    const rest = task / columnBlocks;
    const row = (rest % rowBlocks) * mc;
    const matrix = rest / rowBlocks;
    const rows = min(mc, m - row);
    const first = columnBlock * nc;
    const last = min(n, first + nc);
    const source = a + <usize>matrix * strideA + <usize>row * (transposed ? 4 : lda);
    const strip = packed + <usize>matrix * stridePacked;
    const target = c + <usize>matrix * strideC + <usize>row * ldc;
    let p = 0;
    do {
      const deep = min(kc, k - p);
      const from = source + <usize>p * (transposed ? lda : 4);
      if (transposed) packBlockTransposed(from, lda, panel, rows, deep);
      else packBlock(from, lda, panel, rows, deep);
      const add = p > 0 || accumulate ? 1 : 0;
      const offset = p == 0 ? bias : 0;
      for (let j = first; j < last; j += NR) {
        const at = (<usize>(p * strips) * NR + <usize>j * <usize>deep) << 2;
        const addend = offset ? offset + (j << 2) : 0;
        multiplyStrip(deep, strip, at, target + (j << 2), ldc, rows, min(NR, last - j), add, addend);
      }
      p += kc;
    } while (p < k);
  }
}

/** All groups of rows of the packed block of A times the strip of B that lies `at` bytes into `packed`. */
function multiplyStrip(
  deep: i32,
  packed: usize,
  at: usize,
  c: usize,
  ldc: usize,
  rows: i32,
  columns: i32,
  add: i32,
  bias: usize,
): void {
  let a: usize = EDGE;
  for (let i = 0; i < rows; i += MR) {
    if (columns == NR && i + MR <= rows) {
      multiplyTile(deep, a, packed, at, c, ldc, add, bias);
    } else {
      multiplyTile(deep, a, packed, at, own(), NR * 4, 0, 0);
      storeEdge(c, ldc, min(MR, rows - i), columns, add, bias);
    }
    a += groupBytes(deep);
    c += ldc * MR;
  }
}

/** A tile that C cuts off: computed whole elsewhere, its inner part added as multiplyTile would. */
function storeEdge(c: usize, ldc: usize, rows: i32, columns: i32, add: i32, bias: usize): void {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const to = c + <usize>i * ldc + (j << 2);
      let value = load<f32>(own() + ((i * NR + j) << 2));
      if (add) value = load<f32>(to) + value;
      if (bias) value = value + load<f32>(bias + (j << 2));
      store<f32>(to, value);
    }
  }
}

/**
 * The register tile: MR rows of A, `from` bytes into `own`, times the strip of B over `deep` steps of k.
 * Written for V8, whose machine code was read (docs/design/gemm.md): pointers that start as a sum need no
 * zero-extension in the loop; a loop that ends at the bottom has addresses computed once before it; and V8 moves all loads
 * of a block to its top, where they want more registers than there are, so that the comparisons of b with small odd
 * numbers, which no address equals, cut the step into blocks of one load each.
 */
function multiplyTile(
  deep: i32,
  from: usize,
  packed: usize,
  at: usize,
  c: usize,
  ldc: usize,
  add: i32,
  bias: usize,
): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  let c40 = f32x4.splat(0);
  let c41 = f32x4.splat(0);
  let c50 = f32x4.splat(0);
  let c51 = f32x4.splat(0);
  if (deep > 0) {
    let a = own() + from;
    let b = packed + at;
    const end = a + (<usize>(deep * MR) << 2);
    do {
      let b0 = v128.load(b);
      let b1 = v128.load(b, 16);
      let x = v128.load32_splat(a);
      c00 = Lanes.madd(x, b0, c00);
      c01 = Lanes.madd(x, b1, c01);
      if (b == 1) break;
      x = v128.load32_splat(a, 4);
      c10 = Lanes.madd(x, b0, c10);
      c11 = Lanes.madd(x, b1, c11);
      if (b == 3) break;
      x = v128.load32_splat(a, 8);
      c20 = Lanes.madd(x, b0, c20);
      c21 = Lanes.madd(x, b1, c21);
      if (b == 5) break;
      x = v128.load32_splat(a, 12);
      c30 = Lanes.madd(x, b0, c30);
      c31 = Lanes.madd(x, b1, c31);
      if (MR == 6) {
        if (b == 7) break;
        x = v128.load32_splat(a, 16);
        c40 = Lanes.madd(x, b0, c40);
        c41 = Lanes.madd(x, b1, c41);
        if (b == 9) break;
        x = v128.load32_splat(a, 20);
        c50 = Lanes.madd(x, b0, c50);
        c51 = Lanes.madd(x, b1, c51);
      }
      a += MR << 2;
      if (a == end) break;
      b0 = v128.load(b, 32);
      b1 = v128.load(b, 48);
      x = v128.load32_splat(a);
      c00 = Lanes.madd(x, b0, c00);
      c01 = Lanes.madd(x, b1, c01);
      if (b == 11) break;
      x = v128.load32_splat(a, 4);
      c10 = Lanes.madd(x, b0, c10);
      c11 = Lanes.madd(x, b1, c11);
      if (b == 13) break;
      x = v128.load32_splat(a, 8);
      c20 = Lanes.madd(x, b0, c20);
      c21 = Lanes.madd(x, b1, c21);
      if (b == 15) break;
      x = v128.load32_splat(a, 12);
      c30 = Lanes.madd(x, b0, c30);
      c31 = Lanes.madd(x, b1, c31);
      if (MR == 6) {
        if (b == 17) break;
        x = v128.load32_splat(a, 16);
        c40 = Lanes.madd(x, b0, c40);
        c41 = Lanes.madd(x, b1, c41);
        if (b == 19) break;
        x = v128.load32_splat(a, 20);
        c50 = Lanes.madd(x, b0, c50);
        c51 = Lanes.madd(x, b1, c51);
      }
      a += MR << 2;
      b += 64;
    } while (a != end);
  }
  const d1 = c + ldc;
  const d2 = d1 + ldc;
  const d3 = d2 + ldc;
  const d4 = d3 + ldc;
  const d5 = d4 + ldc;
  if (add) {
    c00 = f32x4.add(v128.load(c), c00);
    c01 = f32x4.add(v128.load(c, 16), c01);
    c10 = f32x4.add(v128.load(d1), c10);
    c11 = f32x4.add(v128.load(d1, 16), c11);
    c20 = f32x4.add(v128.load(d2), c20);
    c21 = f32x4.add(v128.load(d2, 16), c21);
    c30 = f32x4.add(v128.load(d3), c30);
    c31 = f32x4.add(v128.load(d3, 16), c31);
    if (MR == 6) {
      c40 = f32x4.add(v128.load(d4), c40);
      c41 = f32x4.add(v128.load(d4, 16), c41);
      c50 = f32x4.add(v128.load(d5), c50);
      c51 = f32x4.add(v128.load(d5, 16), c51);
    }
  }
  if (bias) {
    const e0 = v128.load(bias);
    const e1 = v128.load(bias, 16);
    c00 = f32x4.add(c00, e0);
    c01 = f32x4.add(c01, e1);
    c10 = f32x4.add(c10, e0);
    c11 = f32x4.add(c11, e1);
    c20 = f32x4.add(c20, e0);
    c21 = f32x4.add(c21, e1);
    c30 = f32x4.add(c30, e0);
    c31 = f32x4.add(c31, e1);
    if (MR == 6) {
      c40 = f32x4.add(c40, e0);
      c41 = f32x4.add(c41, e1);
      c50 = f32x4.add(c50, e0);
      c51 = f32x4.add(c51, e1);
    }
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(d1, c10);
  v128.store(d1, c11, 16);
  v128.store(d2, c20);
  v128.store(d2, c21, 16);
  v128.store(d3, c30);
  v128.store(d3, c31, 16);
  if (MR == 6) {
    v128.store(d4, c40);
    v128.store(d4, c41, 16);
    v128.store(d5, c50);
    v128.store(d5, c51, 16);
  }
}
