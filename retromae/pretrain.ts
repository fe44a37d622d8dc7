// Pre-training as a job: data, model, loop, checkpoints, log. What `retromae pretrain` does, as a function.
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Random } from '../core/index.js';
import {
  documents,
  loadTokenizer,
  packDocuments,
  saveTokenizer,
  sotu,
  trainWordPiece,
  type Document,
  type WordPiece,
} from '../data/index.js';
import {
  AdamW,
  bertConfig,
  constant,
  cosineDecay,
  expressionSchedule,
  linearDecay,
  parameterCount,
  type Losses,
  type Schedule,
} from '../nn/index.js';
import { configOf, initialise, saveModel } from './folder.js';
import { Batches } from './batches.js';
import type { Batch } from './batch.js';
import { Checkpoints } from './checkpoint.js';
import { Collator } from './collator.js';
import { RetroMae } from './model.js';
import { ensureEmptyDir, removePartials, writeFileAtomic } from './run/atomic.js';
import { RunLog } from './run/log.js';
import type { ProbeRecord, StepRecord } from './run/records.js';
import { EventWriter } from './run/tensorboard.js';
import { stepsWithin } from './plan.js';
import { objectiveOf, pretrainSettings, targetsOf, type PretrainSettings } from './settings.js';
import { TokenFile } from './token-file.js';

/** The stream of random numbers for initial weights, apart from those of the batches. */
const WEIGHTS = 0;

/** What a caller can watch and do. */
export interface PretrainHooks {
  /** A line for people: what was found, decided, saved. */
  message?(text: string): void;
  /** The number of steps is known. */
  planned?(steps: number): void;
  step?(record: StepRecord): void;
  /** Retrieval quality right now; called every `evalEvery` steps and at both ends. */
  probe?(model: RetroMae, tokenizer: WordPiece, step: number): Promise<Omit<ProbeRecord, 'step'>>;
  /** Aborting it saves a checkpoint and ends the run after the current step. */
  signal?: AbortSignal;
}

export interface PretrainResult {
  model: RetroMae;
  tokenizer: WordPiece;
  /** Steps done, and steps that were planned. */
  step: number;
  steps: number;
  interrupted: boolean;
}

/** What is decided once at the start of a run and must be the same after a resume. */
interface Plan {
  format: 'retromae-run-1';
  settings: PretrainSettings;
  steps: number;
}

/** The documents that a setting names. */
export async function corpusDocuments(
  { corpus, field }: Pick<PretrainSettings, 'corpus' | 'field'>,
  onWarning?: (text: string) => void,
): Promise<Iterable<Document> | AsyncIterable<Document>> {
  return corpus === 'sotu' ? sotu() : documents(corpus, { field, onWarning });
}

/** Starts a run in an empty folder. @throws if the settings or the data are wrong; nothing is written then */
export async function pretrain(given: Partial<PretrainSettings>, hooks: PretrainHooks = {}): Promise<PretrainResult> {
  const settings = pretrainSettings(given);
  await ensureEmptyDir(settings.out);
  const source = () => corpusDocuments(settings, hooks.message);
  const tokenizer = await vocabulary(settings, source, hooks);
  const tokens = join(settings.out, 'tokens');
  const blocks = packDocuments(await source(), tokenizer, { maxTokens: settings.seq - 2 });
  await mkdir(settings.out, { recursive: true });
  await TokenFile.write(tokens, idsOf(blocks));
  await saveTokenizer(settings.out, tokenizer, { maxLength: settings.seq });
  const run = await Run.prepare(settings, tokenizer, hooks);
  const steps = await run.length();
  const plan: Plan = { format: 'retromae-run-1', settings, steps };
  await writeFileAtomic(join(settings.out, 'run.json'), `${JSON.stringify(plan, null, 2)}\n`);
  return run.train(steps, 0);
}

/**
 * Goes on with the run in a folder from its last good checkpoint, to the same bits as if it had never stopped. Only
 * what cannot change a bit may be given anew: backend and threads.
 */
export async function resume(
  out: string,
  given: Partial<Pick<PretrainSettings, 'backend' | 'threads'>> = {},
  hooks: PretrainHooks = {},
): Promise<PretrainResult> {
  const { settings: saved, steps } = await readPlan(out);
  const settings = { ...pretrainSettings(saved), ...given, out };
  const checkpoints = new Checkpoints(out, { keep: settings.keep, onWarning: hooks.message });
  const latest = await checkpoints.latest();
  await removePartials(out);
  const tokenizer = await loadTokenizer(out);
  const run = await Run.prepare(settings, tokenizer, hooks);
  if (!latest) {
    hooks.message?.('No checkpoint yet: starting again from the first step.');
    return run.train(steps, 0);
  }
  const { step } = await checkpoints.load(latest.path, run.model, await run.optimizer(steps));
  hooks.message?.(`Going on from ${latest.path}, step ${step} of ${steps}.`);
  return run.train(steps, step);
}

/** The plan of a run's folder. @throws if there is none */
export async function readPlan(out: string): Promise<Plan> {
  const file = join(out, 'run.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    throw new Error(`${file}: there is no run to resume in ${out}. Start one without --resume.`);
  }
  try {
    const plan = JSON.parse(text) as Plan;
    if (plan.format === 'retromae-run-1') return plan;
  } catch {
    // Said below: a file that is no JSON is as foreign as one of another format.
  }
  throw new Error(`${file}: not the plan of a run. Start another one in a new folder.`);
}

async function* idsOf(blocks: AsyncIterable<{ ids: Int32Array }>): AsyncGenerator<Int32Array> {
  for await (const { ids } of blocks) if (ids.length > 0) yield ids;
}

/** The vocabulary that the settings name, or one learnt from the corpus. */
async function vocabulary(
  { vocab, init, vocabSize }: PretrainSettings,
  source: () => Promise<Iterable<Document> | AsyncIterable<Document>>,
  { message }: PretrainHooks,
): Promise<WordPiece> {
  const path = vocab ?? init;
  if (path) return loadTokenizer(path);
  const started = performance.now();
  const corpus = await source();
  async function* texts() {
    for await (const { text } of corpus) yield text;
  }
  const tokenizer = await trainWordPiece(texts(), { vocabSize });
  message?.(`Learnt a vocabulary of ${tokenizer.size} words in ${seconds(started)} s.`);
  return tokenizer;
}

const seconds = (since: number): string => ((performance.now() - since) / 1000).toFixed(1);

/** A prepared run: everything but how far it is. */
class Run {
  private made: AdamW | undefined;

  private constructor(
    private readonly settings: PretrainSettings,
    private readonly tokenizer: WordPiece,
    private readonly hooks: PretrainHooks,
    private readonly batches: Batches,
    readonly model: RetroMae,
  ) {}

  static async prepare(settings: PretrainSettings, tokenizer: WordPiece, hooks: PretrainHooks): Promise<Run> {
    const examples = await TokenFile.open(join(settings.out, 'tokens'));
    const collator = new Collator({
      tokenizer,
      maxLength: settings.seq,
      encoderMask: settings.encoderMask,
      decoderMask: settings.decoderMask,
      decoder: targetsOf(settings),
    });
    const batches = new Batches(examples, collator, settings.batch, settings.seed);
    const run = new Run(settings, tokenizer, hooks, batches, await newModel(settings, tokenizer, hooks));
    hooks.message?.(
      `${examples.tokens.toLocaleString('en')} tokens in ${examples.length.toLocaleString('en')} blocks, ` +
        `${batches.perEpoch} batches an epoch; ${(parameterCount(run.model) / 1e6).toFixed(1)} million parameters.`,
    );
    return run;
  }

  /** How many steps there will be: given, or as many as fit into the time, or passes over the corpus. */
  async length(): Promise<number> {
    const { steps, minutes, epochs, accumulate } = this.settings;
    if (steps) return steps;
    if (!minutes) return Math.max(1, Math.ceil((epochs * this.batches.perEpoch) / accumulate));
    const { steps: planned, each } = await stepsWithin(minutes, this.model, (step) => this.losses(step));
    this.hooks.message?.(`A step takes ${each.toFixed(0)} ms: ${planned} steps in ${minutes} minutes.`);
    return planned;
  }

  /** The optimizer, made once: its schedule needs the number of steps. */
  async optimizer(steps: number): Promise<AdamW> {
    const { weightDecay, clip } = this.settings;
    return (this.made ??= new AdamW(this.model, { lr: await schedule(this.settings, steps), weightDecay, clip }));
  }

  private microBatches(step: number): Batch[] {
    const { accumulate } = this.settings;
    return Array.from({ length: accumulate }, (_, i) => this.batches.at(step * accumulate + i));
  }

  /** The micro-batches of a step, ready to be computed. */
  private losses(step: number, batches = this.microBatches(step)): (() => Losses)[] {
    const first = step * this.settings.accumulate;
    return batches.map((batch, i) => () => this.model.losses(batch, this.batches.dropout(first + i)));
  }

  async train(steps: number, from: number): Promise<PretrainResult> {
    const { settings, hooks, model, tokenizer } = this;
    const { out, evalEvery, saveEvery } = settings;
    const optimizer = await this.optimizer(steps);
    const checkpoints = new Checkpoints(out, { keep: settings.keep, onWarning: hooks.message });
    const log = await RunLog.open(out, { resumeAt: from });
    const events = await EventWriter.open(out, { resumeAt: from });
    hooks.planned?.(steps);
    const started = performance.now();
    let saved = from > 0 ? `step ${from}` : 'none';
    let step = from;
    const save = async () => {
      saved = await checkpoints.save({ step, model, optimizer, tokenizer, run: {}, maxLength: settings.seq });
    };
    const probe = async () => {
      if (!hooks.probe || evalEvery === 0) return;
      const record = { step, ...(await hooks.probe(model, tokenizer, step)) };
      log.probe(record);
      events.probe(record);
    };
    try {
      if (step === 0) await probe();
      while (step < steps && !hooks.signal?.aborted) {
        const lr = optimizer.lr;
        const before = performance.now();
        const batches = this.microBatches(step);
        const numbers = await optimizer.step(...this.losses(step, batches));
        step++;
        if (!Number.isFinite(numbers.loss) || !Number.isFinite(numbers.gradientNorm))
          throw new Error(
            `step ${step}: the loss is ${numbers.loss}, the gradient norm ${numbers.gradientNorm} (batches ` +
              `${(step - 1) * settings.accumulate} to ${step * settings.accumulate - 1} of seed ${settings.seed}). ` +
              `Last good checkpoint: ${saved}. Lower --lr or set --clip, and start again from there with --init.`,
          );
        const time = (performance.now() - before) / 1000;
        const tokens = batches.reduce((sum, { ids }) => sum + ids.length, 0);
        const record = stepRecord(numbers, {
          step,
          lr,
          tokens,
          seconds: time,
          elapsed: (performance.now() - started) / 1000,
        });
        log.step(record);
        events.step(record);
        hooks.step?.(record);
        if (evalEvery > 0 && step % evalEvery === 0 && step < steps) await probe();
        if (saveEvery > 0 && step % saveEvery === 0 && step < steps) await save();
      }
      if (step === steps) await probe();
      await save();
      if (step === steps) await saveModel(out, model, tokenizer, { maxLength: settings.seq });
    } finally {
      log.close();
      events.close();
    }
    return { model, tokenizer, step, steps, interrupted: step < steps };
  }
}

/** A model with the dimensions of the settings, or of the checkpoint to start from. */
async function newModel(
  settings: PretrainSettings,
  tokenizer: WordPiece,
  { message }: PretrainHooks,
): Promise<RetroMae> {
  const { init, layers, hidden, heads, ffn, seq, dropout, seed } = settings;
  const dimensions = init
    ? await configOf(init)
    : bertConfig(
        {
          vocab_size: tokenizer.size,
          hidden_size: hidden,
          num_hidden_layers: layers,
          num_attention_heads: heads,
          intermediate_size: ffn || 4 * hidden,
          max_position_embeddings: seq,
          pad_token_id: tokenizer.pad,
        },
        'flags',
      );
  const config = { ...dimensions, hidden_dropout_prob: dropout, attention_probs_dropout_prob: dropout };
  const model = new RetroMae(config, new Random(seed, WEIGHTS), objectiveOf(settings));
  if (init) (await initialise(model, init)).forEach((note) => message?.(note));
  return model;
}

/** The learning rate of each step: a peak with a schedule, or an expression. */
async function schedule({ lr, schedule: form, warmup }: PretrainSettings, steps: number): Promise<Schedule> {
  const peak = Number(lr);
  if (!Number.isFinite(peak)) return expressionSchedule(lr, steps);
  const rising = Math.min(steps, warmup < 1 ? Math.round(warmup * steps) : warmup);
  if (form === 'constant') return constant(peak, rising);
  return form === 'cosine' ? cosineDecay(peak, steps, rising) : linearDecay(peak, steps, rising);
}

/** A step's numbers as a record. */
function stepRecord(
  numbers: Record<string, number>,
  { tokens, seconds: time, ...rest }: Pick<StepRecord, 'step' | 'lr' | 'tokens' | 'seconds' | 'elapsed'>,
): StepRecord {
  const { loss, encoder, accuracy, gradientNorm, decoder, decoderAccuracy, bow } = numbers;
  const parts = { loss, encoder, accuracy, gradientNorm, decoder, decoderAccuracy, bow };
  return { ...parts, ...rest, tokens, seconds: time, tokensPerSecond: tokens / time };
}
