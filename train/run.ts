// The loop of a training run: batches, steps, records, checkpoints, probes, an end. Whatever is trained.
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { DataCounts, WordPiece } from '../data/index.js';
import { saveFiles } from '../hub/index.js';
import { AdamW, step as trainStep, type MicroBatch, type ParameterGroup, type StepOptions } from '../nn/index.js';
import type { Batch, Objective } from '../retromae/index.js';
import { Checkpoints, type FoundCheckpoint } from './checkpoint.js';
import { refuseDivergence } from './divergence.js';
import type { Kept } from './kept.js';
import type { Prefetch } from './prefetch.js';
import { formatCount, formatQuantity } from './report/format.js';
import { RunLog } from './report/log.js';
import { PlannedTime } from './report/pace.js';
import { stepRecord, type ProbeRecord, type StepRecord } from './report/records.js';
import { EventWriter } from './report/tensorboard.js';
import type { Leg } from './run-folder.js';
import { scheduleOf } from './schedule.js';
import type { PretrainSettings } from './settings.js';
import { stepTime } from './step-time.js';

/** A step is timed for this share of the time that the run may take, and no longer than this. */
const MEASURED_SHARE = 0.04;
const MEASURED_SECONDS = 20;

/** What the loop is told. */
export type LoopSettings = Pick<
  PretrainSettings,
  | ('out' | 'seed' | 'steps' | 'minutes' | 'epochs' | 'accumulate' | 'lr' | 'schedule' | 'warmup')
  | ('weightDecay' | 'clip' | 'evalEvery' | 'saveEvery' | 'saveMinutes' | 'keep')
> & {
  /** Passes over the corpus at most, however many fit into the minutes; 0: any number. */
  readonly mostEpochs?: number;
  /** Probes without a better one, after which the run ends with the best model; 0: never. */
  readonly patience?: number;
};

/** What a caller can watch and do. @typeParam M the model that is trained */
export interface RunHooks<M> {
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
  probe?(model: M, tokenizer: WordPiece, step: number): Promise<Omit<ProbeRecord, 'step'>>;
  /** Aborting it saves a checkpoint and ends the run after the current step; before the first, it throws. */
  signal?: AbortSignal;
  /** The command line, kept in run.json. */
  command?: string;
}

export interface RunResult<M> {
  model: M;
  tokenizer: WordPiece;
  /** Steps done, and steps that were planned. */
  step: number;
  steps: number;
  interrupted: boolean;
  /** What the corpus was; unknown of a run that 0.1 began. */
  data?: DataCounts;
}

/** What is trained, on what. */
export interface Task<M extends object, B extends Batch> {
  readonly model: M;
  readonly tokenizer: WordPiece;
  readonly kept: Kept;
  /** What records, charts and TensorBoard say of the losses. */
  readonly objective: Pick<Objective, 'scalars'>;
  /** Exceptions from the run's learning rate and decay. */
  readonly groups?: readonly ParameterGroup[];
  readonly batches: {
    readonly perEpoch: number;
    at(index: number): B;
  };
  readonly data?: DataCounts;
  /** Micro-batch number `index` of the run, ready to be computed. */
  microBatch(batch: B, index: number): Promise<MicroBatch>;
  /** Where batches are made of something that is made anew now and then, by the model as it is then. */
  readonly refresh?: Refresh;
  /** The batches from .. to - 1, made ahead, of which a step takes so many at once; all of one stretch of `refresh`. */
  prefetch(from: number, to: number, together: number): Prefetch<B>;
  /** Lets go of the corpus. */
  close(): void;
}

/** A run in stretches of so many steps: what the batches of one are made of is made when it begins. */
export interface Refresh {
  /** Steps of a stretch. */
  readonly every: number;
  /**
   * Makes batches those of the stretch that a step is of. What they are made of is made if the stretch begins with this
   * step, and lasts, so that a run that is resumed within the stretch finds it.
   * @throws if the run is aborted meanwhile, or what a stretch that has begun was made of is gone
   */
  at(step: number): Promise<void>;
}

const score = (record: ProbeRecord): number => record['ndcg@10'];

const isBest = (record: ProbeRecord, others: readonly ProbeRecord[]): boolean =>
  others.every((other) => score(other) < score(record));

/** Probes since the first that was the best. */
function sinceBest(probes: readonly ProbeRecord[]): number {
  const top = Math.max(...probes.map(score));
  return probes.length === 0 ? 0 : probes.length - 1 - probes.findIndex((record) => score(record) === top);
}

interface Closing {
  close(): void | Promise<void>;
}

/** A prepared run: everything but how far it is. */
export class TrainingRun<M extends object, B extends Batch> {
  private readonly checkpoints: Checkpoints;
  private made: AdamW | undefined;

  constructor(
    private readonly settings: LoopSettings,
    private readonly task: Task<M, B>,
    private readonly hooks: RunHooks<M>,
  ) {
    const { out, keep } = settings;
    this.checkpoints = new Checkpoints(out, { keep, onWarning: hooks.message });
  }

  /** How many steps there will be: given, or as many as fit into the time, or passes over the corpus. */
  async length(): Promise<number> {
    const { steps, minutes, epochs, accumulate, mostEpochs = 0 } = this.settings;
    const { batches, model } = this.task;
    const passes = (count: number) => Math.max(1, Math.ceil((count * batches.perEpoch) / accumulate));
    if (steps) return steps;
    if (!minutes) return passes(epochs);
    const started = performance.now();
    const seconds = Math.min(MEASURED_SECONDS, MEASURED_SHARE * 60 * minutes);
    const each = await stepTime(
      model,
      (step) =>
        this.microBatches(
          step,
          Array.from({ length: accumulate }, (_, i) => batches.at(step * accumulate + i)),
        ),
      { seconds },
    );
    const left = minutes * 60_000 - (performance.now() - started);
    const fitting = Math.max(1, Math.floor(left / each));
    const most = mostEpochs > 0 ? passes(mostEpochs) : Infinity;
    this.hooks.message?.(
      `A step takes ${formatQuantity(each)} ms: ${formatCount(fitting)} steps in ${minutes} minutes` +
        `${fitting > most ? `, but ${formatCount(most)} are ${formatCount(mostEpochs)} passes, which is enough` : ''}.`,
    );
    return Math.min(fitting, most);
  }

  /** Lets go of the corpus, where there will be no training, which does it. */
  close(): void {
    this.task.close();
  }

  /** Puts the state of a checkpoint back. */
  async load({ path, step }: FoundCheckpoint, legs: readonly Leg[]): Promise<void> {
    const { steps } = legs.at(-1)!;
    await this.checkpoints.load(path, this.task.kept, await this.optimizer(legs));
    this.hooks.message?.(
      step < steps
        ? `Going on from ${path}: ${formatCount(step)} of ${formatCount(steps)} steps are done.`
        : `All ${formatCount(steps)} steps are done (${path}): only model and report are written again.`,
    );
  }

  /** The optimizer, made once: its schedule needs the number of steps. */
  private async optimizer(legs: readonly Leg[]): Promise<AdamW> {
    const { weightDecay, clip } = this.settings;
    const { model, groups } = this.task;
    return (this.made ??= new AdamW(model, {
      lr: await scheduleOf(this.settings, legs),
      weightDecay,
      decay: 'matrices',
      groups,
      clip,
    }));
  }

  private microBatches(step: number, batches: readonly B[]): Promise<MicroBatch[]> {
    const { accumulate } = this.settings;
    return Promise.all(batches.map((batch, i) => this.task.microBatch(batch, step * accumulate + i)));
  }

  /** Trains from a checkpoint that was loaded, or from the first step. */
  async train(legs: readonly Leg[], checkpoint?: FoundCheckpoint): Promise<RunResult<M>> {
    const from = checkpoint?.step ?? 0;
    const { steps } = legs.at(-1)!;
    const { settings, hooks, task, checkpoints } = this;
    const { model, tokenizer, kept, refresh } = task;
    const { out, accumulate, minutes, evalEvery, saveEvery, saveMinutes, patience = 0 } = settings;
    const opened: Closing[] = [task];
    const opens = <T extends Closing>(one: T): T => {
      opened.unshift(one);
      return one;
    };
    try {
      const optimizer = await this.optimizer(legs);
      const log = opens(await RunLog.open(out, { resumeAt: from }));
      const { scalars } = task.objective;
      const events = opens(await EventWriter.open(out, { resumeAt: from, scalars }));
      const probes = [...(await RunLog.read(out)).probes];
      const best = new Checkpoints(join(out, 'best'), { keep: 1 });
      const saved: FoundCheckpoint[] = checkpoint ? [checkpoint] : [];
      hooks.planned?.(steps);
      const planned =
        minutes && !settings.steps && !settings.mostEpochs ? new PlannedTime({ minutes, steps, from }) : undefined;
      const started = performance.now();
      let step = from;
      let savedAt = started;
      const save = async () => {
        savedAt = performance.now();
        if (saved.at(-1)?.step === step) return;
        const path = await checkpoints.save({ step, kept, optimizer });
        saved.push({ path, step });
      };
      const saveIsDue = () =>
        (saveEvery > 0 && step % saveEvery === 0) ||
        (saveMinutes > 0 && performance.now() - savedAt >= 60_000 * saveMinutes);
      const probe = async () => {
        const due = evalEvery > 0 && (step === 0 || step === steps || step % evalEvery === 0);
        if (!hooks.probe || !due || probes.some((record) => record.step === step)) return;
        try {
          const record = { step, ...(await hooks.probe(model, tokenizer, step)) };
          // Before it is on record, so that one that is has its model.
          if (patience > 0 && isBest(record, probes)) await best.save({ step, kept, optimizer });
          probes.push(record);
          log.probe(record);
          events.probe(record);
        } catch (error) {
          if (!hooks.signal?.aborted) throw error;
        }
      };
      let prefetch: Prefetch<B> | undefined;
      let end = from;
      opens({ close: () => prefetch?.close() });
      /** Opens the batches from here to the end, or to where they are made of something else. */
      const openStretch = async () => {
        await prefetch?.close();
        prefetch = undefined;
        end = steps;
        if (refresh) {
          await save();
          try {
            await refresh.at(step);
          } catch (error) {
            if (!hooks.signal?.aborted) throw error;
            return;
          }
          end = Math.min(steps, step - (step % refresh.every) + refresh.every);
        }
        prefetch = task.prefetch(step * accumulate, end * accumulate, accumulate);
      };
      const isOver = () => step === steps || (patience > 0 && sinceBest(probes) >= patience);
      if (!isOver()) await openStretch();
      await probe();
      await prefetch?.filled();
      while (!isOver() && !hooks.signal?.aborted) {
        if (step === end) {
          await openStretch();
          await prefetch?.filled();
          continue;
        }
        const lr = optimizer.lr;
        const before = performance.now();
        const batches: B[] = [];
        while (batches.length < accumulate) batches.push(await prefetch!.take());
        const dataSeconds = (performance.now() - before) / 1000;
        const numbers = await trainStep(optimizer, await this.microBatches(step, batches), { reduce: hooks.reduce });
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
        if (!isOver() && saveIsDue()) await save();
      }
      await save();
      if (!isOver()) return { model, tokenizer, step, steps, interrupted: true, data: task.data };
      const top = patience > 0 ? await best.latest() : undefined;
      if (top && top.step !== step) {
        await best.load(top.path, kept, optimizer);
        hooks.message?.(`The best probe was that of step ${formatCount(top.step)}: its model is kept.`);
      }
      await saveFiles(out, await kept.files());
      return { model, tokenizer, step, steps, interrupted: false, data: task.data };
    } finally {
      for (const one of opened) await one.close();
    }
  }
}
