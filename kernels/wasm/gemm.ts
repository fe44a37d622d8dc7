// The host side of matrix multiply: how a product is cut into launches and tasks. The arithmetic is assembly/gemm.ts.
import type { Engine } from './engine.js';

/** Columns of the register tile, strips that one task packs, and the longest stretch of k, as in assembly/gemm.ts. */
const STRIP = 8;
const GROUP = 32;
const KC = 512;
/** Most rows of a task: with 512 steps of k its packed block of A, 384 KiB, stays in the second-level cache. */
const MAX_ROWS = 192;
/** What the kernel `gemm` needs of each thread behind its scratch memory: a tile, and that block, in groups of 4 rows. */
export const GEMM_BYTES = 256 + (MAX_ROWS / 4) * (KC * 16 + 64);
/** Most bytes of B that are packed at once. */
const WORKSPACE = 8 << 20;
/** Most bytes of a packed B that are still in the third-level cache when the next task reads them. */
const CACHED = 16 << 20;
/** Strips below which a task is not cut further. */
const NARROW = 16;
/** Multiply-adds below which another thread costs more than it brings. */
const SMALL = 1 << 17;

/**
 * C[i] = op(A[i]) op(B[i]) (+ bias) (+ C[i]) for i in [0, batch), row-major float32 at heap pointers. op(A) is m x k and
 * op(B) k x n; transA says that A is stored k x m, transB that B is stored n x k. Strides count floats.
 */
export interface Gemm {
  a: number;
  b: number;
  c: number;
  m: number;
  n: number;
  k: number;
  transA?: boolean;
  transB?: boolean;
  /** Floats from one row to the next; default: rows side by side. */
  lda?: number;
  ldb?: number;
  ldc?: number;
  /** A row of n floats added to every row of C. */
  bias?: number;
  /** Add to what C holds. */
  accumulate?: boolean;
  batch?: number;
  /** Floats from one matrix to the next; default: matrices side by side; 0: the same matrix for all (A and B only). */
  strideA?: number;
  strideB?: number;
  strideC?: number;
  /** op(B) as `packB` left it, for batch 1: a B of several products is packed once. */
  packed?: number;
}

const packTasks = (strips: number, k: number): number => Math.ceil(strips / GROUP) * Math.max(1, Math.ceil(k / KC));

/** Packs op(B) for several products; the memory is as large as B, and the caller's to free. */
export function packB(engine: Engine, { b, n, k, transB = false }: Pick<Gemm, 'b' | 'n' | 'k' | 'transB'>): number {
  const strips = Math.ceil(n / STRIP);
  const packed = engine.heap.alloc(strips * STRIP * k * 4);
  engine.run('gemmPack', packTasks(strips, k), [b, 4 * (transB ? k : n), 0, Number(transB), packed, n, k]);
  return packed;
}

/**
 * Runs the product. Every element of C is the same sum in the same order whatever the number of threads.
 */
export function gemm(engine: Engine, problem: Gemm): void {
  const { a, b, c, m, n, k, transA = false, transB = false, bias = 0, accumulate = false, batch = 1 } = problem;
  const { lda = transA ? m : k, ldb = transB ? k : n, ldc = n } = problem;
  const { strideA = (transA ? k : m) * lda, strideB = (transB ? n : k) * ldb, strideC = m * ldc } = problem;
  if (m === 0 || n === 0 || batch === 0) return;

  // One packed B serves the whole batch where all its matrices are the same one.
  const matrices = strideB === 0 ? 1 : batch;
  const strips = Math.ceil(n / STRIP);
  const stripBytes = k * STRIP * 4;
  const room = Math.max(1, Math.floor(WORKSPACE / Math.max(1, stripBytes)));
  const stripsAtOnce = problem.packed ? strips : Math.min(strips, room);
  const matricesAtOnce = Math.min(matrices, Math.max(1, Math.floor(room / strips)));
  const packed = problem.packed ?? engine.workspace(matricesAtOnce * stripsAtOnce * stripBytes);

  for (let first = 0; first < matrices; first += matricesAtOnce) {
    const count = Math.min(matricesAtOnce, matrices - first);
    const products = matrices === 1 ? batch : count;
    for (let strip = 0; strip < strips; strip += stripsAtOnce) {
      const width = Math.min(stripsAtOnce, strips - strip);
      const column = strip * STRIP;
      const columns = Math.min(width * STRIP, n - column);
      const small = products * m * columns * k < SMALL;
      const launch = (name: string, tasks: number, args: number[]) =>
        small ? engine.pool.runHere(name, tasks, args) : engine.run(name, tasks, args);

      if (!problem.packed) {
        const from = b + 4 * (first * strideB + column * (transB ? ldb : 1));
        const args = [from, 4 * ldb, 4 * strideB, Number(transB), packed, columns, k];
        launch('gemmPack', count * packTasks(width, k), args);
      }

      const { rows, across } = cut(products, m, width, stripBytes, small ? 1 : engine.threads, engine.tileRows);
      const tasks = products * Math.ceil(m / rows) * Math.ceil(width / across);
      const stridePacked = matrices === 1 ? 0 : width * stripBytes;
      launch('gemm', tasks, [
        ...[a + 4 * first * strideA, 4 * lda, 4 * strideA, Number(transA), packed, stridePacked],
        ...[c + 4 * (first * strideC + column), 4 * ldc, 4 * strideC, bias && bias + 4 * column, Number(accumulate)],
        ...[m, columns, k, rows, across * STRIP],
      ]);
    }
  }
}

/**
 * Rows (whole tiles) and strips of a task: of all cuts that the caches allow, the one that is done first, by a model whose unit
 * is a tile times a strip. A task packs its rows of A, one unit a tile, and reads its strips of B once, a quarter of a unit
 * each if the packed B lies in the third-level cache, else a whole one. The last task may begin an eighth late.
 */
function cut(
  batch: number,
  m: number,
  strips: number,
  stripBytes: number,
  threads: number,
  tileRows: number,
): { rows: number; across: number } {
  const high = Math.ceil(m / tileRows);
  const reading = strips * stripBytes > CACHED ? 1 : 1 / 4;
  let best = { rows: tileRows, across: strips, time: Infinity };
  for (let across = strips; ; across = Math.ceil(across / 2)) {
    const columns = Math.ceil(strips / across);
    for (let most = Math.min(high, Math.floor(MAX_ROWS / tileRows)); most > 0; most--) {
      const down = Math.ceil(high / most);
      const tiles = Math.ceil(high / down);
      const task = across * (tiles + reading) + tiles;
      const rounds = Math.ceil((batch * down * columns) / threads);
      const time = task * (threads === 1 ? rounds : rounds + 1 / 8);
      if (time < best.time) best = { rows: tileRows * tiles, across, time };
    }
    if (across <= NARROW || threads === 1) return best;
  }
}
