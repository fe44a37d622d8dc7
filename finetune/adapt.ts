// From private text without labels to a retriever: words trained on it, a transformer that begins with them where one is asked
// for, BM25 beside them. What `retromae adapt` does.
//
// The folder has adapt.json (what was asked, the rounds), round-N/ (of each text that was given: what is learnt from and
// measured with, and a run for each stage), and at the top the model of the last round. A round that was broken off goes on; with
// other text, or once more, the next round begins with what the last one came to.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureEmptyDir, flagOf, isThere, readJsonObject, writeFileAtomic } from '../data/index.js';
import { saveFiles } from '../hub/index.js';
import { completeOptions, option, rules, wrongOption, type OptionsOf } from '../retromae/index.js';
import { runRows, withAbsolutePaths, type RunHooks, type Setting } from '../train/index.js';
import { measureStages, type StageScore } from './adapt-scores.js';
import { filesOfStage, stagesOf, type AdaptStage } from './adapt-stages.js';
import { digestOf, heldOutSet, readCorpus, setDir } from './held-out-set.js';
import { transformerRecipe, wordsRecipe } from './recipe.js';

const { integer, optional, positive } = rules;

export const adaptRows = {
  corpus: { ...runRows.corpus, help: 'the text that will be searched: a file, a BEIR folder, or a directory of these' },
  out: { ...runRows.out, preset: 'runs/adapted' },
  minutes: option(15, positive, 'how long a round may train'),
  steps: option(undefined, optional(integer(1)), '  or how many steps, instead'),
  vocab: runRows.vocab,
  vocabSize: { ...runRows.vocabSize, preset: wordsRecipe.vocabSize },
  layers: option(
    0,
    integer(0, 1000),
    'of a BERT that begins with the words, learns as RetroMAE and then as they do; 0: none',
  ),
  heads: runRows.heads,
  width: option(
    undefined,
    optional(integer(1, 2 ** 18)),
    'numbers of a vector (default: 768 of words alone, 256 of a BERT)',
  ),
  batch: {
    ...runRows.batch,
    preset: wordsRecipe.batch,
    help: 'pairs of a batch; of short texts, at most half of them',
  },
  field: runRows.field,
  split: runRows.split,
  maxBadLines: runRows.maxBadLines,
  maxUnknown: runRows.maxUnknown,
  backend: runRows.backend,
  threads: runRows.threads,
  workers: runRows.workers,
  seed: runRows.seed,
};

type Rows = OptionsOf<typeof adaptRows>;
export type AdaptSettings = Omit<Rows, 'width'> & { width: number };

interface Round {
  /** Of the text. */
  readonly digest: string;
  readonly done: boolean;
}

interface AdaptPlan {
  readonly settings: AdaptSettings;
  readonly rounds: readonly Round[];
  readonly commands: readonly string[];
}

export interface AdaptHooks extends Pick<RunHooks<object>, 'message' | 'signal' | 'command'> {
  /** A stage begins: what is shown while it trains. */
  watch?(stage: AdaptStage): RunHooks<unknown> & { done?(): void };
}

export interface AdaptResult {
  readonly interrupted: boolean;
  readonly round: number;
  readonly stages: readonly AdaptStage[];
  /** BM25, then the stages in their order; none if no sentence could be held out. */
  readonly scores: readonly StageScore[];
  readonly commands: readonly string[];
  readonly settings: AdaptSettings;
}

const FORMAT = 'retromae-adapt-1';
const planFile = (out: string): string => join(out, 'adapt.json');
const rows = adaptRows as unknown as Readonly<Record<string, Setting>>;

/** @throws naming the flag, what it must be, and what it was */
export function adaptSettings(given: Partial<AdaptSettings>): AdaptSettings {
  const settings = completeOptions<Rows>(adaptRows, given, flagOf);
  const { layers, heads, width = layers > 0 ? transformerRecipe.width : wordsRecipe.width } = settings;
  if (layers > 0 && width % heads !== 0) throw wrongOption(flagOf, 'heads', heads, `a divisor of --width ${width}`);
  return { ...settings, width };
}

/**
 * Adapts to a corpus, in a folder that is new or empty, or goes on there.
 * @throws if the folder holds something else, or as `finetune`
 */
export async function adapt(given: Partial<AdaptSettings>, hooks: AdaptHooks = {}): Promise<AdaptResult> {
  const settings = withAbsolutePaths({ rows }, adaptSettings(given));
  const { out, seed } = settings;
  const documents = await readCorpus(settings, hooks);
  const digest = digestOf(documents);
  let plan = await openPlan(settings, hooks.command);
  const last = plan.rounds.at(-1);
  const goesOn = last !== undefined && !last.done && last.digest === digest;
  if (!goesOn) plan = { ...plan, rounds: [...plan.rounds.filter(({ done }) => done), { digest, done: false }] };
  await writePlan(out, plan);
  const number = plan.rounds.length;
  const round = roundDir(out, number);
  // What a round of other text, that was broken off, left there.
  if (!goesOn) await rm(round, { recursive: true, force: true });
  const former = number > 1 ? roundDir(out, number - 1) : undefined;
  hooks.message?.(
    `Round ${number}: ${documents.length} documents${former === undefined ? '' : `, beginning with what round ${number - 1} came to`}.`,
  );
  const set = await heldOutSet(round, documents, seed, hooks);
  const corpus = join(setDir(round), 'corpus.jsonl');
  const stages = await stagesOf(settings, { round, former, corpus, number, documents: documents.length });
  const result = { round: number, stages, commands: plan.commands, settings };
  for (const stage of stages) if (!(await trained(stage, hooks))) return { ...result, interrupted: true, scores: [] };
  await saveFiles(out, await filesOfStage(stages.at(-1)!));
  const scores = set ? await measureStages(set, stages) : [];
  await writePlan(out, {
    ...plan,
    rounds: plan.rounds.map((each, i) => (i === number - 1 ? { ...each, done: true } : each)),
  });
  return { ...result, interrupted: false, scores };
}

const roundDir = (out: string, number: number): string => join(out, `round-${number}`);

/** @returns whether the stage came to its end */
async function trained(stage: AdaptStage, { watch, signal }: AdaptHooks): Promise<boolean> {
  const { done, ...watching } = watch?.(stage) ?? {};
  const { interrupted } = await stage.train({ ...watching, signal }).finally(() => done?.());
  return !interrupted;
}

async function openPlan(settings: AdaptSettings, command?: string): Promise<AdaptPlan> {
  const { out } = settings;
  const commands = command === undefined ? [] : [command];
  if (!(await isThere(planFile(out)))) {
    await ensureEmptyDir(out);
    return { settings, rounds: [], commands };
  }
  const { format, rounds, commands: former } = await readJsonObject(planFile(out));
  const isRound = (round: unknown): round is Round =>
    typeof (round as Partial<Round> | null)?.digest === 'string' && typeof (round as Partial<Round>).done === 'boolean';
  if (format !== FORMAT || !Array.isArray(rounds) || !rounds.every(isRound) || !Array.isArray(former))
    throw new Error(`${planFile(out)}: is not what retromae adapt wrote, expected ${FORMAT}. Begin in a new folder.`);
  return { settings, rounds, commands: [...(former as string[]), ...commands] };
}

const writePlan = (out: string, plan: AdaptPlan): Promise<void> =>
  writeFileAtomic(planFile(out), `${JSON.stringify({ format: FORMAT, ...plan }, null, 2)}\n`);
