// A run from its first step, or from its last checkpoint: the folder, the plan, the length. Whatever is trained.
import { join } from 'node:path';
import { removePartials } from '../data/index.js';
import type { Batch } from '../retromae/index.js';
import { Checkpoints } from './checkpoint.js';
import { goingOn, legsTo, resumedOf } from './going-on.js';
import { TrainingRun, type LoopSettings, type RunHooks, type RunResult, type Task } from './run.js';
import { claimFolder, readPlanOf, writePlanOf, type Leg, type Plan, type RunKind } from './run-folder.js';

/** What a job's settings have beside those of the loop. */
export type JobSettings = LoopSettings & { readonly backend: unknown; readonly threads?: number };

/** How a kind of run gets its task. */
export interface TrainingJob<S extends JobSettings, M extends object, B extends Batch> extends RunKind<S> {
  /** @param checkpoint a folder whose weights will replace all of the model's */
  prepare(settings: S, hooks: RunHooks<M>, checkpoint?: string): Promise<Task<M, B>>;
  /** Whether what is in the folder before the first step took long enough to go on with when the run was aborted. */
  keeps?(settings: S): Promise<boolean>;
}

/**
 * Starts a run in an empty folder.
 * @throws if it fails before the first step, or is aborted by then: the folder is as it was, unless the job keeps it
 */
export async function startJob<S extends JobSettings, M extends object, B extends Batch>(
  job: TrainingJob<S, M, B>,
  settings: S,
  hooks: RunHooks<M>,
): Promise<RunResult<M>> {
  const { out } = settings;
  const leave = await claimFolder(out);
  let run: TrainingRun<M, B> | undefined;
  let steps: number;
  try {
    const plan: Plan<S> = { settings, commands: hooks.command ? [hooks.command] : [] };
    // Written first, so that a run that is killed while it reads the corpus can be resumed as well.
    await writePlanOf(job, out, plan);
    run = new TrainingRun(settings, await job.prepare(settings, hooks), hooks);
    steps = await run.length();
    await writePlanOf(job, out, { ...plan, steps });
    hooks.signal?.throwIfAborted();
  } catch (error) {
    run?.close();
    if (!hooks.signal?.aborted || !(await job.keeps?.(settings))) await leave();
    throw error;
  }
  return run.train([{ from: 0, steps }]);
}

/**
 * Goes on with the run in a folder from its last good checkpoint, to the same bits as if it had never stopped.
 * @param given settings that change none of the bits, or (the backend) have bits of their own; another number of steps,
 *   for which the learning rate is from here on that of a run of so many; and any other as the run began with it
 * @throws if there is no run, none of its checkpoints is whole, or a setting is another than it was
 */
export async function resumeJob<S extends JobSettings, M extends object, B extends Batch>(
  job: TrainingJob<S, M, B>,
  out: string,
  given: Partial<S> = {},
  hooks: RunHooks<M> = {},
): Promise<RunResult<M>> {
  const plan = await readPlanOf(job, out);
  const settings = resumedOf(job, plan, given);
  const latest = await latestCheckpoint(settings, hooks);
  const done = latest?.step ?? 0;
  // Asked before work is done, and known then unless nothing was.
  const wanted = given.steps ?? plan.steps;
  const known = wanted && legsTo(wanted, plan, done);
  await removePartials(out);
  const run = new TrainingRun(settings, await job.prepare(settings, hooks, latest?.path), hooks);
  let legs: readonly Leg[];
  try {
    legs = known || [{ from: 0, steps: await run.length() }];
    const { steps } = legs.at(-1)!;
    if (latest) await run.load(latest, legs);
    // One that a comparison laid out has no command yet, and nobody waits for a checkpoint of it.
    else if (plan.commands.length > 0) hooks.message?.('There is no checkpoint yet: beginning with the first step.');
    const commands = [...plan.commands, ...(hooks.command ? [hooks.command] : [])];
    const changed = plan.steps !== undefined && steps !== plan.steps;
    // What may be given anew is for this process; how long the run is, for all that follow.
    const lasting = changed ? { ...plan.settings, steps, minutes: undefined } : plan.settings;
    await writePlanOf(job, out, { settings: lasting, steps, ...(legs.length > 1 && { legs }), commands });
    if (changed) hooks.message?.(await goingOn(settings, legs, plan.steps!));
  } catch (error) {
    run.close();
    throw error;
  }
  return run.train(legs, latest);
}

async function latestCheckpoint({ out, keep }: LoopSettings, { message }: Pick<RunHooks<object>, 'message'>) {
  let damaged = 0;
  const onWarning = (line: string) => {
    damaged++;
    message?.(line);
  };
  const latest = await new Checkpoints(out, { keep, onWarning }).latest();
  if (!latest && damaged > 0)
    throw new Error(
      `${join(out, 'checkpoints')}: none of ${damaged} checkpoints is whole. Copy one back, or delete that folder to begin with the first step.`,
    );
  return latest;
}
