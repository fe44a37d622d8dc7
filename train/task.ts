// Pre-training as a task for the loop of run.ts: a tokenised corpus under an objective.
import type { WordPiece } from '../data/index.js';
import { parameterCount, type MicroBatch } from '../nn/index.js';
import type { Batch, PretrainModel } from '../retromae/index.js';
import { batchesOf } from './batch-recipe.js';
import { keptBert } from './kept.js';
import { newModel, openTokens, recipeOf, tokenise, vocabulary } from './prepare.js';
import { Prefetch } from './prefetch.js';
import { refuseUnknown } from './report/data-summary.js';
import { formatCount, formatQuantity } from './report/format.js';
import type { RunHooks, RunResult, Task } from './run.js';
import type { PretrainSettings } from './settings.js';
import type { TokenFile } from './token-file.js';

export type PretrainHooks = RunHooks<PretrainModel>;
export type PretrainResult = RunResult<PretrainModel>;
export type PretrainTask = Task<PretrainModel, Batch>;

/** What a run can begin with instead of making it. */
export interface Start {
  tokenizer?: WordPiece;
  model?: PretrainModel;
  /** A folder whose weights will replace all of the model's. */
  checkpoint?: string;
}

/** Reads, or makes, what the settings name, and says what it is. */
export async function prepareTask(
  settings: PretrainSettings,
  hooks: PretrainHooks,
  start: Start,
): Promise<PretrainTask> {
  let examples = await openTokens(settings);
  try {
    const tokenizer = examples?.tokenizer ?? start.tokenizer ?? (await vocabulary(settings, hooks));
    const model = start.model ?? (await newModel(settings, tokenizer, hooks, start.checkpoint));
    examples ??= await tokenise(settings, tokenizer, hooks);
    const task = taskOf(settings, examples, model);
    const { counts } = examples;
    if (counts) {
      hooks.data?.(counts);
      refuseUnknown(settings.corpus, counts, settings.maxUnknown);
    }
    hooks.message?.(
      `${formatCount(examples.length)} blocks are ${formatCount(task.batches.perEpoch)} batches an epoch; ` +
        `${formatQuantity(parameterCount(model))} parameters.`,
    );
    return task;
  } catch (error) {
    examples?.close();
    throw error;
  }
}

function taskOf(settings: PretrainSettings, examples: TokenFile, model: PretrainModel): PretrainTask {
  const { seq, cacheChunk, workers } = settings;
  const { tokenizer } = examples;
  const { title, paper } = model.objective;
  const recipe = recipeOf(settings);
  const batches = batchesOf(examples, recipe);
  return {
    ...{ model, tokenizer, batches, objective: model.objective, data: examples.counts },
    kept: keptBert(model, tokenizer, { maxLength: seq, card: { method: paper ? `[${title}](${paper})` : title } }),
    microBatch: async (batch, index): Promise<MicroBatch> => {
      const random = batches.dropout(index);
      const prepared = await model.prepared(batch);
      return cacheChunk > 0 ? model.inChunks(prepared, cacheChunk, random) : () => model.losses(prepared, random);
    },
    prefetch: (first, end, together) =>
      new Prefetch(batches, { program: 'batch-worker', recipe }, { first, end, together, workers }),
    close: () => examples.close(),
  };
}
