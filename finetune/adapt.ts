// From private text without labels to a retriever: words trained on it, BM25 beside them. What `retromae adapt` does.
//
// The folder has adapt.json (what was asked, the rounds), round-N/ (of each text that was given: what is learnt from and
// measured with, and a run for each stage), and at the top the model of the last round. A round that was broken off goes on; with
// other text, or once more, the next round begins with the words of the last.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureEmptyDir, flagOf, isThere, readJsonObject, writeFileAtomic, type RetrievalSet } from '../data/index.js';
import { loadStatic, saveFiles, staticFiles } from '../hub/index.js';
import {
  compareRuns,
  evaluateFusion,
  metricInterval,
  ModelEncoder,
  type Evaluation,
  type Interval,
} from '../retrieval/index.js';
import { completeOptions, option, rules, type OptionsOf } from '../retromae/index.js';
import { runRows, withAbsolutePaths, type Setting } from '../train/index.js';
import { digestOf, heldOutSet, readCorpus, setDir } from './held-out-set.js';
import { finetuneOn, type FinetuneHooks } from './finetune.js';
import { FUSION_WEIGHT, wordsRecipe } from './recipe.js';
import { finetuneSettings, type FinetuneSettings } from './settings.js';

const { integer, optional, positive } = rules;

export const adaptRows = {
  corpus: { ...runRows.corpus, help: 'the text that will be searched: a file, a BEIR folder, or a directory of these' },
  out: { ...runRows.out, preset: 'runs/adapted' },
  minutes: option(15, positive, 'how long a round may train'),
  steps: option(undefined, optional(integer(1)), '  or how many steps, instead'),
  vocab: runRows.vocab,
  vocabSize: { ...runRows.vocabSize, preset: wordsRecipe.vocabSize },
  width: option(wordsRecipe.width, integer(1, 2 ** 18), 'numbers of a vector'),
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

export type AdaptSettings = OptionsOf<typeof adaptRows>;

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

/** What a stage came to, on sentences that were taken out of the text of this round: words of a former one may have met them. */
export interface StageScore {
  readonly stage: string;
  readonly evaluation: Evaluation;
  readonly 'ndcg@10': Interval;
  /** Against BM25, paired by query. */
  readonly gained?: Interval;
}

export interface AdaptHooks extends Pick<FinetuneHooks, 'message' | 'signal' | 'command'> {
  /** A stage begins: what is shown while it trains. */
  watch?(stage: string, settings: FinetuneSettings): FinetuneHooks & { done?(): void };
}

export interface AdaptResult {
  readonly interrupted: boolean;
  readonly round: number;
  /** BM25, then the stages in their order; none if no sentence could be held out. */
  readonly scores: readonly StageScore[];
  readonly commands: readonly string[];
  readonly settings: AdaptSettings;
}

const FORMAT = 'retromae-adapt-1';
const planFile = (out: string): string => join(out, 'adapt.json');
const rows = adaptRows as unknown as Readonly<Record<string, Setting>>;

/** @throws naming the flag, what it must be, and what it was */
export const adaptSettings = (given: Partial<AdaptSettings>): AdaptSettings =>
  completeOptions<AdaptSettings>(adaptRows, given, flagOf);

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
  hooks.message?.(
    `Round ${number}: ${documents.length} documents${number > 1 ? `, beginning with the words of round ${number - 1}` : ''}.`,
  );
  const set = await heldOutSet(round, documents, seed, hooks);
  const words = join(round, 'words');
  const trained = await stage('words', wordsSettings(settings, round, number, documents.length), hooks);
  const result = { round: number, commands: plan.commands, settings };
  if (!trained) return { ...result, interrupted: true, scores: [] };
  const model = await loadStatic(words);
  const card = {
    method: 'contrastive learning of the text that it searches (`retromae adapt`)',
    text: `Best searched together with BM25, whose share is ${FUSION_WEIGHT}: \`retromae search --fuse weighted --fuse-weight ${FUSION_WEIGHT}\`.`,
  };
  await saveFiles(out, await staticFiles(model.model, model.tokenizer, { card }));
  const scores = set ? await measure(set, words) : [];
  await writePlan(out, {
    ...plan,
    rounds: plan.rounds.map((each, i) => (i === number - 1 ? { ...each, done: true } : each)),
  });
  return { ...result, interrupted: false, scores };
}

const roundDir = (out: string, number: number): string => join(out, `round-${number}`);

/** The recipe, for a corpus of so many documents. */
function wordsSettings(settings: AdaptSettings, round: string, number: number, documents: number): FinetuneSettings {
  const { minutes, steps, batch, width, vocab, vocabSize, out, backend, threads, workers, seed, maxUnknown } = settings;
  const former = number > 1 ? join(roundDir(out, number - 1), 'words') : undefined;
  return finetuneSettings({
    ...wordsRecipe,
    ...(former === undefined ? { width, vocab, vocabSize } : { model: former }),
    ...{ corpus: join(setDir(round), 'corpus.jsonl'), out: join(round, 'words') },
    ...(steps === undefined ? { minutes } : { steps }),
    batch: Math.max(2, Math.min(batch, Math.floor(documents / 2))),
    ...{ backend, threads, workers, seed: seed + number - 1, maxUnknown },
  });
}

/** Trains, or goes on with what was broken off. @returns whether it came to its end */
async function stage(name: string, settings: FinetuneSettings, hooks: AdaptHooks): Promise<boolean> {
  const { done, ...watching } = hooks.watch?.(name, settings) ?? {};
  const own = { ...watching, signal: hooks.signal };
  const { interrupted } = await finetuneOn(settings, own).finally(() => done?.());
  return !interrupted;
}

/** BM25, vectors and both, on what was held out. */
async function measure(set: RetrievalSet, words: string): Promise<StageScore[]> {
  const { model, tokenizer, ...folder } = await loadStatic(words);
  const encoder = new ModelEncoder(model, tokenizer, folder);
  const fusion = { method: 'weighted', weight: FUSION_WEIGHT } as const;
  const { own, bm25, fused } = await evaluateFusion(encoder, set, { similarity: folder.similarity, fusion });
  const stages: [string, Evaluation][] = [
    ['BM25', bm25],
    ['words', own],
    ['fused', fused],
  ];
  const scores: StageScore[] = [];
  for (const [name, evaluation] of stages) {
    const against = name === 'BM25' ? undefined : bm25;
    scores.push({
      ...{ stage: name, evaluation, 'ndcg@10': await metricInterval(evaluation, 'ndcg@10') },
      ...(against && { gained: await compareRuns(evaluation, against, 'ndcg@10') }),
    });
  }
  return scores;
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
