// The kernels of library/optimizer.ts on the engine: assembly/optimizer.ts, all tensors of a step in one grid.
//
// A grid over many tensors is described by a table in the heap, a record for each task: what it works on.
import type { Engine } from '../engine.js';
import type { Call, Natives, Routine, Routines } from '../native.js';
import { BLOCK, spread } from './grid.js';

const sumOfCells = (calls: readonly Call[], name: string) => calls.reduce((sum, call) => sum + call.cells(name), 0);

/**
 * Cuts the array `name` of every call into blocks, and writes for each its pointers (those of `names`, at that block), its
 * number of cells and a word of its call. Returns the number of blocks. Records are as in assembly/optimizer.ts.
 */
function writeTable(
  engine: Engine,
  table: number,
  calls: readonly Call[],
  names: readonly string[],
  word: (i: number) => number,
): number {
  const size = names.length + 2;
  let blocks = 0;
  calls.forEach((call, i) => {
    const n = call.cells(names[0]);
    const count = Math.ceil(n / BLOCK);
    const words = engine.heap.i32(table + 4 * size * blocks, size * count);
    const pointers = names.map((name) => call.at(name));
    for (let block = 0, at = 0; block < count; block++) {
      for (const pointer of pointers) words[at++] = pointer + 4 * BLOCK * block;
      words[at++] = Math.min(BLOCK, n - BLOCK * block);
      words[at++] = word(i);
    }
    blocks += count;
  });
  return blocks;
}

const blocksOf = (calls: readonly Call[], name: string) =>
  calls.reduce((sum, call) => sum + Math.ceil(call.cells(name) / BLOCK), 0);

/** Sums of blocks in float32, then of these in float64, in order. */
const sumOfSquares: Routine = (engine, calls) => {
  const blocks = blocksOf(calls, 'g');
  const partial = engine.workspace(4 * (1 + 3) * blocks);
  const table = partial + 4 * blocks;
  writeTable(engine, table, calls, ['g'], () => 0);
  spread(engine, 'squares', blocks, sumOfCells(calls, 'g'), [table, partial]);
  const sums = engine.heap.f32(partial, blocks);
  let next = 0;
  let total = 0;
  calls.forEach((call, i) => {
    const at = call.at('total');
    // Calls that add up in one place are rounded there once.
    if (i === 0 || at !== calls[i - 1].at('total')) [total] = engine.heap.f32(at, 1);
    for (const end = next + Math.ceil(call.cells('g') / BLOCK); next < end; next++) total += sums[next];
    if (i === calls.length - 1 || at !== calls[i + 1].at('total')) engine.heap.f32(at, 1)[0] = total;
  });
};

/** Floats that describe the step of one tensor. */
const NUMBERS = 9;

/** Writes them. */
function writeNumbers(engine: Engine, at: number, call: Call): void {
  const [beta1, beta2, lr] = ['beta1', 'beta2', 'lr'].map((name) => Math.fround(call.number(name)));
  const [clip] = engine.heap.f32(call.at('factor'), 1);
  engine.heap
    .f32(at, NUMBERS)
    .set([
      ...[clip, beta1, 1 - beta1, beta2, 1 - beta2, 1 - lr * call.number('decay')],
      ...[lr / call.number('correction1'), 1 / call.number('correction2'), call.number('eps')],
    ]);
}

const adamW: Routine = (engine, calls) => {
  const blocks = blocksOf(calls, 'p');
  const numbers = engine.workspace(4 * NUMBERS * calls.length + 4 * 6 * blocks);
  calls.forEach((call, i) => writeNumbers(engine, numbers + 4 * NUMBERS * i, call));
  const table = numbers + 4 * NUMBERS * calls.length;
  writeTable(engine, table, calls, ['p', 'm', 'v', 'g'], (i) => numbers + 4 * NUMBERS * i);
  spread(engine, 'adamW', blocks, sumOfCells(calls, 'p'), [table]);
};

export const optimizerRoutines: Routines = { sumOfSquares, adamW };

/** Rows of a task where the gradient is rows by id, as ROWS in assembly/optimizer.ts. */
const ROWS = 64;

export const optimizerNatives: Natives = {
  /** Sums of tasks, then of these in float64, in order. */
  sumOfSquaresRows: (engine, call) => {
    const tasks = Math.ceil(call.number('rows') / ROWS);
    const partial = engine.workspace(4 * tasks);
    const args = [...['dy', 'order', 'starts'].map((name) => call.at(name)), partial];
    spread(engine, 'squaresRows', tasks, call.cells('dy'), [...args, call.number('rows'), call.number('columns')]);
    const total = engine.heap.f32(call.at('total'), 1);
    total[0] = engine.heap.f32(partial, tasks).reduce((sum, part) => sum + part, total[0]);
  },
  adamWRows: (engine, call) => {
    const [rows, width] = call.dims('p');
    const numbers = engine.workspace(4 * NUMBERS);
    writeNumbers(engine, numbers, call);
    const args = [...['p', 'm', 'v', 'dy', 'order', 'starts'].map((name) => call.at(name)), numbers, rows, width];
    spread(engine, 'adamWRows', Math.ceil(rows / ROWS), call.cells('p'), args);
  },
  clipFactor: (engine, call) => {
    engine.pool.runHere('clipFactor', 1, [call.at('total'), call.at('factor'), call.number('limit')]);
  },
};
