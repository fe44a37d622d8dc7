// Objectives side by side: the same text, time, initial encoder, order of the data and tokens a batch; one run after another.
//
// The folder has compare.json (what is compared), tokens/ (the corpus, once), and runs/NAME-seedN/: a run like any other,
// which can be resumed, and what it came to (evaluation.json). Whatever is there is not done again.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { flagOf, isThere, readJsonObject, linkFolder, removePartials, writeFileAtomic } from '../../data/index.js';
import type { WordPiece } from '../../data/index.js';
import { saveFiles } from '../../hub/index.js';
import { objectiveNamed, type PretrainModel } from '../../retromae/index.js';
import { batchesOf } from '../batch-recipe.js';
import { keptBert } from '../kept.js';
import { newModel, newSettings, openTokens, recipeOf, tokenise, vocabulary } from '../prepare.js';
import { resume } from '../pretrain.js';
import { RunLog } from '../report/log.js';
import type { ProbeRecord, StepRecord } from '../report/records.js';
import type { PretrainHooks } from '../task.js';
import { claimFolder, pretraining, readPlan, withAbsolutePaths, writePlan } from '../run-folder.js';
import { pretrainSettings, type PretrainSettings } from '../settings.js';
import type { TokenFile } from '../token-file.js';
import { parseEntries, type Entry } from './entries.js';

/** What is decided once, and written to compare.json. */
export interface ComparePlan {
  /** As it was typed: see `parseEntries`. */
  readonly objectives: string;
  /** Of all runs, `seed` being the first. */
  readonly settings: PretrainSettings;
  readonly seeds: number;
  /** BEIR folders. */
  readonly eval: readonly string[];
  /** The command lines that began and resumed it. */
  readonly commands: readonly string[];
}

/** A run of a comparison; the untrained encoder is one of no steps. */
export interface Job {
  /** NAME-seedN, its folder in runs/. */
  readonly name: string;
  readonly label: string;
  readonly seed: number;
  /** Sequences in a micro-batch, so that its tokens are those of the others. */
  readonly batch: number;
  readonly entry?: Entry;
}

/** What a run came to. @typeParam E what `evaluate` says of a model: plain data */
export interface Outcome<E> {
  readonly job: Job;
  readonly steps: readonly StepRecord[];
  readonly probes: readonly ProbeRecord[];
  readonly evaluation: E;
}

/** Which run a model is of, and the run's folder. */
export interface Place {
  readonly job: Job;
  readonly dir: string;
}

export interface CompareHooks<E> {
  message?(text: string): void;
  signal?: AbortSignal;
  /** What a run tells while it goes on. */
  watch?(job: Job, settings: PretrainSettings): PretrainHooks & { done?(): void };
  /** Measures a model, after whatever is done with it before: its run's folder is a model folder, and there is room in it. */
  evaluate(model: PretrainModel, tokenizer: WordPiece, place: Place): Promise<E>;
  /** Before the first run: all that there will be, and those of them that are not done yet. */
  planned?(jobs: readonly Job[], left: readonly Job[]): void;
}

const FORMAT = 'retromae-compare-1';
const UNTRAINED = 'untrained';
/** Batches of which the tokens are counted. */
const COUNTED = 32;

const planFile = (out: string): string => join(out, 'compare.json');

/**
 * Begins a comparison in a folder that is new or empty.
 * @returns how to leave everything as it was, for a comparison that ends before its first run
 * @throws if it is not
 */
export async function beginComparison(out: string, plan: ComparePlan): Promise<() => Promise<void>> {
  const leave = await claimFolder(out);
  await writeComparison(out, plan);
  return async () => {
    if (!(await isThere(join(out, 'runs')))) await leave();
  };
}

export const writeComparison = (out: string, plan: ComparePlan): Promise<void> =>
  writeFileAtomic(
    planFile(out),
    `${JSON.stringify({ format: FORMAT, ...plan, settings: withAbsolutePaths(pretraining, plan.settings) }, null, 2)}\n`,
  );

/** @throws if there is none in the folder, or it is not whole */
export async function readComparison(out: string): Promise<ComparePlan> {
  const file = planFile(out);
  if (!(await isThere(file)))
    throw new Error(
      `${file}: is not there, so there is no comparison to resume in ${out}. Start one without --resume.`,
    );
  const { format, settings, ...plan } = await readJsonObject(file);
  const texts = (value: unknown): value is string[] =>
    Array.isArray(value) && value.every((text) => typeof text === 'string');
  const { objectives, seeds, eval: sets, commands } = plan;
  if (
    format !== FORMAT ||
    typeof objectives !== 'string' ||
    !Number.isSafeInteger(seeds) ||
    !texts(sets) ||
    !texts(commands) ||
    typeof settings !== 'object' ||
    settings === null
  )
    throw new Error(`${file}: is not the plan of a comparison, expected ${FORMAT}. Start another in a new folder.`);
  // Chunks are of the objectives that have them, which MLM is not.
  const { cacheChunk = 0, ...others } = settings as Partial<PretrainSettings>;
  return {
    ...{ objectives, seeds: seeds as number, eval: sets, commands },
    settings: { ...pretrainSettings({ ...others, out }), cacheChunk },
  };
}

/** Does what is not done yet of a comparison. @returns what all came to, the untrained encoder's first; fewer if it was aborted */
export async function runComparison<E extends object>(
  plan: ComparePlan,
  hooks: CompareHooks<E>,
): Promise<Outcome<E>[]> {
  const { out } = plan.settings;
  await removePartials(out);
  const tokens = await corpusOf(plan.settings, hooks);
  const jobs = jobsOf(plan, tokens);
  tokens.close();
  const isDone = await Promise.all(jobs.map((job) => isThere(resultFile(dirOf(plan, job)))));
  hooks.planned?.(
    jobs,
    jobs.filter((_, i) => !isDone[i]),
  );
  const outcomes: Outcome<E>[] = [];
  for (const job of jobs) {
    if (hooks.signal?.aborted) return outcomes;
    const outcome = await unlessAborted(hooks, job.entry ? trained(plan, job, hooks) : untrained(plan, job, hooks));
    if (!outcome) return outcomes;
    outcomes.push(outcome);
  }
  return outcomes;
}

/** What comes of work; nothing if it was broken off by the signal, as the evaluation of a run may be. */
const unlessAborted = <T>({ signal }: CompareHooks<object>, work: Promise<T>): Promise<T | undefined> =>
  work.catch((error: unknown) => {
    if (!signal?.aborted || error !== signal.reason) throw error;
    return undefined;
  });

/** The corpus as tokens, in the comparison's folder. */
async function corpusOf(settings: PretrainSettings, hooks: CompareHooks<object>): Promise<TokenFile> {
  const found = await openTokens(settings);
  return found ?? (await tokenise(settings, await vocabulary(settings, hooks), hooks));
}

/** The untrained encoder and every objective, for every seed. */
function jobsOf({ objectives, settings, seeds }: ComparePlan, tokens: TokenFile): Job[] {
  const entries = parseEntries(objectives);
  const tokensOf = (entry: Pick<Entry, 'objective' | 'options'>, size: number) => {
    const options = objectiveNamed(entry.objective).complete(entry.options, flagOf, settings.layers);
    const batches = batchesOf(tokens, { ...recipeOf(settings), objective: entry.objective, options, size });
    let sum = 0;
    for (let i = 0; i < COUNTED; i++) sum += batches.at(i).ids.length;
    return sum / COUNTED;
  };
  const usual = tokensOf({ objective: 'mlm', options: {} }, settings.batch);
  const sizes = new Map(
    entries.map((entry) => {
      const size = Math.round((settings.batch * usual) / tokensOf(entry, settings.batch));
      // One text has none to be compared with.
      return [entry.label, Math.max(objectiveNamed(entry.objective).halves ? 2 : 1, size)];
    }),
  );
  const every = Array.from({ length: seeds }, (_, i) => settings.seed + i);
  return every.flatMap((seed): Job[] => [
    { name: nameOf(UNTRAINED, seed), label: UNTRAINED, seed, batch: 0 },
    ...entries.map((entry) => ({
      ...{ name: nameOf(entry.label, seed), label: entry.label, seed, entry },
      batch: sizes.get(entry.label)!,
    })),
  ]);
}

const nameOf = (label: string, seed: number): string => `${label.replace(/[^\w.-]+/g, '-')}-seed${seed}`;
const dirOf = ({ settings }: ComparePlan, { name }: Pick<Job, 'name'>): string => join(settings.out, 'runs', name);
const resultFile = (dir: string): string => join(dir, 'evaluation.json');

async function untrained<E extends object>(plan: ComparePlan, job: Job, hooks: CompareHooks<E>): Promise<Outcome<E>> {
  const dir = dirOf(plan, job);
  const done = { job, steps: [], probes: [] };
  if (await isThere(resultFile(dir))) return { ...done, evaluation: (await readJsonObject(resultFile(dir))) as E };
  const tokens = (await openTokens(plan.settings))!;
  tokens.close();
  const settings = await newSettings({ ...plan.settings, seed: job.seed, cacheChunk: 0 });
  const model = await newModel(settings, tokens.tokenizer, {});
  const card = { method: 'nothing: these are the weights that training begins with' };
  await mkdir(dir, { recursive: true });
  await saveFiles(dir, await keptBert(model, tokens.tokenizer, { maxLength: settings.seq, card }).files());
  const evaluation = await hooks.evaluate(model, tokens.tokenizer, { job, dir });
  await writeFileAtomic(resultFile(dir), JSON.stringify(evaluation));
  return { ...done, evaluation };
}

/** @returns nothing if it was aborted */
async function trained<E extends object>(
  plan: ComparePlan,
  job: Job,
  hooks: CompareHooks<E>,
): Promise<Outcome<E> | undefined> {
  const dir = dirOf(plan, job);
  if (!(await isThere(resultFile(dir)))) {
    await begun(plan, job, dir);
    const { done, ...watching } = hooks.watch?.(job, (await readPlan(dir)).settings) ?? {};
    const result = await resume(dir, {}, { ...watching, signal: hooks.signal }).finally(() => done?.());
    if (result.interrupted) return undefined;
    const evaluation = await hooks.evaluate(result.model, result.tokenizer, { job, dir });
    await writeFileAtomic(resultFile(dir), JSON.stringify(evaluation));
  }
  // It will not go on: what for, takes most of the disk.
  for (const name of ['tokens', 'checkpoints']) await rm(join(dir, name), { recursive: true, force: true });
  const { steps, probes } = await RunLog.read(dir);
  return { job, steps, probes, evaluation: (await readJsonObject(resultFile(dir))) as E };
}

/** Makes a run's folder as one that was killed before its first step, with the corpus that all share. */
async function begun(plan: ComparePlan, { entry, seed, batch, label }: Job, dir: string): Promise<void> {
  if (await isThere(join(dir, 'run.json'))) return;
  const { settings: base } = plan;
  // Where time is given, the first seed's run measures how many steps that is.
  const first = nameOf(label, base.seed);
  const { steps } = seed === base.seed ? base : await readPlan(dirOf(plan, { name: first }));
  const settings = await newSettings({
    ...base,
    ...{ encoderMask: undefined, objective: entry!.objective, ...entry!.options, out: dir, seed, batch },
    ...{ steps, minutes: steps ? undefined : base.minutes, eval: undefined },
    cacheChunk: objectiveNamed(entry!.objective).halves ? base.cacheChunk : 0,
  });
  await mkdir(dir, { recursive: true });
  await linkFolder(join(base.out, 'tokens'), join(dir, 'tokens'));
  await writePlan(dir, { settings, steps, commands: [] });
}
