// What a worker thread that makes batches does all its life: it is sent a number and sends that batch back.
import { parentPort } from 'node:worker_threads';
import type { Arrays, Batch } from '../retromae/index.js';
import type { Answer } from './prefetch.js';

/** The memory of a batch, which is moved and not copied. */
const buffersOf = (batch: Batch): ArrayBuffer[] =>
  Object.values<Arrays[string]>(batch as Batch & Arrays).map(({ buffer }) => buffer as ArrayBuffer);

/** Answers the thread that started this one. */
export function answerWithBatches(batches: { at(index: number): Batch }): void {
  const send = (answer: Answer, memory: ArrayBuffer[] = []): void => parentPort!.postMessage(answer, memory);
  parentPort!.on('message', (index: number) => {
    try {
      const batch = batches.at(index);
      send({ index, batch }, buffersOf(batch));
    } catch (error) {
      send({ index, error: error as Error });
    }
  });
}
