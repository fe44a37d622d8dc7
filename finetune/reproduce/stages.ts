// What follows pre-training in a run of a table: its stages, each from the pre-trained encoder, each measured. In a run's folder:
//
//   STAGE/                  the fine-tuned model: a run like any other
//   STAGE/evaluation.json   what every query of every set came to: it is done
//   mined.jsonl             (ANCE) the examples with the negatives that the model of the stage before found
//
// and in the table's: mined.jsonl (negatives of BM25), and for distillation teacher/ (a cross-encoder that begins with the first
// run that is pre-trained) and taught.jsonl (its scores). What is learnt from is tokenised once, in the first run.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isThere, linkFolder, readJsonObject, writeFileAtomic, type RetrievalSet } from '../../data/index.js';
import { loadCross } from '../../hub/index.js';
import type { Similarity, TextModel } from '../../nn/index.js';
import {
  CrossScorer,
  evaluateBm25,
  evaluateEncoder,
  ModelEncoder,
  rerankRun,
  type Encoder,
} from '../../retrieval/index.js';
import { readPlanOf, writePlanOf, type Place } from '../../train/index.js';
import { finetuneOn, type FinetuneHooks } from '../finetune.js';
import { finetuning, type FinetuneSettings } from '../settings.js';
import { mine, teach } from './labels.js';
import { scoresOf, type SetScores } from './scores.js';
import { fineTuning, type ReproduceSettings } from './settings.js';
import { stageNames, type Stage, type Table } from './tables.js';

/** Negatives that are mined of a query. */
const MINED = 15;
/** Passages that a cross-encoder compares, the positive included, and those of BM25 that it reranks to be measured. */
const COMPARED = 8;
const RERANKED = 20;

/** What a run came to after each of its stages. */
export type StageScores = Readonly<Partial<Record<Stage, SetScores>>>;

export interface StageHooks {
  readonly signal?: AbortSignal;
  message?(text: string): void;
  /** Fine-tuning begins: what is shown while it goes on. */
  watchStage?(name: string, settings: FinetuneSettings): FinetuneHooks & { done?(): void };
}

export interface Bench {
  readonly table: Table;
  readonly settings: ReproduceSettings;
  /** Raw text, for pairs. */
  readonly text: string;
  readonly sets: readonly RetrievalSet[];
  /** The labelled examples, where there are some. */
  readonly train?: RetrievalSet;
  /** The folder of a stage in the first run that has it. */
  firstOf(stage: Stage): string;
}

export const minedFile = (dir: string): string => join(dir, 'mined.jsonl');
const taughtFile = (dir: string): string => join(dir, 'taught.jsonl');
const teacherDir = (dir: string): string => join(dir, 'teacher');
const scoresFile = (dir: string): string => join(dir, 'evaluation.json');

/** The stages of a run; the untrained encoder is not distilled, since its teacher begins with a run that is. */
export const stagesOf = ({ stages }: Table, { entry }: Place['job']): readonly Stage[] =>
  entry ? stages : stages.filter((stage) => stage !== 'distill');

/** Does the stages of a run that are not done. @throws the signal's reason if it is aborted */
export async function runStages(bench: Bench, place: Place, hooks: StageHooks): Promise<StageScores> {
  const found: Partial<Record<Stage, SetScores>> = {};
  for (const stage of stagesOf(bench.table, place.job)) {
    const out = join(place.dir, stage);
    if (!(await isThere(scoresFile(out)))) await runStage(bench, stage, place, hooks);
    found[stage] = (await readJsonObject(scoresFile(out))) as SetScores;
  }
  return found;
}

async function runStage(bench: Bench, stage: Stage, { job, dir }: Place, hooks: StageHooks): Promise<void> {
  const { settings, sets, table } = bench;
  const own = await learntFrom(bench, stage, dir, hooks);
  const out = join(dir, stage);
  const tuned = fineTuning(settings, { ...own, model: dir, out, seed: job.seed });
  const first = bench.firstOf(stage);
  if (out !== first) await laidOut(tuned, first, stage !== 'ance');
  const { text, tokenizer } = await trained(tuned, stageNames[stage], hooks);
  const { similarity, seq: maxLength } = tuned;
  // The length of a vector counts in inner products.
  const encoder = new ModelEncoder(text!, tokenizer, { maxLength, ...(similarity === 'dot' && { steps: [] }) });
  const scores = await measured(encoder, sets, similarity, hooks);
  // ANCE's negatives are those of this model, while it is here.
  if (stage === 'dpr' && table.stages.includes('ance') && !(await isThere(minedFile(dir))))
    await mine(minedFile(dir), bench.train!, { encoder, ...miningOf(bench, hooks) });
  await writeFileAtomic(scoresFile(out), JSON.stringify(scores));
  // What all learn from is that of the first.
  if (out !== first) await rm(join(out, 'tokens'), { recursive: true, force: true });
  await rm(join(out, 'checkpoints'), { recursive: true, force: true });
}

const miningOf = ({ settings: { seed } }: Bench, { signal }: StageHooks) => ({ negatives: MINED, seed, signal });

/** What a stage learns from; what is not there yet is made. */
async function learntFrom(
  bench: Bench,
  stage: Stage,
  dir: string,
  hooks: StageHooks,
): Promise<Partial<FinetuneSettings>> {
  const { settings, text } = bench;
  const { negatives, out } = settings;
  if (stage === 'pairs') return { corpus: text };
  if (stage === 'ance') return { examples: minedFile(dir), negatives };
  if (!(await isThere(minedFile(out)))) {
    hooks.message?.('Hard negatives of BM25.');
    await mine(minedFile(out), bench.train!, miningOf(bench, hooks));
  }
  if (stage === 'dpr') return { examples: minedFile(out), negatives };
  if (!(await isThere(taughtFile(out)))) {
    await teacher(bench, dir, hooks);
    hooks.message?.('The cross-encoder scores the training examples.');
    await teach(taughtFile(out), minedFile(out), teacherDir(out), hooks.signal);
  }
  // By inner products, as the authors: cosines divided by what the teacher's scores are divided by would be all the same.
  return { examples: taughtFile(out), method: 'distill', similarity: 'dot', negatives: COMPARED - 1 };
}

/** The table's cross-encoder, which begins with the encoder in `dir`. @throws the signal's reason if it is aborted */
async function teacher({ settings }: Bench, dir: string, hooks: StageHooks): Promise<void> {
  const own = { model: dir, method: 'cross', examples: minedFile(settings.out), negatives: COMPARED - 1 } as const;
  const batch = Math.max(2, Math.round(settings.finetuneBatch / COMPARED));
  await trained(fineTuning(settings, { ...own, batch, out: teacherDir(settings.out) }), 'teacher', hooks);
}

/** What the table's cross-encoder makes of BM25's best; nothing where there is none. */
export async function measureTeacher(
  { settings, sets }: Omit<Bench, 'firstOf'>,
  { signal, message }: StageHooks,
): Promise<SetScores | undefined> {
  const dir = teacherDir(settings.out);
  if (!(await isThere(dir))) return undefined;
  if (!(await isThere(scoresFile(dir)))) {
    message?.(`The cross-encoder reranks BM25's best ${RERANKED}.`);
    const { model, tokenizer, maxLength } = await loadCross(dir);
    const scorer = new CrossScorer(model, tokenizer, { maxLength });
    const found: Record<string, SetScores[string]> = {};
    for (const set of sets)
      found[set.name] = scoresOf(
        await rerankRun(scorer, set, evaluateBm25(set).run, {
          depth: RERANKED,
          onProgress: () => signal?.throwIfAborted(),
        }),
        set,
      );
    await writeFileAtomic(scoresFile(dir), JSON.stringify(found));
  }
  return (await readJsonObject(scoresFile(dir))) as SetScores;
}

/** Trains, goes on, or finds it done. @throws the signal's reason if it is aborted */
async function trained(settings: FinetuneSettings, name: string, hooks: StageHooks) {
  const { done, ...watching } = hooks.watchStage?.(name, settings) ?? {};
  let text: TextModel | undefined;
  const own: FinetuneHooks = { ...watching, signal: hooks.signal, model: (made) => void (text = made) };
  const { interrupted, tokenizer } = await finetuneOn(settings, own).finally(() => done?.());
  if (interrupted) throw hooks.signal!.reason;
  return { text, tokenizer };
}

/** Lays a run out as one that was killed before its first step: as many steps as the first one's, and what it learnt from. */
async function laidOut(settings: FinetuneSettings, first: string, sharesText: boolean): Promise<void> {
  const { out } = settings;
  if (await isThere(join(out, 'run.json'))) return;
  const { steps } = await readPlanOf(finetuning, first);
  await mkdir(out, { recursive: true });
  if (sharesText) await linkFolder(join(first, 'tokens'), join(out, 'tokens'));
  await writePlanOf(finetuning, out, { settings: { ...settings, steps, minutes: undefined }, steps, commands: [] });
}

/** The scores of an encoder on every set. */
async function measured(
  encoder: Encoder,
  sets: readonly RetrievalSet[],
  similarity: Similarity,
  { signal }: StageHooks,
): Promise<SetScores> {
  const found: Record<string, SetScores[string]> = {};
  const onProgress = () => signal?.throwIfAborted();
  for (const set of sets)
    found[set.name] = scoresOf(await evaluateEncoder(encoder, set, { similarity, onProgress }), set);
  return found;
}
