// Every tuned routine of the `wasm` backend by the name of its kernel.
import type { Batch, Native } from '../native.js';
import { attentionNatives } from './attention.js';
import { elementwiseNatives } from './elementwise.js';
import { geluNatives } from './gelu.js';
import { lossNatives } from './loss.js';
import { matmulNatives } from './matmul.js';
import { movementNatives } from './movement.js';
import { normNatives } from './norm.js';
import { optimizerBatches, optimizerNatives } from './optimizer.js';
import { reduceNatives } from './reduce.js';
import { rowNatives } from './rows.js';
import { topKNatives } from './topk.js';

export const natives: ReadonlyMap<string, Native> = new Map(
  Object.entries({
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
  }),
);

/** Routines that take several launches at once. */
export const batches: ReadonlyMap<string, Batch> = new Map(Object.entries(optimizerBatches));
