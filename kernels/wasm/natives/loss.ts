// Losses over a tied vocabulary, a block of rows at a time, so that the logits of all rows are never in memory together. The
// table is packed for its products once, not once a block.
import type { Engine } from '../engine.js';
import type { Call, Natives } from '../native.js';

/** Most bytes of logits, and of the sums over their rows, at a time. */
const BLOCK_BYTES = 32 << 20;
/** Columns of a task, or rows of one that goes along them, as in assembly/loss.ts. */
const COLUMNS = 512;
const ROWS = 8;
const CHUNK = 32;

interface Block {
  /** Logits [rows, words], rows ld floats apart. */
  logits: number;
  ld: number;
  /** Which rows of x: first .. first + rows - 1. */
  first: number;
  rows: number;
}

/**
 * Calls `use` with the logits of one block of rows after the other: as few blocks as BLOCK_BYTES allows, of equal size,
 * because the products over the rows of a block are the faster the longer it is.
 */
function forBlocks(engine: Engine, call: Call, use: (block: Block) => void): void {
  const [rows, width] = call.dims('x');
  const [words] = call.dims('table');
  const ld = 4 * Math.ceil(words / 4);
  if (rows === 0) return;
  const blocks = Math.ceil(rows / Math.max(1, Math.floor(BLOCK_BYTES / (4 * ld * (1 + 1 / ROWS)) - 1)));
  const most = 2 * Math.ceil(rows / (2 * blocks));
  const logits = engine.heap.alloc(4 * Math.min(rows, most) * ld);
  const product = { b: call.at('table'), n: words, k: width, transB: true };
  const packed = engine.pack(product);
  for (let first = 0; first < rows; first += most) {
    const block = { logits, ld, first, rows: Math.min(most, rows - first) };
    const a = call.at('x') + 4 * first * width;
    engine.gemm({ ...product, packed, a, c: logits, m: block.rows, ldc: ld, bias: call.at('bias') });
    use(block);
  }
  engine.heap.free(packed);
  engine.heap.free(logits);
}

/**
 * Negative log-likelihoods and hits of a block. With `sums`, its logits become gradients, and each task leaves the sum of
 * its rows there. Returns the number of tasks.
 */
function rowLosses(engine: Engine, call: Call, { logits, ld, first, rows }: Block, sums = 0, scale = 0): number {
  const [words] = call.dims('table');
  const at = (name: string) => call.at(name) + 4 * first;
  const tasks = Math.ceil(rows / ROWS);
  const args = [logits, 4 * ld, rows, words, at('labels'), at('nll'), at('hit'), sums, scale];
  engine.run('crossEntropyRows', tasks, args);
  return tasks;
}

function crossEntropy(engine: Engine, call: Call): void {
  forBlocks(engine, call, (block) => rowLosses(engine, call, block));
}

function crossEntropyGradient(engine: Engine, call: Call): void {
  const [allRows, width] = call.dims('x');
  const [words] = call.dims('table');
  if (allRows === 0) {
    for (const name of ['dtable', 'dbias']) engine.heap.f32(call.at(name), call.cells(name)).fill(0);
    return;
  }
  const toRows = { b: call.at('table'), n: width, k: words };
  const packed = engine.pack(toRows);
  forBlocks(engine, call, (block) => {
    const { logits, ld, first, rows } = block;
    const accumulate = first > 0;
    const sums = engine.heap.alloc(4 * Math.ceil(rows / ROWS) * ld);
    const tasks = rowLosses(engine, call, block, sums, call.number('scale'));
    const total = [sums, 4 * ld, tasks, words, call.at('dbias'), Number(accumulate)];
    engine.run('columnSums', Math.ceil(words / COLUMNS), total);
    engine.heap.free(sums);
    const offset = 4 * first * width;
    engine.gemm({ ...toRows, packed, a: logits, lda: ld, c: call.at('dx') + offset, m: rows });
    const toTable = { m: words, n: width, k: rows, lda: ld, transA: true };
    engine.gemm({ ...toTable, a: logits, b: call.at('x') + offset, c: call.at('dtable'), accumulate });
  });
  engine.heap.free(packed);
}

function vocabularyMax(engine: Engine, call: Call): void {
  const [words] = call.dims('table');
  // A copy, because what follows allocates.
  const offsets = engine.heap.f32(call.at('offsets'), call.cells('offsets')).slice();
  forBlocks(engine, call, ({ logits, ld, first, rows }) => {
    // The sequences that have rows in this block.
    const from = offsets.findLastIndex((offset) => offset <= first);
    const end = offsets.findIndex((offset) => offset >= first + rows);
    const where = [call.at('offsets'), call.number('skip'), from, end];
    const args = [logits, 4 * ld, words, first, rows, ...where, call.at('top'), call.at('row')];
    engine.run('columnMax', Math.ceil(words / COLUMNS), args);
  });
}

function vocabularyMaxGradient(engine: Engine, call: Call): void {
  const [words, width] = call.dims('table');
  const [sequences] = call.dims('dtop');
  const given = [call.at('dtop'), call.at('row')];
  const table = [words, sequences, width, call.at('dtable'), call.at('dbias')];
  engine.run('columnMaxTable', words, [...given, call.at('x'), ...table]);
  engine.heap.f32(call.at('dx'), call.cells('dx')).fill(0);
  const chunks = Math.ceil(width / CHUNK);
  const groups = Math.min(sequences, Math.ceil((4 * engine.threads) / chunks));
  const group = Math.ceil(sequences / groups);
  const tasks = Math.ceil(sequences / group) * chunks;
  engine.run('columnMaxRows', tasks, [...given, call.at('table'), words, sequences, group, width, call.at('dx')]);
}

export const lossNatives: Natives = { crossEntropy, crossEntropyGradient, vocabularyMax, vocabularyMaxGradient };
