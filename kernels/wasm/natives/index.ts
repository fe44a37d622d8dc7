// Every tuned routine of the `wasm` backend.
import type { Kernel } from '../../kernel.js';
import * as library from '../../library/index.js';
import type { Engine } from '../engine.js';
import type { Native, Natives, Routine, Routines } from '../native.js';
import { attentionNatives } from './attention.js';
import { elementwiseNatives, isMap, map } from './elementwise.js';
import { geluNatives } from './gelu.js';
import { lossNatives } from './loss.js';
import { matmulNatives } from './matmul.js';
import { movementNatives } from './movement.js';
import { normNatives } from './norm.js';
import { optimizerNatives, optimizerRoutines } from './optimizer.js';
import { reduceNatives } from './reduce.js';
import { rowNatives } from './rows.js';
import { topKNatives } from './topk.js';

const natives: Natives = {
  ...elementwiseNatives,
  ...movementNatives,
  ...reduceNatives,
  ...matmulNatives,
  ...geluNatives,
  ...rowNatives,
  ...topKNatives,
  ...normNatives,
  ...attentionNatives,
  ...lossNatives,
  ...optimizerNatives,
};

/** One launch after the other. */
const inTurn =
  (native: Native): Routine =>
  (engine, calls) => {
    for (const call of calls) native(engine, call);
  };

const named: Routines = {
  ...Object.fromEntries(Object.entries(natives).map(([name, native]) => [name, inTurn(native)])),
  ...optimizerRoutines,
};

/**
 * The routines that stand for kernels of the library; a user's kernel has none, also where it bears the name of one. A map
 * is found by its name alone, if the module exports a routine of that name.
 */
export function routinesOf(engine: Engine): ReadonlyMap<Kernel, Routine> {
  const found = new Map<Kernel, Routine>();
  for (const kernel of Object.values(library as unknown as Record<string, Kernel>)) {
    const routine = named[kernel.name] ?? (isMap(kernel) && engine.pool.has(kernel.name) && inTurn(map(kernel)));
    if (routine) found.set(kernel, routine);
  }
  return found;
}
