// The package `retromae/retromae`: masking, batches, and the model with its objectives. Knows no files.
export { IGNORE, fromPadded, toPadded, sequenceCount, visibleAt, type Batch, type PaddedBatch } from './batch.js';
export { Batches, type Examples } from './batches.js';
export { Collator, type CollatorOptions, type DecoderTargets, type Generators } from './collator.js';
export { maskCount, roundHalfEven, WordMasker, type MaskingVocabulary } from './masking.js';
export { RetroMae, retroMaeOptions, type Objective, type RetroMaeOptions } from './model.js';
export { PythonRandom, TorchGenerator } from './mt19937.js';
