// The package `retromae/nn`: layers, BERT, optimizer, schedules, weights.
export { allTensors, freeze, parameters, parameterCount } from './module.js';
export { BatchNorm } from './batch-norm.js';
export { CrossAttention } from './cross-attention.js';
export { Linear, Embedding, LayerNorm, Dropout } from './layers.js';
export { bertConfig, configFromHuggingFace, configToHuggingFace, type BertConfig } from './config.js';
export { BertEmbeddings, BertLayer, BertModel, BertHead, BertForMaskedLM, type Needed, type Pass } from './bert.js';
export { CrossEncoder, type Pairs } from './cross-encoder.js';
export { initWords } from './init-words.js';
export { StaticModel, type StaticConfig } from './static.js';
export { pooledBert, type TextModel } from './text-model.js';
export { modesOf, poolingModes, poolStates, type Pooling, type PoolingMode } from './pooling.js';
export { activations, dense, layerNorm, similarities, truncate, unitLength } from './vector-steps.js';
export type { DenseWeights, Similarity, VectorStep } from './vector-steps.js';
export { Representation, representations, wordActivations } from './representation.js';
export type { RepresentationName, RepresentationOptions } from './representation.js';
export { AdamW, type AdamWOptions, type Matches, type ParameterGroup } from './adamw.js';
export { clipGradients, gradientsOf } from './optimizer.js';
export type { Gradient, Gradients, Optimizer, OptimizerState } from './optimizer.js';
export {
  step,
  type Losses,
  type MicroBatch,
  type Part,
  type Parted,
  type StepNumbers,
  type StepOptions,
} from './step.js';
export { constant, cosineDecay, linearDecay, type Schedule } from './schedule.js';
export { expressionSchedule } from './expression.js';
export { assign, copyWeights, hostTensors, loadWeights, type LoadReport } from './weights.js';
export { readSafetensors, safetensorsHeader, writeSafetensors, SafetensorsFile } from './safetensors.js';
export type { ByteSource, DType, HostTensor, WrittenTensor } from './safetensors.js';
export { bfloatBits, halfBits, halfValue } from './half.js';
