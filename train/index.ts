// The package `retromae/train`: a pre-training run from settings to a report, with checkpoints, resumed to the same bits.
export * from './pure.js';
export { answerWithBatches } from './answer.js';
export { batchesOf, type BatchRecipe } from './batch-recipe.js';
export { Checkpoints, type CheckpointState } from './checkpoint.js';
export { beginComparison, readComparison, runComparison, writeComparison } from './compare/compare.js';
export type { CompareHooks, ComparePlan, Job, Outcome, Place } from './compare/compare.js';
export { parseEntries, type Entry } from './compare/entries.js';
export { Prefetch, type PrefetchRange } from './prefetch.js';
export {
  corpusDocuments,
  foldedAsAsked,
  learntVocabulary,
  newSettings,
  openTokens,
  tokenise,
  tokensDir,
  type CorpusSettings,
  type Observer,
  type VocabularySettings,
} from './prepare.js';
export { refuseUnknown } from './report/data-summary.js';
export { schedule } from './schedule.js';
export { writeTokens, type TokenisedDocument } from './token-writer.js';
export { pretrain, resume } from './pretrain.js';
export { keptBert, type Kept } from './kept.js';
export { TrainingRun } from './run.js';
export type { LoopSettings, Refresh, RunHooks, RunResult, Task } from './run.js';
export type { PretrainHooks, PretrainResult } from './task.js';
export * from './report/index.js';
export { resumedSettings } from './going-on.js';
export { resumeJob, startJob, type JobSettings, type TrainingJob } from './job.js';
export {
  claimFolder,
  readPlan,
  readPlanOf,
  withAbsolutePaths,
  writePlanOf,
  type Plan,
  type RunKind,
} from './run-folder.js';
export {
  learningRate,
  ownSettings,
  pretrainDefaults,
  pretrainSettings,
  runRows,
  settingRows,
  settingsThat,
} from './settings.js';
export type { PretrainSettings, Setting } from './settings.js';
export { stepCosts, type StepCost } from './step-cost.js';
export { TokenFile } from './token-file.js';
