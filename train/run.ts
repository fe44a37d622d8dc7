// A run that is prepared: corpus, model and checkpoints, its length, and the loop that trains it.
import { setImmediate } from 'node:timers/promises';
import type { DataCounts, WordPiece } from '../data/index.js';
import { AdamW, parameterCount, step as trainStep, type MicroBatch, type StepOptions } from '../nn/index.js';
import { batchesOf, type BatchRecipe } from './batch-recipe.js';
import { Checkpoints, type FoundCheckpoint } from './checkpoint.js';
import { saveModel } from '../hub/index.js';
import type { Batch, Batches, PretrainModel } from '../retromae/index.js';
import { refuseDivergence } from './divergence.js';
import { newModel, openTokens, recipeOf, scheduleOf, tokenise, vocabulary } from './prepare.js';
import { Prefetch } from './prefetch.js';
import { refuseUnknown } from './report/data-summary.js';
import { formatCount, formatQuantity } from './report/format.js';
import { RunLog } from './report/log.js';
import { PlannedTime } from './report/pace.js';
import { stepRecord, type ProbeRecord, type StepRecord } from './report/records.js';
import { EventWriter } from './report/tensorboard.js';
import type { Leg } from './run-folder.js';
import type { PretrainSettings } from './settings.js';
import { stepTime } from './step-time.js';
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

/** What a run can begin with instead of making it. */
export interface Start {
  tokenizer?: WordPiece;
  model?: PretrainModel;
  /** A folder whose weights will replace all of the model's. */
  checkpoint?: string;
}

interface Closing {
  close(): void | Promise<void>;
}

/** A prepared run: everything but how far it is. */
export class Run {
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
    let examples = await openTokens(settings);
    try {
      const tokenizer = examples?.tokenizer ?? start.tokenizer ?? (await vocabulary(settings, hooks));
      const model = start.model ?? (await newModel(settings, tokenizer, hooks, start.checkpoint));
      examples ??= await tokenise(settings, tokenizer, hooks);
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
    } catch (error) {
      examples?.close();
      throw error;
    }
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

  /** Lets go of the corpus, where there will be no training, which does it. */
  close(): void {
    this.examples.close();
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
    return (this.made ??= new AdamW(this.model, {
      lr: await scheduleOf(this.settings, legs),
      weightDecay,
      decay: 'matrices',
      clip,
    }));
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
  private async losses(step: number, batches: readonly Batch[]): Promise<MicroBatch[]> {
    const { accumulate, cacheChunk } = this.settings;
    const random = (i: number) => this.batches.dropout(step * accumulate + i);
    const prepared = await Promise.all(batches.map((batch) => this.model.prepared(batch)));
    return prepared.map((batch, i) =>
      cacheChunk > 0 ? this.model.inChunks(batch, cacheChunk, random(i)) : () => this.model.losses(batch, random(i)),
    );
  }

  /** Trains from a checkpoint that was loaded, or from the first step. */
  async train(legs: readonly Leg[], checkpoint?: FoundCheckpoint): Promise<PretrainResult> {
    const from = checkpoint?.step ?? 0;
    const { steps } = legs.at(-1)!;
    const { settings, hooks, model, tokenizer, checkpoints } = this;
    const { out, seq, accumulate, minutes, evalEvery, saveEvery, saveMinutes } = settings;
    const opened: Closing[] = [this.examples];
    const opens = <T extends Closing>(one: T): T => {
      opened.unshift(one);
      return one;
    };
    try {
      const optimizer = await this.optimizer(legs);
      const log = opens(await RunLog.open(out, { resumeAt: from }));
      const { scalars, title, paper } = model.objective;
      const events = opens(await EventWriter.open(out, { resumeAt: from, scalars }));
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
      const prefetch = opens(this.prefetch(from, steps));
      await probe();
      await prefetch.filled();
      while (step < steps && !hooks.signal?.aborted) {
        const lr = optimizer.lr;
        const before = performance.now();
        const batches: Batch[] = [];
        while (batches.length < accumulate) batches.push(await prefetch.take());
        const dataSeconds = (performance.now() - before) / 1000;
        const numbers = await trainStep(optimizer, await this.losses(step, batches), { reduce: hooks.reduce });
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
      return { model, tokenizer, step, steps, interrupted: step < steps, data: this.examples.counts };
    } finally {
      for (const one of opened) await one.close();
    }
  }
}
