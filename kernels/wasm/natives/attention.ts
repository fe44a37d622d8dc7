// Launches of attention and its gradient: working memory and arguments. The arithmetic is assembly/attention.ts.
import { SCRATCH_BYTES, type Engine } from '../engine.js';
import type { Call, Natives } from '../native.js';

/** Floats of a block of scores: 128 KiB, a part of the second-level cache. */
const BLOCK = 1 << 15;
/** Tasks a thread that share a launch where the scratch memory is too small for one. */
const TASKS = 4;

const padded = (n: number) => 16 * Math.ceil(n / 16);

/** Query rows of a block, even: few enough for the cache, many enough for the products that sum over them. */
const blockRows = (keys: number) => 2 * Math.max(16, Math.min(128, Math.floor(BLOCK / 2 / padded(Math.max(1, keys)))));

/**
 * Runs tasks 0 .. tasks - 1, each with `need` bytes of working memory: the threads' own if it is large enough, else
 * memory of this launch, for as many tasks at a time as keep all threads busy.
 */
function runTasks(engine: Engine, name: string, tasks: number, need: number, args: readonly number[]): void {
  if (need <= SCRATCH_BYTES) {
    engine.run(name, tasks, [...args, 0, 0, 0]);
    return;
  }
  const group = Math.min(tasks, engine.threads === 1 ? 1 : TASKS * engine.threads);
  const area = engine.heap.alloc(group * need);
  for (let first = 0; first < tasks; first += group)
    engine.run(name, Math.min(group, tasks - first), [...args, area, need, first]);
  engine.heap.free(area);
}

/** What both kernels take after their rows: offsets, bits, sizes, dropout. */
function common(call: Call): number[] {
  const p = Math.fround(call.number('p'));
  return [
    call.at('qOffsets'),
    call.at('kOffsets'),
    call.number('masked') > 0.5 ? call.at('visible') : 0,
    call.dims('visible')[1],
    call.number('heads'),
    call.number('width'),
    call.number('scale'),
    Math.ceil(p * 2 ** 24),
    1 / (1 - p),
    call.number('key'),
  ];
}

const tasksOf = (call: Call) => (call.cells('qOffsets') - 1) * call.number('heads');

function attention(engine: Engine, call: Call): void {
  const keys = call.number('keys');
  const width = call.number('width');
  const size = blockRows(keys);
  const need = 4 * (padded(keys) * (width + size) + keys * padded(width) + size);
  const rows = [call.at('q'), call.at('k'), call.at('v')];
  runTasks(engine, 'attention', tasksOf(call), need, [...rows, ...common(call), call.at('y'), call.at('lse'), size]);
}

function attentionGradient(engine: Engine, call: Call): void {
  const keys = call.number('keys');
  const width = call.number('width');
  const size = blockRows(keys);
  const need = 4 * (2 * padded(keys) * (width + size) + (keys + 2 * size) * padded(width));
  const rows = ['dy', 'y', 'lse', 'q', 'k', 'v'].map((name) => call.at(name));
  const gradients = ['dq', 'dk', 'dv'].map((name) => call.at(name));
  runTasks(engine, 'attentionGradient', tasksOf(call), need, [...rows, ...common(call), ...gradients, size]);
}

export const attentionNatives: Natives = { attention, attentionGradient };
