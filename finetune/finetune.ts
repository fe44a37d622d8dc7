// Fine-tuning as a job: what `retromae finetune` does, as a function.
import { join } from 'node:path';
import { isThere } from '../data/index.js';
import { configOf, isStatic } from '../hub/index.js';
import { CrossEncoder, parameterCount, type BertForMaskedLM, type StaticModel, type TextModel } from '../nn/index.js';
import type { Scalars } from '../retromae/index.js';
import {
  formatCount,
  formatQuantity,
  Prefetch,
  refuseUnknown,
  resumeJob,
  startJob,
  tokensDir,
  type RunHooks,
  type RunResult,
  type Task,
  type TrainingJob,
} from '../train/index.js';
import { openBatches } from './batch-recipe.js';
import { biEncoderLosses, distillScalars, rankingScalars, type BiEncoderOptions } from './bi-encoder.js';
import { crossLosses } from './cross.js';
import { ExampleFile } from './example-file.js';
import type { GroupBatch } from './groups.js';
import { labelled, unlabelled } from './material.js';
import { Mining, type MiningHooks } from './mining.js';
import { newTrained } from './models.js';
import {
  ARCHITECTURES,
  finetuneSettings,
  finetuning,
  NO_CORPUS,
  parseDims,
  type FinetuneSettings,
} from './settings.js';
import { hasTaught, type TeachingHooks } from './teacher.js';

export type FinetunedModel = BertForMaskedLM | StaticModel | CrossEncoder;
export type FinetuneHooks = RunHooks<FinetunedModel> &
  Pick<MiningHooks, 'mined'> &
  Pick<TeachingHooks, 'scored'> & {
    /** Told of what makes vectors of texts, when it is there. */
    model?(text: TextModel): void;
  };
export type FinetuneResult = RunResult<FinetunedModel>;

/** Starts a run in an empty folder. @throws as `startJob`, or if the settings or what they name are wrong */
export const finetune = (given: Partial<FinetuneSettings>, hooks: FinetuneHooks = {}): Promise<FinetuneResult> =>
  startJob(jobOf(hooks), finetuneSettings(given), hooks);

/** Goes on with the run in a folder: see `resumeJob`. */
export const resumeFinetune = (
  out: string,
  given: Partial<FinetuneSettings> = {},
  hooks: FinetuneHooks = {},
): Promise<FinetuneResult> => resumeJob(jobOf(hooks), out, given, hooks);

/** Goes on with the run in the settings' folder, or starts it where there is none. */
export const finetuneOn = async (settings: FinetuneSettings, hooks: FinetuneHooks = {}): Promise<FinetuneResult> =>
  (await isThere(join(settings.out, 'run.json'))) ? resumeFinetune(settings.out, {}, hooks) : finetune(settings, hooks);

const jobOf = (own: FinetuneHooks): TrainingJob<FinetuneSettings, FinetunedModel, GroupBatch> => ({
  ...finetuning,
  prepare: (settings, hooks) => prepare(settings, { ...own, ...hooks }),
  keeps: async (settings) => settings.teacher !== undefined && (await hasTaught(tokensDir(settings))),
});

async function prepare(given: FinetuneSettings, hooks: FinetuneHooks): Promise<Task<FinetunedModel, GroupBatch>> {
  const settings = await withinPositions(given);
  const { corpus, cacheChunk, workers, lrWords, maxUnknown } = settings;
  const recipe = corpus === NO_CORPUS ? await labelled(settings, hooks) : await unlabelled(settings, hooks);
  const { batches, file } = await openBatches(recipe);
  try {
    const texts = file instanceof ExampleFile ? file.texts : file;
    const { tokenizer, counts: data } = texts;
    if (data && corpus !== NO_CORPUS) {
      hooks.data?.(data);
      refuseUnknown(corpus, data, maxUnknown);
    }
    const { model, text, kept } = await newTrained(settings, tokenizer, texts, hooks);
    if (text) hooks.model?.(text);
    const options = optionsOf(settings);
    hooks.message?.(
      `${formatCount(file.length)} ${recipe.labelled ? 'examples' : 'passages'} are ${formatCount(batches.perEpoch)} batches an epoch; ` +
        `${formatQuantity(parameterCount(model))} parameters.`,
    );
    const mining =
      settings.method === 'ance' && file instanceof ExampleFile ? new Mining(text!, file, settings, hooks) : undefined;
    return {
      ...{ model, tokenizer, kept, batches, data },
      refresh: mining,
      objective: { scalars: scalarsOf(settings) },
      groups: lrWords === 1 ? [] : [{ matches: (name) => name.includes('word_embeddings'), lr: lrWords }],
      microBatch: (batch, index) => {
        const random = batches.dropout(index);
        return Promise.resolve(
          model instanceof CrossEncoder
            ? () => crossLosses(model, batch, random)
            : biEncoderLosses(text!, batch, options, cacheChunk, random),
        );
      },
      prefetch: (first, end, together) =>
        new Prefetch(
          batches,
          { program: 'finetune-worker', recipe: { ...recipe, mined: mining?.path } },
          { first, end, together, workers },
        ),
      close: () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** No text is longer than the model to begin with takes. */
async function withinPositions(settings: FinetuneSettings): Promise<FinetuneSettings> {
  const { model, seq, queryLength } = settings;
  if ((ARCHITECTURES as readonly string[]).includes(model) || (await isStatic(model))) return settings;
  const { max_position_embeddings: most } = await configOf(model);
  return { ...settings, seq: Math.min(seq, most), queryLength: Math.min(queryLength, most) };
}

/** What the losses of a run report. */
export const scalarsOf = ({ method }: Pick<FinetuneSettings, 'method'>): Scalars =>
  method === 'distill' ? distillScalars : rankingScalars;

function optionsOf(settings: FinetuneSettings): BiEncoderOptions {
  const { similarity, temperature, symmetric, margin, dims, method } = settings;
  const { distillLoss: loss, distillTemperature, contrastWeight } = settings;
  const options = { similarity, temperature, symmetric, margin, ...(dims !== undefined && { dims: parseDims(dims) }) };
  if (method !== 'distill') return options;
  return { ...options, distill: { loss, temperature: distillTemperature, contrastWeight } };
}
