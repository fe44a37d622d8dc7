// Pre-training as a job: data, model, loop, checkpoints, log. What `retromae pretrain` does, as a function.
import type { Batch, PretrainModel } from '../retromae/index.js';
import { resumeJob, startJob, type TrainingJob } from './job.js';
import { corpusDocuments, givenVocabulary, newModel, newSettings } from './prepare.js';
import { pretraining } from './run-folder.js';
import type { PretrainSettings } from './settings.js';
import { prepareTask, type PretrainHooks, type PretrainResult, type Start } from './task.js';

const jobFrom = (start: Start = {}): TrainingJob<PretrainSettings, PretrainModel, Batch> => ({
  ...pretraining,
  prepare: (settings, hooks, checkpoint) => prepareTask(settings, hooks, { ...start, checkpoint }),
});

/**
 * Starts a run in an empty folder.
 * @throws if the settings or the data are wrong, before anything is written; if it fails before the first step, or is
 *   aborted by then, the folder is as it was
 */
export async function pretrain(given: Partial<PretrainSettings>, hooks: PretrainHooks = {}): Promise<PretrainResult> {
  const settings = await newSettings(given);
  return startJob(jobFrom(await checkedStart(settings, hooks)), settings, hooks);
}

/** Goes on with the run in a folder: see `resumeJob`. */
export const resume = (
  out: string,
  given: Partial<PretrainSettings> = {},
  hooks: PretrainHooks = {},
): Promise<PretrainResult> => resumeJob(jobFrom(), out, given, hooks);

/** Reads all that the settings name, so that what is wrong there is found out before anything is written. */
async function checkedStart(settings: PretrainSettings, hooks: PretrainHooks): Promise<Start> {
  const tokenizer = await givenVocabulary(settings);
  // The first document says whether there are any, before time is spent on them.
  const documents = corpusDocuments(settings);
  await documents.next();
  await documents.return({ leftOut: {}, taken: [] });
  return { tokenizer, model: tokenizer && (await newModel(settings, tokenizer, hooks)) };
}
