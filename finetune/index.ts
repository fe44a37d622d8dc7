// The package `retromae/finetune`: from an encoder to a retriever. Pairs from raw text, labelled examples, bi-encoders.
export * from './pure.js';
export { finetune, finetuneOn, resumeFinetune, scalarsOf } from './finetune.js';
export type { FinetunedModel, FinetuneHooks, FinetuneResult } from './finetune.js';
export { askedOf, minedLine, taughtLine, type Asked } from './example-lines.js';
export { clustersOf } from './near-duplicates.js';
export { finetuneRows, finetuneSettings, finetuning, type FinetuneSettings } from './settings.js';
export { adapt, adaptRows, adaptSettings } from './adapt.js';
export type { AdaptHooks, AdaptResult, AdaptSettings, StageScore } from './adapt.js';
export { reproducePlan, reproduce } from './reproduce/reproduce.js';
export type { Reproduced, ReproduceHooks, ReproducePlan } from './reproduce/reproduce.js';
export { paperTables, tableNames, type TableName } from './reproduce/paper.js';
export { reproduceRows, type ReproduceSettings } from './reproduce/settings.js';
export { stageNames, tableMetrics, tableNamed } from './reproduce/tables.js';
export { summaryOf, verdicts, type ClaimResult, type SystemResult, type Verdict } from './reproduce/verdicts.js';
export { FUSION_WEIGHT, wordsRecipe } from './recipe.js';
