// Learning rates as expressions, such as "1e-3 * min(step / 100, 1)", by mathjs. Never imported but where one is given.
import type { Schedule } from './schedule.js';

/**
 * A schedule from an expression in `step` (0 for the first) and `steps` (how many there will be).
 * @throws where it cannot be read, or does not come to a finite number of at least 0, naming the step
 */
export async function expressionSchedule(expression: string, steps: number): Promise<Schedule> {
  const { compile } = await import('mathjs');
  const fail = (reason: string) => new Error(`learning rate "${expression}": ${reason}`);
  let code: { evaluate(scope: Record<string, number>): unknown };
  try {
    code = compile(expression);
  } catch (error) {
    throw fail(`${(error as Error).message}. Write it in step and steps, such as "1e-3 * min(step / 100, 1)".`);
  }
  const rate: Schedule = (step) => {
    let value: unknown;
    try {
      value = code.evaluate({ step, steps });
    } catch (error) {
      throw fail(`${(error as Error).message}. The variables are step and steps.`);
    }
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0)
      throw fail(`at step ${step} it is ${String(value)}; it must be a number of at least 0.`);
    return value;
  };
  rate(0);
  return rate;
}
