// The package `retromae/retromae`: objectives, masking, batches, and the model that they train. Knows no files.
export { IGNORE, fromPadded, partsOf, shareOf, toPadded, sequenceCount, visibleAt } from './batch.js';
export type { Arrays, Batch, DecoderBatch, MaskedBatch, PaddedBatch } from './batch.js';
export { Batches } from './batches.js';
export { Collator, type CollatorOptions, type DecoderTargets, type Generators } from './collator.js';
export { defineContrastive, join, type ContrastiveSpec } from './contrastive.js';
export { decodeBasic, decodeEnhanced, type Decoded } from './decoding.js';
export { encodeMasked, labelled, predict, sequencesOf, type Encoded, type Predicted } from './encoding.js';
export { passageOf, type Example, type Examples, type Passage, type Siblings } from './example.js';
export { gradientCache, type CachedBatch } from './gradient-cache.js';
export { klDistillation, marginMse, type KlOptions } from './distillation.js';
export {
  comparePairs,
  infoNce,
  similarityOptions,
  symmetric,
  type Compared,
  type Comparison,
  type InfoNceOptions,
  type IsOut,
} from './info-nce.js';
export { ownScores, rankPassages, type PassageRanking } from './ranking.js';
export { maskCount, roundHalfEven, WordMasker, type MaskingVocabulary } from './masking.js';
export { contrastiveNames, PretrainModel, RetroMae, objectiveNamed, objectiveNames } from './model.js';
export type { ObjectiveName, ObjectiveOptions, RetroMaeOptions } from './model.js';
export { PythonRandom, TorchGenerator } from './mt19937.js';
export { defineObjective, reservedNames } from './objective.js';
export type {
  Collates,
  Contradiction,
  Halves,
  Objective,
  ObjectiveSpec,
  Scalar,
  Scalars,
  TextRules,
} from './objective.js';
export * as objectives from './objectives/index.js';
export { cloze, crops, neighbours, PairCollator, slice, titled, twice, without, type Pair } from './pairs.js';
export { representing, representOptions, type Representing, type RepresentOptions } from './representing.js';
export * as rules from './options.js';
export { completeOptions, option, wrongOption } from './options.js';
export type { Option, OptionsOf, OptionTable, OptionRule } from './options.js';
