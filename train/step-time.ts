// How long a step takes: measured on the model itself, at learning rate 0, which changes no bit of it.
import { AdamW, type Losses } from '../nn/index.js';

/** Steps that are run, and how many of the last are timed: before, the machine's code is still being compiled. */
const RUN = 8;
const TIMED = 4;

/**
 * Milliseconds of a training step, the least of a few.
 * @param model what is trained
 * @param microBatches the losses of a step, one function a micro-batch
 */
export async function stepTime(model: object, microBatches: (step: number) => (() => Losses)[]): Promise<number> {
  const idle = new AdamW(model, { lr: 0 });
  const times: number[] = [];
  for (let step = 0; step < RUN; step++) {
    const started = performance.now();
    await idle.step(...microBatches(step));
    times.push(performance.now() - started);
  }
  return Math.min(...times.slice(-TIMED));
}
