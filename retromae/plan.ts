// How many steps fit into a time: measured on the model itself, at learning rate 0, which changes no bit of it.
import { AdamW, type Losses } from '../nn/index.js';

/** Steps that are timed; the first, which also compiles, does not count. */
const TIMED = 4;

/**
 * @param minutes time for training
 * @param model what is trained
 * @param microBatches the losses of a step, one function a micro-batch
 * @returns number of steps, at least 1, and milliseconds a step
 */
export async function stepsWithin(
  minutes: number,
  model: object,
  microBatches: (step: number) => (() => Losses)[],
): Promise<{ steps: number; each: number }> {
  const idle = new AdamW(model, { lr: 0 });
  const times: number[] = [];
  for (let step = 0; step < TIMED; step++) {
    const started = performance.now();
    await idle.step(...microBatches(step));
    times.push(performance.now() - started);
  }
  const each = Math.min(...times.slice(1));
  return { steps: Math.max(1, Math.floor((minutes * 60_000) / each)), each };
}
