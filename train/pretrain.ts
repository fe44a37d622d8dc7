// Pre-training as a job: data, model, loop, checkpoints, log. What `retromae pretrain` does, as a function.
import { join } from 'node:path';
import { removePartials } from '../data/index.js';
import type { Batch, PretrainModel } from '../retromae/index.js';
import { Checkpoints } from './checkpoint.js';
import { goingOn, legsTo, resumedSettings } from './going-on.js';
import { corpusDocuments, givenVocabulary, newModel, newSettings } from './prepare.js';
import { TrainingRun } from './run.js';
import { claimFolder, readPlan, writePlan, type Leg, type Plan } from './run-folder.js';
import type { PretrainSettings } from './settings.js';
import { prepareTask, type PretrainHooks, type PretrainResult, type Start } from './task.js';

type PretrainRun = TrainingRun<PretrainModel, Batch>;

/**
 * Starts a run in an empty folder.
 * @throws if the settings or the data are wrong, before anything is written; if it fails before the first step, or is
 *   aborted by then, the folder is as it was
 */
export async function pretrain(given: Partial<PretrainSettings>, hooks: PretrainHooks = {}): Promise<PretrainResult> {
  const settings = await newSettings(given);
  const { out } = settings;
  const start = await checkedStart(settings, hooks);
  const leave = await claimFolder(out);
  let run: PretrainRun | undefined;
  let steps: number;
  try {
    const plan: Plan = { settings, commands: hooks.command ? [hooks.command] : [] };
    // Written first, so that a run that is killed while it reads the corpus can be resumed as well.
    await writePlan(out, plan);
    run = new TrainingRun(settings, await prepareTask(settings, hooks, start), hooks);
    steps = await run.length();
    await writePlan(out, { ...plan, steps });
    hooks.signal?.throwIfAborted();
  } catch (error) {
    run?.close();
    await leave();
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
export async function resume(
  out: string,
  given: Partial<PretrainSettings> = {},
  hooks: PretrainHooks = {},
): Promise<PretrainResult> {
  const plan = await readPlan(out);
  const settings = resumedSettings(plan, given);
  const latest = await latestCheckpoint(settings, hooks);
  const done = latest?.step ?? 0;
  // Asked before work is done, and known then unless nothing was.
  const wanted = given.steps ?? plan.steps;
  const known = wanted && legsTo(wanted, plan, done);
  await removePartials(out);
  const run: PretrainRun = new TrainingRun(
    settings,
    await prepareTask(settings, hooks, { checkpoint: latest?.path }),
    hooks,
  );
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
    await writePlan(out, { settings: lasting, steps, ...(legs.length > 1 && { legs }), commands });
    if (changed) hooks.message?.(await goingOn(settings, legs, plan.steps!));
  } catch (error) {
    run.close();
    throw error;
  }
  return run.train(legs, latest);
}

async function latestCheckpoint({ out, keep }: PretrainSettings, { message }: PretrainHooks) {
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

/** Reads all that the settings name, so that what is wrong there is found out before anything is written. */
async function checkedStart(settings: PretrainSettings, hooks: PretrainHooks): Promise<Start> {
  const tokenizer = await givenVocabulary(settings);
  // The first document says whether there are any, before time is spent on them.
  const documents = corpusDocuments(settings);
  await documents.next();
  await documents.return({ leftOut: {}, taken: [] });
  return { tokenizer, model: tokenizer && (await newModel(settings, tokenizer, hooks)) };
}
