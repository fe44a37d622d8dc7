// Packing for matrix multiply: the sizes of the register tile, and both operands in the order in which it reads them.
import { Lanes } from './lanes';

/** Whether a multiply and its add are one instruction: how many registers a row of the tile needs depends on it. */
const FUSED: bool = ASC_FEATURE_RELAXED_SIMD;
/**
 * Rows and columns of the register tile. 12 sums, 2 vectors of B and a broadcast of A are the 15 registers that V8 gives
 * out; without a fused multiply-add a product needs one more, and 4 rows are what fits.
 */
export const MR: i32 = FUSED ? 6 : 4;
export const NR: i32 = 8;
/** Rows of the register tile, for the host: the rows of a task are a multiple of it. */
export const tileRows: i32 = MR;
/**
 * Longest stretch of k between two visits to C. A strip of B is then NR * KC * 4 = 16 KiB, half of the first-level cache,
 * and the rows of A that meet it have the other half.
 */
const KC: i32 = 512;
/** Strips that a task packs. */
const GROUP: i32 = 32;
/**
 * A cache line between two groups of rows of the packed block of A: with 512 steps of k a group is a multiple of 4 KiB
 * long, and the groups that packBlockTransposed writes side by side would all want the same few lines of the cache.
 */
const GAP: usize = 64;

/** Bytes from one group of MR rows of the packed block of A to the next. */
export function groupBytes(deep: i32): usize {
  return <usize>(deep * MR * 4) + GAP;
}

/**
 * Length of one stretch of k: K is cut into equal parts of at most KC. It depends on K alone, so that the order of
 * every sum, hence every bit of C, is the same for any partition of the work.
 */
export function depth(k: i32): i32 {
  const blocks = (k + KC - 1) / KC;
  return blocks > 1 ? (k + blocks - 1) / blocks : k;
}

/**
 * Packs op(B) into strips of 8 columns: stretch by stretch of k, strip by strip, row by row; the columns that the last
 * strip lacks are zero. One task packs 32 strips of one matrix over one stretch, for memory is read fastest a kilobyte at a
 * time; tasks = batch * (stretches of k) * ceil(n / 256).
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
    for (; r + 4 <= rows; r += 4) Lanes.turn(from + ((<usize>r) << 2), ld, to + ((<usize>(r * NR)) << 2), NR * 4);
  }
  for (; r < rows; r++) {
    for (let i = 0; i < 4; i++) {
      const value: f32 = i < columns ? load<f32>(from + <usize>i * ld + ((<usize>r) << 2)) : 0;
      store<f32>(to + ((<usize>r * NR + i) << 2), value);
    }
  }
}

/** A as stored: the rows of a group are interleaved, a0[0] a1[0] ... a5[0] a0[1] ...; rows that the last lacks are zero. */
export function packBlock(from: usize, ld: usize, to: usize, rows: i32, deep: i32): void {
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
  Lanes.turn(x, ld, to, step);
  if (MR == 6) {
    x += ld << 2;
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
 * Brings `rows` rows of `bytes` bytes into the cache, all lines at once: rows lie in pages of their own, where the processor's
 * own prefetching begins anew. A load may trap, so compilers keep it though nobody reads what it loads.
 */
function fetch(from: usize, ld: usize, rows: i32, bytes: usize): void {
  for (let r = 0; r < rows; r++) {
    for (let at: usize = 0; at < bytes; at += 64) load<i32>(from + at);
    from += ld;
  }
}

/**
 * A transposed: a row of k in memory holds the rows of a group side by side already. Taken in tiles of 8 steps of k: the
 * groups that share a cache line find it in the first-level cache.
 */
export function packBlockTransposed(from: usize, ld: usize, to: usize, rows: i32, deep: i32): void {
  const size = groupBytes(deep);
  for (let p = 0; p < deep; p += 8) {
    const steps = min(8, deep - p);
    if (p + 16 <= deep) fetch(from + (ld << 3), ld, 8, (<usize>rows) << 2);
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
