// The learning rate of each step of a run.
import { flagOf } from '../data/index.js';
import { constant, cosineDecay, expressionSchedule, linearDecay, type Schedule } from '../nn/index.js';
import type { LoopSettings } from './run.js';
import type { Leg } from './run-folder.js';

export type RateSettings = Pick<LoopSettings, 'lr' | 'schedule' | 'warmup'>;

/** Steps at which a learning rate is tried out before the first. */
const TRIED = 10_000;

/** The learning rate of each step of a run with these legs. @throws as `schedule` */
export async function scheduleOf(settings: RateSettings, legs: readonly Leg[]): Promise<Schedule> {
  const rates = await Promise.all(
    legs.map(async ({ from, steps }) => ({ from, rate: await schedule(settings, steps) })),
  );
  return (step) => (rates.findLast(({ from }) => from <= step) ?? rates[0]).rate(step);
}

/**
 * The learning rate of each step: a peak with a schedule, or an expression.
 * @throws if the expression cannot be read, or is no rate at one of the steps
 */
export async function schedule({ lr, schedule: form, warmup }: RateSettings, steps: number): Promise<Schedule> {
  const peak = Number(lr);
  if (!Number.isFinite(peak)) {
    try {
      const rate = await expressionSchedule(lr, steps);
      for (let step = 0; step < steps; step += Math.ceil(steps / TRIED)) rate(step);
      rate(steps - 1);
      return rate;
    } catch (error) {
      throw new Error(`${flagOf('lr')}: ${(error as Error).message}`, { cause: error });
    }
  }
  const rising = Math.min(steps, warmup < 1 ? Math.round(warmup * steps) : warmup);
  if (form === 'constant') return constant(peak, rising);
  return form === 'cosine' ? cosineDecay(peak, steps, rising) : linearDecay(peak, steps, rising);
}
