// Pre-training as a job: data, model, loop, checkpoints, log. What `retromae pretrain` does, as a function.
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { removePartials, type DataCounts, type WordPiece } from '../data/index.js';
import { AdamW, parameterCount, step as trainStep, type Losses, type StepOptions } from '../nn/index.js';
import { batchesOf, type BatchRecipe } from './batch-recipe.js';
import { Checkpoints, type FoundCheckpoint } from './checkpoint.js';
import { saveModel } from '../hub/index.js';
import type { Batch, Batches, PretrainModel } from '../retromae/index.js';
import { stepTime } from './step-time.js';
import { refuseDivergence } from './divergence.js';
import { Prefetch } from './prefetch.js';
import {
  corpusDocuments,
  givenVocabulary,
  newModel,
  newSettings,
  openTokens,
  recipeOf,
  scheduleOf,
  tokenise,
  vocabulary,
} from './prepare.js';
import { goingOn, legsTo, resumedSettings } from './going-on.js';
import { claimFolder, readPlan, writePlan, type Leg, type Plan } from './run-folder.js';
import { refuseUnknown } from './report/data-summary.js';
import { formatCount, formatQuantity } from './report/format.js';
import { RunLog } from './report/log.js';
import { PlannedTime } from './report/pace.js';
import { stepRecord, type ProbeRecord, type StepRecord } from './report/records.js';
import { EventWriter } from './report/tensorboard.js';
import type { PretrainSettings } from './settings.js';
import type { TokenFile } from './token-file.js';

/** A step is timed for this share of the time that the run may take, and no longer than this. */
const MEASURED_SHARE = 0.04;
const MEASURED_SECONDS = 20;

/** What a caller can watch and do. */
export interface PretrainHooks {
  /** A line for people: what was found, decided, saved. */
  message?(text: string): void;
  /** What the corpus is, before the first step; what this throws ends the run. Not called for a run of 0.1 that goes on. */
  data?(counts: DataCounts): void;
  /** The number of steps is known. */
  planned?(steps: number): void;
  step?(record: StepRecord): void;
  /** Called in every step between backward and update, with what is trained: see `step` of retromae/nn. */
  reduce?: StepOptions['reduce'];
  /**
   * Retrieval quality right now; called every `evalEvery` steps and at both ends. What it throws after an abort is
   * ignored: the probe is made when the run is resumed.
   */
  probe?(model: PretrainModel, tokenizer: WordPiece, step: number): Promise<Omit<ProbeRecord, 'step'>>;
  /** Aborting it saves a checkpoint and ends the run after the current step; before the first, it throws. */
  signal?: AbortSignal;
  /** The command line, kept in run.json. */
  command?: string;
}

export interface PretrainResult {
  model: PretrainModel;
  tokenizer: WordPiece;
  /** Steps done, and steps that were planned. */
  step: number;
  steps: number;
  interrupted: boolean;
  /** What the corpus was; unknown of a run that 0.1 began. */
  data?: DataCounts;
}

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
  let run: Run;
  let steps: number;
  try {
    const plan: Plan = { settings, commands: hooks.command ? [hooks.command] : [] };
    // Written first, so that a run that is killed while it reads the corpus can be resumed as well.
    await writePlan(out, plan);
    run = await Run.prepare(settings, hooks, start);
    steps = await run.length();
    await writePlan(out, { ...plan, steps });
    hooks.signal?.throwIfAborted();
  } catch (error) {
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
  const run = await Run.prepare(settings, hooks, { checkpoint: latest?.path });
  const legs = known || [{ from: 0, steps: await run.length() }];
  const { steps } = legs.at(-1)!;
  if (latest) await run.load(latest, legs);
  else hooks.message?.('There is no checkpoint yet: beginning with the first step.');
  const commands = [...plan.commands, ...(hooks.command ? [hooks.command] : [])];
  const changed = plan.steps !== undefined && steps !== plan.steps;
  // What may be given anew is for this process; how long the run is, for all that follow.
  const lasting = changed ? { ...plan.settings, steps, minutes: undefined } : plan.settings;
  await writePlan(out, { settings: lasting, steps, ...(legs.length > 1 && { legs }), commands });
  if (changed) hooks.message?.(await goingOn(settings, legs, plan.steps!));
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

/** What a run can begin with instead of making it. */
interface Start {
  tokenizer?: WordPiece;
  model?: PretrainModel;
  /** A folder whose weights will replace all of the model's. */
  checkpoint?: string;
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

/** A prepared run: everything but how far it is. */
class Run {
  private readonly recipe: BatchRecipe;
  private readonly batches: Batches;
  private readonly tokenizer: WordPiece;
  private readonly checkpoints: Checkpoints;
  private made: AdamW | undefined;

  private constructor(
    private readonly settings: PretrainSettings,
    private readonly examples: TokenFile,
    private readonly model: PretrainModel,
    private readonly hooks: PretrainHooks,
  ) {
    const { out, keep } = settings;
    this.tokenizer = examples.tokenizer;
    this.recipe = recipeOf(settings);
    this.batches = batchesOf(examples, this.recipe);
    this.checkpoints = new Checkpoints(out, { keep, onWarning: hooks.message });
  }

  static async prepare(settings: PretrainSettings, hooks: PretrainHooks, start: Start): Promise<Run> {
    const found = await openTokens(settings);
    const tokenizer = found?.tokenizer ?? start.tokenizer ?? (await vocabulary(settings, hooks));
    const model = start.model ?? (await newModel(settings, tokenizer, hooks, start.checkpoint));
    const examples = found ?? (await tokenise(settings, tokenizer, hooks));
    const run = new Run(settings, examples, model, hooks);
    const { counts } = examples;
    if (counts) {
      hooks.data?.(counts);
      refuseUnknown(settings.corpus, counts, settings.maxUnknown);
    }
    hooks.message?.(
      `${formatCount(examples.length)} blocks are ${formatCount(run.batches.perEpoch)} batches an epoch; ` +
        `${formatQuantity(parameterCount(model))} parameters.`,
    );
    return run;
  }

  /** How many steps there will be: given, or as many as fit into the time, or passes over the corpus. */
  async length(): Promise<number> {
    const { steps, minutes, epochs, accumulate } = this.settings;
    if (steps) return steps;
    if (!minutes) return Math.max(1, Math.ceil((epochs * this.batches.perEpoch) / accumulate));
    const started = performance.now();
    const seconds = Math.min(MEASURED_SECONDS, MEASURED_SHARE * 60 * minutes);
    const each = await stepTime(this.model, (step) => this.losses(step, this.microBatches(step)), { seconds });
    const left = minutes * 60_000 - (performance.now() - started);
    const planned = Math.max(1, Math.floor(left / each));
    this.hooks.message?.(
      `A step takes ${formatQuantity(each)} ms: ${formatCount(planned)} steps in ${minutes} minutes.`,
    );
    return planned;
  }

  /** Puts the state of a checkpoint back. */
  async load({ path, step }: FoundCheckpoint, legs: readonly Leg[]): Promise<void> {
    const { steps } = legs.at(-1)!;
    await this.checkpoints.load(path, this.model, await this.optimizer(legs));
    this.hooks.message?.(
      step < steps
        ? `Going on from ${path}: ${formatCount(step)} of ${formatCount(steps)} steps are done.`
        : `All ${formatCount(steps)} steps are done (${path}): only model and report are written again.`,
    );
  }

  /** The optimizer, made once: its schedule needs the number of steps. */
  private async optimizer(legs: readonly Leg[]): Promise<AdamW> {
    const { weightDecay, clip } = this.settings;
    return (this.made ??= new AdamW(this.model, { lr: await scheduleOf(this.settings, legs), weightDecay, clip }));
  }

  private microBatches(step: number): Batch[] {
    const { accumulate } = this.settings;
    return Array.from({ length: accumulate }, (_, i) => this.batches.at(step * accumulate + i));
  }

  /** The batches of the steps `from` to `steps`, made ahead. */
  private prefetch(from: number, steps: number): Prefetch {
    const { accumulate, workers } = this.settings;
    const range = { first: from * accumulate, end: steps * accumulate, together: accumulate, workers };
    return new Prefetch(this.batches, this.recipe, range);
  }

  /** The micro-batches of a step, ready to be computed. */
  private losses(step: number, batches: readonly Batch[]): (() => Losses)[] {
    const first = step * this.settings.accumulate;
    return batches.map((batch, i) => () => this.model.losses(batch, this.batches.dropout(first + i)));
  }

  /** Trains from a checkpoint that was loaded, or from the first step. */
  async train(legs: readonly Leg[], checkpoint?: FoundCheckpoint): Promise<PretrainResult> {
    const from = checkpoint?.step ?? 0;
    const { steps } = legs.at(-1)!;
    const { settings, hooks, model, tokenizer, checkpoints } = this;
    const { out, seq, accumulate, minutes, evalEvery, saveEvery, saveMinutes } = settings;
    const optimizer = await this.optimizer(legs);
    const log = await RunLog.open(out, { resumeAt: from });
    const { scalars, title, paper } = model.objective;
    const events = await EventWriter.open(out, { resumeAt: from, scalars });
    const folder = { maxLength: seq, card: { method: paper ? `[${title}](${paper})` : title } };
    const probed = new Set((await RunLog.read(out)).probes.map((record) => record.step));
    const saved: FoundCheckpoint[] = checkpoint ? [checkpoint] : [];
    hooks.planned?.(steps);
    const planned = minutes && !settings.steps ? new PlannedTime({ minutes, steps, from }) : undefined;
    const started = performance.now();
    let step = from;
    let savedAt = started;
    const save = async () => {
      savedAt = performance.now();
      if (saved.at(-1)?.step === step) return;
      const path = await checkpoints.save({ step, model, optimizer, tokenizer, ...folder });
      saved.push({ path, step });
    };
    const saveIsDue = () =>
      (saveEvery > 0 && step % saveEvery === 0) ||
      (saveMinutes > 0 && performance.now() - savedAt >= 60_000 * saveMinutes);
    const probe = async () => {
      const due = evalEvery > 0 && (step === 0 || step === steps || step % evalEvery === 0);
      if (!hooks.probe || !due || probed.has(step)) return;
      try {
        const record = { step, ...(await hooks.probe(model, tokenizer, step)) };
        log.probe(record);
        events.probe(record);
      } catch (error) {
        if (!hooks.signal?.aborted) throw error;
      }
    };
    const prefetch = this.prefetch(from, steps);
    try {
      await probe();
      await prefetch.filled();
      while (step < steps && !hooks.signal?.aborted) {
        const lr = optimizer.lr;
        const before = performance.now();
        const batches: Batch[] = [];
        while (batches.length < accumulate) batches.push(await prefetch.take());
        const dataSeconds = (performance.now() - before) / 1000;
        const numbers = await trainStep(optimizer, this.losses(step, batches), { reduce: hooks.reduce });
        refuseDivergence(numbers, settings, step, saved);
        step++;
        const now = performance.now();
        const tokens = batches.reduce((sum, { ids }) => sum + ids.length, 0);
        const times = { seconds: (now - before) / 1000, dataSeconds, elapsed: (now - started) / 1000 };
        const record = stepRecord(numbers, { step, lr, tokens, ...times });
        log.step(record);
        events.step(record);
        hooks.step?.(record);
        const news = planned?.add(record);
        if (news) hooks.message?.(news);
        // A synchronous backend never leaves a turn to the event loop, and so to signals, by itself.
        await setImmediate();
        await probe();
        if (step < steps && saveIsDue()) await save();
      }
      await save();
      if (step === steps) await saveModel(out, model, tokenizer, folder);
    } finally {
      await prefetch.close();
      log.close();
      events.close();
      this.examples.close();
    }
    return { model, tokenizer, step, steps, interrupted: step < steps, data: this.examples.counts };
  }
}
