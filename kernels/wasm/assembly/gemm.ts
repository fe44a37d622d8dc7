// Matrix multiply in 128-bit SIMD, after Goto and van de Geijn (2008): packed panels around a register tile of 2 x 16.
import { scratch, scratchBytes } from './scratch';

/** Rows and columns of the register tile: 8 accumulators, 4 loads of B and 2 broadcasts of A fit V8's 15 registers. */
const MR: i32 = 2;
const NR: i32 = 16;
/**
 * Longest stretch of k between two visits to C. A strip of B is then NR * KC * 4 = 32 KiB, as large as the first-level
 * cache; shorter strips, which leave room for A beside them, lose more by ending the inner loop more often.
 */
const KC: i32 = 512;
/** Bytes of the memory below that hold one tile cut off by the border of C; the packed block of A follows. */
const EDGE: usize = 128;

/**
 * A cache line between two pairs of rows of the packed block of A: with 512 steps of k a pair is 4 KiB long, and the
 * pairs that packBlockTransposed writes side by side would all want the same few lines of the first-level cache.
 */
const GAP: usize = 64;

/** Bytes from one pair of rows of the packed block of A to the next. */
function pairBytes(deep: i32): usize {
  return (<usize>deep << 3) + GAP;
}

/** Memory of this thread behind its scratch memory, so that kernels that call `gemm` have all of that to themselves. */
function own(): usize {
  return scratch + scratchBytes;
}

/**
 * Length of one stretch of k: K is cut into equal parts of at most KC. It depends on K alone, so that the order of
 * every sum, hence every bit of C, is the same for any partition of the work.
 */
function depth(k: i32): i32 {
  const blocks = (k + KC - 1) / KC;
  return blocks > 1 ? (k + blocks - 1) / blocks : k;
}

/**
 * Packs op(B) into strips of 16 columns: stretch by stretch of k, strip by strip, row by row; the columns that the last
 * strip lacks are zero. One task packs one strip of one matrix over all of k; tasks = batch * ceil(n / 16).
 * b is K x N (or N x K if transposed) with rows ldb bytes apart, matrices strideB bytes apart.
 */
export function gemmPack(
  b: usize,
  ldb: usize,
  strideB: usize,
  transposed: i32,
  packed: usize,
  n: i32,
  k: i32,
  begin: i32,
  end: i32,
): void {
  const strips = (n + NR - 1) / NR;
  const kc = depth(k);
  for (let task = begin; task < end; task++) {
    const matrix = task / strips;
    const strip = task % strips;
    const column = strip * NR;
    const columns = min(NR, n - column);
    const source = b + <usize>matrix * strideB + <usize>column * (transposed ? ldb : 4);
    const target = packed + ((<usize>matrix * <usize>strips * <usize>k * NR) << 2);
    for (let p = 0; p < k; p += kc) {
      const rows = min(kc, k - p);
      const to = target + ((<usize>(p * strips + strip * rows) * NR) << 2);
      const from = source + <usize>p * (transposed ? 4 : ldb);
      if (transposed) packColumns(from, ldb, to, columns, rows);
      else packRows(from, ldb, to, columns, rows);
    }
  }
}

/** B as stored: a row of k holds the strip's columns side by side. */
function packRows(from: usize, ld: usize, to: usize, columns: i32, rows: i32): void {
  if (columns == NR) {
    for (let r = 0; r < rows; r++) {
      v128.store(to, v128.load(from));
      v128.store(to, v128.load(from, 16), 16);
      v128.store(to, v128.load(from, 32), 32);
      v128.store(to, v128.load(from, 48), 48);
      from += ld;
      to += NR * 4;
    }
    return;
  }
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < NR; c++) store<f32>(to + (c << 2), c < columns ? load<f32>(from + (c << 2)) : 0);
    from += ld;
    to += NR * 4;
  }
}

/** B transposed: each of the strip's columns lies along a row in memory; 4 x 4 blocks are turned in registers. */
function packColumns(from: usize, ld: usize, to: usize, columns: i32, rows: i32): void {
  for (let c = 0; c < NR; c += 4) {
    const p0 = from + <usize>c * ld;
    const target = to + (c << 2);
    let r = 0;
    if (c + 4 <= columns) {
      const p1 = p0 + ld;
      const p2 = p1 + ld;
      const p3 = p2 + ld;
      for (; r + 4 <= rows; r += 4) {
        const o = (<usize>r) << 2;
        const t = target + ((<usize>r * NR) << 2);
        const x0 = v128.load(p0 + o);
        const x1 = v128.load(p1 + o);
        const x2 = v128.load(p2 + o);
        const x3 = v128.load(p3 + o);
        const lo01 = v128.shuffle<f32>(x0, x1, 0, 4, 1, 5);
        const hi01 = v128.shuffle<f32>(x0, x1, 2, 6, 3, 7);
        const lo23 = v128.shuffle<f32>(x2, x3, 0, 4, 1, 5);
        const hi23 = v128.shuffle<f32>(x2, x3, 2, 6, 3, 7);
        v128.store(t, v128.shuffle<i64>(lo01, lo23, 0, 2));
        v128.store(t, v128.shuffle<i64>(lo01, lo23, 1, 3), 64);
        v128.store(t, v128.shuffle<i64>(hi01, hi23, 0, 2), 128);
        v128.store(t, v128.shuffle<i64>(hi01, hi23, 1, 3), 192);
      }
    }
    for (; r < rows; r++) {
      for (let i = 0; i < 4; i++) {
        const value: f32 = c + i < columns ? load<f32>(p0 + <usize>i * ld + ((<usize>r) << 2)) : 0;
        store<f32>(target + ((<usize>r * NR) << 2) + (i << 2), value);
      }
    }
  }
}

/**
 * C (+)= op(A) * op(B) + bias for a batch, B packed by gemmPack. One task computes a block of `mc` rows (even) and `nc`
 * columns (a multiple of 16) of one C; tasks = batch * ceil(m / mc) * ceil(n / nc), columns fastest. mc is 64 at most,
 * for which the host leaves room in `own`. Strides are in bytes; bias 0 means none.
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

/** A as stored: pairs of rows are interleaved, a0[0] a1[0] a0[1] a1[1] ...; an odd last row is paired with zeros. */
function packBlock(from: usize, ld: usize, to: usize, rows: i32, deep: i32): void {
  for (let i = 0; i < rows; i += MR) {
    const pair = i + 1 < rows;
    const next = pair ? from + ld : from;
    let p = 0;
    if (pair) {
      for (; p + 4 <= deep; p += 4) {
        const x0 = v128.load(from + (p << 2));
        const x1 = v128.load(next + (p << 2));
        v128.store(to, v128.shuffle<f32>(x0, x1, 0, 4, 1, 5));
        v128.store(to, v128.shuffle<f32>(x0, x1, 2, 6, 3, 7), 16);
        to += 32;
      }
    }
    for (; p < deep; p++) {
      store<f32>(to, load<f32>(from + (p << 2)));
      store<f32>(to, pair ? load<f32>(next + (p << 2)) : 0, 4);
      to += 8;
    }
    to += GAP;
    from = next + ld;
  }
}

/**
 * A transposed: a row of k in memory holds the block's rows side by side, two of which are a pair already. Taken in
 * tiles of 8 steps of k by 16 rows: full cache lines are read, from 8 rows that the hardware can follow, and written.
 */
function packBlockTransposed(from: usize, ld: usize, to: usize, rows: i32, deep: i32): void {
  const size = pairBytes(deep);
  for (let p = 0; p < deep; p += 8) {
    const steps = min(8, deep - p);
    let x = from;
    let t = to;
    let i = 0;
    for (; i + 16 <= rows; i += 16) {
      packTileTransposed(x, ld, t, size, steps);
      x += 64;
      t += size << 3;
    }
    for (; i < rows; i += MR) {
      const paired = i + 1 < rows;
      for (let r = 0; r < steps; r++) {
        const y = x + <usize>r * ld;
        store<f32>(t + (r << 3), load<f32>(y));
        store<f32>(t + (r << 3), paired ? load<f32>(y, 4) : 0, 4);
      }
      x += 8;
      t += size;
    }
    from += ld << 3;
    to += 64;
  }
}

/** 16 rows of A at `steps` steps of k: eight pairs, `size` bytes apart. */
function packTileTransposed(x: usize, ld: usize, to: usize, size: usize, steps: i32): void {
  let r = 0;
  for (; r + 2 <= steps; r += 2) {
    const y = x + ld;
    packPairs(x, y, to, size);
    packPairs(x + 16, y + 16, to + 2 * size, size);
    packPairs(x + 32, y + 32, to + 4 * size, size);
    packPairs(x + 48, y + 48, to + 6 * size, size);
    x = y + ld;
    to += 16;
  }
  if (r < steps) for (let pair: usize = 0; pair < 8; pair++) store<u64>(to + pair * size, load<u64>(x + (pair << 3)));
}

/** Four rows of A at two steps of k, x and y: two pairs, each to its own place. */
function packPairs(x: usize, y: usize, to: usize, size: usize): void {
  const first = v128.load(x);
  const second = v128.load(y);
  v128.store(to, v128.shuffle<i64>(first, second, 0, 2));
  v128.store(to + size, v128.shuffle<i64>(first, second, 1, 3));
}

/** All row pairs of the packed block of A times the strip of B that lies `at` bytes into `packed`. */
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
    if (columns == NR && i + 1 < rows) {
      multiplyTile(deep, a, packed, at, c, ldc, add, bias);
    } else {
      multiplyTile(deep, a, packed, at, own(), 64, 0, 0);
      storeEdge(c, ldc, min(MR, rows - i), columns, add, bias);
    }
    a += pairBytes(deep);
    c += ldc << 1;
  }
}

/** A tile that C cuts off: computed whole elsewhere, its inner part added as multiplyTile would. */
function storeEdge(c: usize, ldc: usize, rows: i32, columns: i32, add: i32, bias: usize): void {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const to = c + <usize>i * ldc + (j << 2);
      let value = load<f32>(own() + (i << 6) + (j << 2));
      if (add) value = load<f32>(to) + value;
      if (bias) value = value + load<f32>(bias + (j << 2));
      store<f32>(to, value);
    }
  }
}

/**
 * The register tile: 2 rows of A, `from` bytes into `own`, times the strip of B over `deep` steps of k.
 * Written for V8, whose machine code was read (docs/design/gemm.md): pointers that start as a sum need no
 * zero-extension in the loop, a loop that ends at the bottom has the address of the second broadcast computed once
 * before it, and the exit between two steps keeps the loads of the second from being moved up and spilled.
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
  let c02 = f32x4.splat(0);
  let c03 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c12 = f32x4.splat(0);
  let c13 = f32x4.splat(0);
  if (deep > 0) {
    let a = own() + from;
    let b = packed + at;
    const end = a + (<usize>deep << 3);
    do {
      let a0 = v128.load32_splat(a);
      let a1 = v128.load32_splat(a, 4);
      let b0 = v128.load(b);
      c00 = f32x4.add(c00, f32x4.mul(a0, b0));
      c10 = f32x4.add(c10, f32x4.mul(a1, b0));
      let b1 = v128.load(b, 16);
      c01 = f32x4.add(c01, f32x4.mul(a0, b1));
      c11 = f32x4.add(c11, f32x4.mul(a1, b1));
      let b2 = v128.load(b, 32);
      c02 = f32x4.add(c02, f32x4.mul(a0, b2));
      c12 = f32x4.add(c12, f32x4.mul(a1, b2));
      let b3 = v128.load(b, 48);
      c03 = f32x4.add(c03, f32x4.mul(a0, b3));
      c13 = f32x4.add(c13, f32x4.mul(a1, b3));
      a += 8;
      if (a == end) break;
      a0 = v128.load32_splat(a);
      a1 = v128.load32_splat(a, 4);
      b0 = v128.load(b, 64);
      c00 = f32x4.add(c00, f32x4.mul(a0, b0));
      c10 = f32x4.add(c10, f32x4.mul(a1, b0));
      b1 = v128.load(b, 80);
      c01 = f32x4.add(c01, f32x4.mul(a0, b1));
      c11 = f32x4.add(c11, f32x4.mul(a1, b1));
      b2 = v128.load(b, 96);
      c02 = f32x4.add(c02, f32x4.mul(a0, b2));
      c12 = f32x4.add(c12, f32x4.mul(a1, b2));
      b3 = v128.load(b, 112);
      c03 = f32x4.add(c03, f32x4.mul(a0, b3));
      c13 = f32x4.add(c13, f32x4.mul(a1, b3));
      a += 8;
      b += 128;
    } while (a != end);
  }
  const d = c + ldc;
  if (add) {
    c00 = f32x4.add(v128.load(c), c00);
    c01 = f32x4.add(v128.load(c, 16), c01);
    c02 = f32x4.add(v128.load(c, 32), c02);
    c03 = f32x4.add(v128.load(c, 48), c03);
    c10 = f32x4.add(v128.load(d), c10);
    c11 = f32x4.add(v128.load(d, 16), c11);
    c12 = f32x4.add(v128.load(d, 32), c12);
    c13 = f32x4.add(v128.load(d, 48), c13);
  }
  if (bias) {
    const e0 = v128.load(bias);
    const e1 = v128.load(bias, 16);
    const e2 = v128.load(bias, 32);
    const e3 = v128.load(bias, 48);
    c00 = f32x4.add(c00, e0);
    c01 = f32x4.add(c01, e1);
    c02 = f32x4.add(c02, e2);
    c03 = f32x4.add(c03, e3);
    c10 = f32x4.add(c10, e0);
    c11 = f32x4.add(c11, e1);
    c12 = f32x4.add(c12, e2);
    c13 = f32x4.add(c13, e3);
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(c, c02, 32);
  v128.store(c, c03, 48);
  v128.store(d, c10);
  v128.store(d, c11, 16);
  v128.store(d, c12, 32);
  v128.store(d, c13, 48);
}
