// The package `retromae/train`: a pre-training run from settings to a report, with checkpoints, resumed to the same bits.
export * from './pure.js';
export { batchesOf, type BatchRecipe } from './batch-recipe.js';
export { Checkpoints, type CheckpointState } from './checkpoint.js';
export { beginComparison, readComparison, runComparison, writeComparison } from './compare/compare.js';
export type { CompareHooks, ComparePlan, Job, Outcome } from './compare/compare.js';
export { parseEntries, type Entry } from './compare/entries.js';
export { Prefetch, type PrefetchRange } from './prefetch.js';
export { corpusDocuments, newSettings } from './prepare.js';
export { pretrain, resume } from './pretrain.js';
export type { PretrainHooks, PretrainResult } from './run.js';
export * from './report/index.js';
export { resumedSettings } from './going-on.js';
export { readPlan } from './run-folder.js';
export { ownSettings, pretrainDefaults, pretrainSettings, settingRows, settingsThat } from './settings.js';
export type { PretrainSettings, Setting } from './settings.js';
export { stepCosts, type StepCost } from './step-cost.js';
export { TokenFile } from './token-file.js';
