// Matrix multiply in 128-bit SIMD, after Goto and van de Geijn (2008): packed panels around a register tile of 6 x 8.
import { Lanes } from './lanes';
import { scratch, scratchBytes } from './scratch';

/** Whether a multiply and its add are one instruction: how many registers a row of the tile needs depends on it. */
const FUSED: bool = ASC_FEATURE_RELAXED_SIMD;
/**
 * Rows and columns of the register tile. 12 sums, 2 vectors of B and a broadcast of A are the 15 registers that V8 gives
 * out; without a fused multiply-add a product needs one more, and 4 rows are what fits.
 */
const MR: i32 = FUSED ? 6 : 4;
const NR: i32 = 8;
/** Rows of the register tile, for the host: the rows of a task are a multiple of it. */
export const tileRows: i32 = MR;
/**
 * Longest stretch of k between two visits to C. A strip of B is then NR * KC * 4 = 16 KiB, half of the first-level cache,
 * and the rows of A that meet it have the other half.
 */
const KC: i32 = 512;
/** Strips that a task packs. */
const GROUP: i32 = 8;
/** Bytes of the memory below that hold one tile cut off by the border of C; the packed block of A follows. */
const EDGE: usize = 256;

/**
 * A cache line between two groups of rows of the packed block of A: with 512 steps of k a group is a multiple of 4 KiB
 * long, and the groups that packBlockTransposed writes side by side would all want the same few lines of the cache.
 */
const GAP: usize = 64;

/** Bytes from one group of MR rows of the packed block of A to the next. */
function groupBytes(deep: i32): usize {
  return <usize>(deep * MR * 4) + GAP;
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
 * Packs op(B) into strips of 8 columns: stretch by stretch of k, strip by strip, row by row; the columns that the last
 * strip lacks are zero. One task packs 8 strips of one matrix over one stretch: whole cache lines of B are read once, and
 * written once; tasks = batch * (stretches of k) * ceil(n / 64).
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
  const groups = (strips + GROUP - 1) / GROUP;
  const kc = depth(k);
  const stretches = max(1, (k + KC - 1) / KC);
  for (let task = begin; task < end; task++) {
    const group = task % groups;
    const rest = task / groups;
    const p = (rest % stretches) * kc;
    const matrix = rest / stretches;
    const rows = min(kc, k - p);
    const first = group * GROUP;
    const column = first * NR;
    const from = b + <usize>matrix * strideB + (transposed ? <usize>column * ldb + (p << 2) : <usize>p * ldb + (column << 2));
    const to = packed + ((<usize>matrix * <usize>strips * <usize>k * NR + <usize>(p * strips + first * rows) * NR) << 2);
    const columns = min(GROUP * NR, n - column);
    if (transposed) packColumns(from, ldb, to, columns, rows);
    else packRows(from, ldb, to, columns, rows);
  }
}

/** Tasks of `gemmPack` for one matrix. */
export function packTasks(n: i32, k: i32): i32 {
  return ((k + KC - 1) / KC) * ((n + GROUP * NR - 1) / (GROUP * NR));
}

/** B as stored: two rows of k at a time, which are a cache line of a strip. */
function packRows(from: usize, ld: usize, to: usize, columns: i32, rows: i32): void {
  const strip = <usize>rows * NR * 4;
  for (let r = 0; r < rows; r += 2) {
    const pair = r + 1 < rows;
    let x = from;
    let t = to;
    let c = 0;
    if (pair) {
      for (; c + NR <= columns; c += NR) {
        const y = x + ld;
        v128.store(t, v128.load(x));
        v128.store(t, v128.load(x, 16), 16);
        v128.store(t, v128.load(y), 32);
        v128.store(t, v128.load(y, 16), 48);
        x += NR * 4;
        t += strip;
      }
    }
    for (; c < columns; c += NR) {
      packRow(x, t, columns - c);
      if (pair) packRow(x + ld, t + NR * 4, columns - c);
      x += NR * 4;
      t += strip;
    }
    from += ld << 1;
    to += 2 * NR * 4;
  }
}

/** A row of a strip, of which B has `columns`. */
function packRow(from: usize, to: usize, columns: i32): void {
  for (let c = 0; c < NR; c++) store<f32>(to + (c << 2), c < columns ? load<f32>(from + (c << 2)) : 0);
}

/** B transposed: each column lies along a row in memory; 4 x 4 blocks are turned in registers. */
function packColumns(from: usize, ld: usize, to: usize, columns: i32, rows: i32): void {
  for (let c = 0; c < columns; c += NR) {
    packFour(from, ld, to, columns - c, rows);
    packFour(from + (ld << 2), ld, to + 16, columns - c - 4, rows);
    from += ld * NR;
    to += <usize>rows * NR * 4;
  }
}

/** Half the columns of a strip, of which B has `columns`. */
function packFour(from: usize, ld: usize, to: usize, columns: i32, rows: i32): void {
  let r = 0;
  if (columns >= 4) {
    const p1 = from + ld;
    const p2 = p1 + ld;
    const p3 = p2 + ld;
    for (; r + 4 <= rows; r += 4) {
      const o = (<usize>r) << 2;
      const t = to + ((<usize>r * NR) << 2);
      const x0 = v128.load(from + o);
      const x1 = v128.load(p1 + o);
      const x2 = v128.load(p2 + o);
      const x3 = v128.load(p3 + o);
      const lo01 = v128.shuffle<f32>(x0, x1, 0, 4, 1, 5);
      const hi01 = v128.shuffle<f32>(x0, x1, 2, 6, 3, 7);
      const lo23 = v128.shuffle<f32>(x2, x3, 0, 4, 1, 5);
      const hi23 = v128.shuffle<f32>(x2, x3, 2, 6, 3, 7);
      v128.store(t, v128.shuffle<i64>(lo01, lo23, 0, 2));
      v128.store(t, v128.shuffle<i64>(lo01, lo23, 1, 3), 32);
      v128.store(t, v128.shuffle<i64>(hi01, hi23, 0, 2), 64);
      v128.store(t, v128.shuffle<i64>(hi01, hi23, 1, 3), 96);
    }
  }
  for (; r < rows; r++) {
    for (let i = 0; i < 4; i++) {
      const value: f32 = i < columns ? load<f32>(from + <usize>i * ld + ((<usize>r) << 2)) : 0;
      store<f32>(to + ((<usize>r * NR + i) << 2), value);
    }
  }
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

/** A as stored: the rows of a group are interleaved, a0[0] a1[0] ... a5[0] a0[1] ...; rows that the last lacks are zero. */
function packBlock(from: usize, ld: usize, to: usize, rows: i32, deep: i32): void {
  const size = groupBytes(deep);
  for (let i = 0; i < rows; i += MR) {
    const count = min(MR, rows - i);
    let p = 0;
    if (count == MR) for (; p + 4 <= deep; p += 4) packSteps(from + (p << 2), ld, to + (<usize>(p * MR) << 2));
    for (; p < deep; p++) {
      for (let r = 0; r < MR; r++) {
        const value: f32 = r < count ? load<f32>(from + <usize>r * ld + (p << 2)) : 0;
        store<f32>(to + (<usize>(p * MR + r) << 2), value);
      }
    }
    from += <usize>MR * ld;
    to += size;
  }
}

/** A group of rows at four steps of k: a 4 x 4 block turned in registers, and two rows more beside it. */
function packSteps(x: usize, ld: usize, to: usize): void {
  const step: usize = MR << 2;
  const x0 = v128.load(x);
  const x1 = v128.load(x + ld);
  x += ld << 1;
  const x2 = v128.load(x);
  const x3 = v128.load(x + ld);
  const lo01 = v128.shuffle<f32>(x0, x1, 0, 4, 1, 5);
  const hi01 = v128.shuffle<f32>(x0, x1, 2, 6, 3, 7);
  const lo23 = v128.shuffle<f32>(x2, x3, 0, 4, 1, 5);
  const hi23 = v128.shuffle<f32>(x2, x3, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(lo01, lo23, 0, 2));
  v128.store(to + step, v128.shuffle<i64>(lo01, lo23, 1, 3));
  v128.store(to + 2 * step, v128.shuffle<i64>(hi01, hi23, 0, 2));
  v128.store(to + 3 * step, v128.shuffle<i64>(hi01, hi23, 1, 3));
  if (MR == 6) {
    x += ld << 1;
    const x4 = v128.load(x);
    const x5 = v128.load(x + ld);
    const lo45 = v128.shuffle<f32>(x4, x5, 0, 4, 1, 5);
    const hi45 = v128.shuffle<f32>(x4, x5, 2, 6, 3, 7);
    v128.store64_lane(to, lo45, 0, 16);
    v128.store64_lane(to + step, lo45, 1, 16);
    v128.store64_lane(to + 2 * step, hi45, 0, 16);
    v128.store64_lane(to + 3 * step, hi45, 1, 16);
  }
}

/**
 * A transposed: a row of k in memory holds the rows of a group side by side already. Taken in tiles of 8 steps of k: the
 * groups that share a cache line find it in the first-level cache.
 */
function packBlockTransposed(from: usize, ld: usize, to: usize, rows: i32, deep: i32): void {
  const size = groupBytes(deep);
  for (let p = 0; p < deep; p += 8) {
    const steps = min(8, deep - p);
    let x = from;
    let t = to;
    for (let i = 0; i < rows; i += MR) {
      const count = min(MR, rows - i);
      let y = x;
      for (let r = 0; r < steps; r++) {
        const z = t + (<usize>(r * MR) << 2);
        if (count == MR) {
          v128.store(z, v128.load(y));
          if (MR == 6) store<u64>(z, load<u64>(y, 16), 16);
        } else {
          for (let c = 0; c < MR; c++) store<f32>(z + (c << 2), c < count ? load<f32>(y + (c << 2)) : 0);
        }
        y += ld;
      }
      x += MR << 2;
      t += size;
    }
    from += ld << 3;
    to += 8 * MR * 4;
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
    if (columns == NR) {
      const from = own() + ((i * NR) << 2);
      Tile.store(c + <usize>i * ldc, v128.load(from), v128.load(from, 16), add, bias);
      continue;
    }
    for (let j = 0; j < columns; j++) {
      const to = c + <usize>i * ldc + (j << 2);
      let value = load<f32>(own() + ((i * NR + j) << 2));
      if (add) value = load<f32>(to) + value;
      if (bias) value = value + load<f32>(bias + (j << 2));
      store<f32>(to, value);
    }
  }
}

class Tile {
  /** One row of sums, `to` in C. */
  @inline static store(to: usize, c0: v128, c1: v128, add: i32, bias: usize): void {
    if (add) {
      c0 = f32x4.add(v128.load(to), c0);
      c1 = f32x4.add(v128.load(to, 16), c1);
    }
    if (bias) {
      c0 = f32x4.add(c0, v128.load(bias));
      c1 = f32x4.add(c1, v128.load(bias, 16));
    }
    v128.store(to, c0);
    v128.store(to, c1, 16);
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
  Tile.store(c, c00, c01, add, bias);
  c += ldc;
  Tile.store(c, c10, c11, add, bias);
  c += ldc;
  Tile.store(c, c20, c21, add, bias);
  c += ldc;
  Tile.store(c, c30, c31, add, bias);
  c += ldc;
  if (MR == 6) {
    Tile.store(c, c40, c41, add, bias);
    c += ldc;
    Tile.store(c, c50, c51, add, bias);
  }
}
