// The package `retromae/retromae`: masking, batches, the model with its objectives, pre-training.
export { IGNORE, fromPadded, toPadded, sequenceCount, visibleAt, type Batch, type PaddedBatch } from './batch.js';
export { Collator, type CollatorOptions, type DecoderTargets, type Generators } from './collator.js';
export { maskCount, roundHalfEven, WordMasker, type MaskingVocabulary } from './masking.js';
export { PythonRandom, TorchGenerator } from './mt19937.js';
export { RetroMae, retroMaeOptions, type Objective, type RetroMaeOptions } from './model.js';
export { Batches, type Examples } from './batches.js';
export { Checkpoints, type CheckpointState } from './checkpoint.js';
export { configOf, initialise, loadModel, saveModel, type LoadedModel } from './folder.js';
export { modelFiles } from './model-files.js';
export type { ModelCard, Similarity } from './model-card.js';
export { stepsWithin } from './plan.js';
export { pretrain, resume, type PretrainHooks, type PretrainResult } from './pretrain.js';
export { RunLog } from './run/log.js';
export { Progress } from './run/progress.js';
export type { ProbeRecord, StepRecord } from './run/records.js';
export { writeReport } from './run/report.js';
export { pretrainDefaults, pretrainSettings, type PretrainSettings } from './settings.js';
export { TokenFile } from './token-file.js';
