// What a run that goes on can be told: what it was told before, what changes no bit, and another number of steps.
import { flagOf } from '../data/index.js';
import { scheduleOf, type RateSettings } from './schedule.js';
import { formatCount } from './report/format.js';
import type { LoopSettings } from './run.js';
import { pretraining, withAbsolutePaths, type Leg, type Plan, type RunKind } from './run-folder.js';
import type { PretrainSettings } from './settings.js';

/** What the settings of every run have. */
type RunSettings = LoopSettings & { readonly backend: unknown; readonly threads?: number };

/** How long to train is said by the first of these that is given. */
const lengths = ['steps', 'minutes', 'epochs'] as const;
const lengthOf = (settings: Partial<LoopSettings>) => lengths.find((name) => settings[name] !== undefined);

/**
 * The settings that a run goes on with: its own, those of `given` that change no bit, and as many steps as are asked for.
 * @throws naming the first flag that says something else than the run began with, and both values
 */
export function resumedOf<S extends RunSettings>(
  kind: RunKind<S>,
  { settings: former, steps }: Plan<S>,
  given: Partial<S>,
): S {
  const own = new Set<string>([...lengths, 'out']);
  const others = Object.entries(given).filter(([name, value]) => value !== undefined && !own.has(name));
  const settings = withAbsolutePaths(
    kind,
    kind.complete({
      ...former,
      // Threads are those of a backend: another one begins with all that there are.
      ...(given.backend && { threads: undefined }),
      ...Object.fromEntries(others),
    }),
  );
  for (const [name] of others) {
    const [now, before] = [settings, former].map((all) => comparable(all, name));
    if (now !== before && !kind.rows[name]?.anew)
      throw differs(
        name,
        now,
        former,
        before === undefined ? 'without one' : `with ${JSON.stringify(before)}`,
        'Leave it out',
      );
  }
  const length = lengthOf(given);
  const before = lengthOf(former)!;
  if (length && length !== 'steps' && (length !== before || given[length] !== former[length]))
    throw differs(
      length,
      given[length],
      former,
      `with ${flagOf(before)} ${former[before]}`,
      '--steps says anew how long it is',
    );
  const isOther = given.steps !== undefined && given.steps !== steps;
  return { ...settings, out: former.out, ...(isOther && { steps: given.steps, minutes: undefined }) };
}

/** The same for pre-training. */
export const resumedSettings = (plan: Plan, given: Partial<PretrainSettings>): PretrainSettings =>
  resumedOf(pretraining, plan, given);

const differs = (
  name: string,
  value: unknown,
  { out }: Pick<LoopSettings, 'out'>,
  began: string,
  remedy: string,
): Error =>
  new Error(
    `${flagOf(name)} is ${JSON.stringify(value)}, but the run in ${out} began ${began}. ${remedy}, or begin another run in a new folder.`,
  );

/** The value of a setting, the same for what means the same. */
function comparable(settings: object, name: string): unknown {
  const { lr, ffn, hidden = 0, [name]: value } = settings as Partial<PretrainSettings> & Record<string, unknown>;
  if (name === 'lr') return Number.isNaN(Number(lr)) ? lr : Number(lr);
  if (name === 'ffn') return ffn || 4 * hidden;
  return value;
}

/**
 * The legs of a run that goes on to `steps` steps: what is done keeps its learning rates, should it have to be done
 * again, and what follows has those of a run of `steps` steps.
 * @param done steps
 * @throws if more are done than asked for
 */
export function legsTo(
  steps: number,
  { steps: former = steps, legs = [{ from: 0, steps: former }] }: Pick<Plan, 'steps' | 'legs'>,
  done: number,
): readonly Leg[] {
  if (steps === former) return legs;
  if (steps < done)
    throw new Error(
      `--steps is ${steps}, but ${done} steps are done. Give at least so many, or begin another run in a new folder.`,
    );
  return [...legs.filter(({ from }) => from < done), { from: done, steps }];
}

/** What another number of steps means for the learning rate. */
export async function goingOn(settings: RateSettings, legs: readonly Leg[], former: number): Promise<string> {
  const { from, steps } = legs.at(-1)!;
  const rate = (await scheduleOf(settings, legs))(from).toPrecision(2);
  const next = from < steps ? `: from step ${formatCount(from + 1)} on, where it is ${rate}` : '';
  return `${formatCount(steps)} steps instead of ${formatCount(former)}; the learning rate is that of a run of so many${next}.`;
}
