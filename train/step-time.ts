// How long a step takes: measured on the model itself, at learning rate 0, which changes no bit of it.
import { AdamW, type MicroBatch } from '../nn/index.js';

/** Steps that are run before time is taken: the machine's code is still being compiled. */
const BEFORE = 4;
/** Steps that are timed at least. */
const LEAST = 4;

export interface StepTimeOptions {
  /** How long to measure, at least: a machine that others use as well is slower at times. Default 0. */
  seconds?: number;
  /** Milliseconds since any moment, for tests. */
  now?: () => number;
}

/**
 * Milliseconds of a training step, the mean of a stretch.
 * @param model what is trained
 * @param microBatches the losses of a step, one function a micro-batch
 */
export async function stepTime(
  model: object,
  microBatches: (step: number) => MicroBatch[] | Promise<MicroBatch[]>,
  { seconds = 0, now = () => performance.now() }: StepTimeOptions = {},
): Promise<number> {
  const idle = new AdamW(model, { lr: 0 });
  let step = 0;
  while (step < BEFORE) await idle.step(...(await microBatches(step++)));
  const started = now();
  for (let timed = 1; ; timed++) {
    await idle.step(...(await microBatches(step++)));
    const passed = now() - started;
    if (timed >= LEAST && passed >= 1000 * seconds) return passed / timed;
  }
}
