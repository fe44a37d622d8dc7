// What of `retromae/hub` needs no files: the content of a model folder in memory.
export type { ModelCard, TrainedSimilarity } from './model-card.js';
export {
  asJson,
  encoderOf,
  fileNames,
  headOf,
  modelFiles,
  representationOf,
  streamSafetensors,
} from './model-files.js';
export type { Files, ModelFilesOptions, TrainedPooling } from './model-files.js';
export { staticFiles, type StaticFilesOptions } from './static-files.js';
export * from './onnx/index.js';
