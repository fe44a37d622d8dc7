// The whole life of a worker thread that makes batches: it is sent a number and sends that batch back. See prefetch.ts.
import { parentPort, workerData } from 'node:worker_threads';
import { batchesOf, type BatchRecipe } from './batch-recipe.js';
import type { Arrays, Batch } from '../retromae/index.js';
import type { Answer } from './prefetch.js';
import { TokenFile } from './token-file.js';

/** The memory of a batch, which is moved and not copied. */
const buffersOf = (batch: Batch): ArrayBuffer[] =>
  Object.values<Arrays[string]>(batch as Batch & Arrays).map(({ buffer }) => buffer as ArrayBuffer);

const recipe = workerData as BatchRecipe;
const batches = batchesOf(await TokenFile.open(recipe.tokens), recipe);
const send = (answer: Answer, memory: ArrayBuffer[] = []): void => parentPort!.postMessage(answer, memory);

parentPort!.on('message', (index: number) => {
  try {
    const batch = batches.at(index);
    send({ index, batch }, buffersOf(batch));
  } catch (error) {
    send({ index, error: error as Error });
  }
});
