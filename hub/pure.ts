// What of `retromae/hub` needs no files: the content of a model folder in memory.
export type { ModelCard, Similarity } from './model-card.js';
export { asJson, encoderOf, headOf, modelFiles, names, streamSafetensors } from './model-files.js';
export type { Files, ModelFilesOptions } from './model-files.js';
