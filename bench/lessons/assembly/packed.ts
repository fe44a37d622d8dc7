// Steps 6 to 9 of docs/matmul.md: operands packed in the order in which a tile reads them, and cut to the sizes of the caches.
import { Lanes } from '../../../kernels/wasm/assembly/lanes';
import { MR, NR, storeRow, tile } from './tile';

/** Rows of the larger tile. */
const MR_LARGE = 6;
/** Steps of k between two visits to C: a strip of B of as many, 16 KiB, stays in the first-level cache. */
const KC = 512;
/** Rows of A that are packed at once: with 512 steps 384 KiB, for the second-level cache. */
const MC = 192;
/** Bytes of `work` for a tile that C cuts off. */
const EDGE = 256;

/** Strips of 8 columns of B, one after another, each with its `deep` rows side by side; columns that B lacks are 0. */
function packColumns(b: usize, n: i32, deep: i32, to: usize): void {
  for (let j = 0; j < n; j += NR)
    for (let p = 0; p < deep; p++)
      for (let column = j; column < j + NR; column++) {
        store<f32>(to, column < n ? load<f32>(b + ((p * n + column) << 2)) : 0);
        to += 4;
      }
}

/** Groups of `height` rows of A, each with its `deep` columns side by side; rows that A lacks are 0. */
function packRows(a: usize, k: i32, rows: i32, deep: i32, height: i32, to: usize): void {
  for (let i = 0; i < rows; i += height)
    for (let p = 0; p < deep; p++)
      for (let row = i; row < i + height; row++) {
        store<f32>(to, row < rows ? load<f32>(a + ((row * k + p) << 2)) : 0);
        to += 4;
      }
}

/** A tile of packed operands: C, `ldc` bytes from row to row, is or gets added the product over `deep` steps of k. */
type Tile = (a: usize, b: usize, c: usize, ldc: usize, deep: i32, add: bool) => void;

function plainTile(a: usize, b: usize, c: usize, ldc: usize, deep: i32, add: bool): void {
  tile(a, 4, MR << 2, b, NR << 2, c, ldc, deep, add, false);
}

/** Of step 8. */
function fusedTile(a: usize, b: usize, c: usize, ldc: usize, deep: i32, add: bool): void {
  tile(a, 4, MR << 2, b, NR << 2, c, ldc, deep, add, true);
}

/** The tile at c, of which C has `rows` and `columns`: where that is not all of it, it is computed in `edge`. */
function tileAt(
  a: usize,
  b: usize,
  c: usize,
  ldc: usize,
  deep: i32,
  rows: i32,
  columns: i32,
  add: bool,
  height: i32,
  multiply: Tile,
  edge: usize,
): void {
  if (rows >= height && columns >= NR) return multiply(a, b, c, ldc, deep, add);
  multiply(a, b, edge, NR << 2, deep, false);
  for (let i = 0; i < min(rows, height); i++)
    for (let j = 0; j < min(columns, NR); j++) {
      const at = c + <usize>i * ldc + (j << 2);
      const value = load<f32>(edge + ((i * NR + j) << 2));
      store<f32>(at, add ? load<f32>(at) + value : value);
    }
}

/** Step 6: both operands packed whole. `work` has room for them, rows of A up to a multiple of 4, columns of B of 8. */
export function packed(a: usize, b: usize, c: usize, m: i32, n: i32, k: i32, work: usize): void {
  const strips = work + EDGE;
  const groups = strips + ((((n + NR - 1) / NR) * NR * k) << 2);
  packColumns(b, n, k, strips);
  packRows(a, k, m, k, MR, groups);
  for (let j = 0; j < n; j += NR)
    for (let i = 0; i < m; i += MR) {
      const x = groups + ((i * k) << 2);
      const y = strips + ((j * k) << 2);
      tileAt(x, y, c + ((i * n + j) << 2), n << 2, k, m - i, n - j, false, MR, plainTile, work);
    }
}

/** Step 7: k in stretches and A in blocks, so that what is read again and again is in a cache. */
export function blocked(a: usize, b: usize, c: usize, m: i32, n: i32, k: i32, work: usize): void {
  inBlocks(a, b, c, m, n, k, work, MR, plainTile);
}

/** Step 8: a multiply and its add are one instruction. */
export function fused(a: usize, b: usize, c: usize, m: i32, n: i32, k: i32, work: usize): void {
  inBlocks(a, b, c, m, n, k, work, MR, fusedTile);
}

/** Step 9: a tile of 6 x 8. */
export function larger(a: usize, b: usize, c: usize, m: i32, n: i32, k: i32, work: usize): void {
  inBlocks(a, b, c, m, n, k, work, MR_LARGE, largeTile);
}

function inBlocks(
  a: usize,
  b: usize,
  c: usize,
  m: i32,
  n: i32,
  k: i32,
  work: usize,
  height: i32,
  multiply: Tile,
): void {
  const strips = work + EDGE;
  const groups = strips + ((((n + NR - 1) / NR) * NR * min(KC, k)) << 2);
  let p = 0;
  do {
    const deep = min(KC, k - p);
    packColumns(b + ((p * n) << 2), n, deep, strips);
    for (let top = 0; top < m; top += MC) {
      const rows = min(MC, m - top);
      packRows(a + ((top * k + p) << 2), k, rows, deep, height, groups);
      for (let j = 0; j < n; j += NR)
        for (let i = 0; i < rows; i += height) {
          const x = groups + ((i * deep) << 2);
          const y = strips + ((j * deep) << 2);
          const to = c + (((top + i) * n + j) << 2);
          tileAt(x, y, to, n << 2, deep, rows - i, n - j, p > 0, height, multiply, work);
        }
    }
    p += KC;
  } while (p < k);
}

/** 12 vectors of sums; a multiply-add takes four cycles and two begin in each, so that 8 is the least that keeps the units busy. */
function largeTile(a: usize, b: usize, c: usize, ldc: usize, deep: i32, add: bool): void {
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  let c40 = c00;
  let c41 = c00;
  let c50 = c00;
  let c51 = c00;
  for (let p = 0; p < deep; p++) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let x = v128.load32_splat(a);
    c00 = Lanes.madd(x, b0, c00);
    c01 = Lanes.madd(x, b1, c01);
    x = v128.load32_splat(a, 4);
    c10 = Lanes.madd(x, b0, c10);
    c11 = Lanes.madd(x, b1, c11);
    x = v128.load32_splat(a, 8);
    c20 = Lanes.madd(x, b0, c20);
    c21 = Lanes.madd(x, b1, c21);
    x = v128.load32_splat(a, 12);
    c30 = Lanes.madd(x, b0, c30);
    c31 = Lanes.madd(x, b1, c31);
    x = v128.load32_splat(a, 16);
    c40 = Lanes.madd(x, b0, c40);
    c41 = Lanes.madd(x, b1, c41);
    x = v128.load32_splat(a, 20);
    c50 = Lanes.madd(x, b0, c50);
    c51 = Lanes.madd(x, b1, c51);
    a += 24;
    b += 32;
  }
  storeRow(c, c00, c01, add);
  storeRow(c + ldc, c10, c11, add);
  storeRow(c + 2 * ldc, c20, c21, add);
  storeRow(c + 3 * ldc, c30, c31, add);
  storeRow(c + 4 * ldc, c40, c41, add);
  storeRow(c + 5 * ldc, c50, c51, add);
}
