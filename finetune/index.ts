// The package `retromae/finetune`: from an encoder to a retriever. Pairs from raw text, labelled examples, bi-encoders.
export * from './pure.js';
export { finetune, resumeFinetune, scalarsOf } from './finetune.js';
export type { FinetunedModel, FinetuneHooks, FinetuneResult } from './finetune.js';
export type { MinedRecord } from './mining.js';
export { vectorSteps } from './models.js';
export { clustersOf } from './near-duplicates.js';
export { finetuneRows, finetuneSettings, finetuning, type FinetuneSettings } from './settings.js';
export { adapt, adaptRows, adaptSettings } from './adapt.js';
export type { AdaptHooks, AdaptResult, AdaptSettings } from './adapt.js';
export type { StageScore } from './adapt-scores.js';
export type { AdaptStage } from './adapt-stages.js';
export { FUSION_WEIGHT, transformerRecipe, wordsRecipe } from './recipe.js';
