// The package `retromae/hub`: model folders in Hugging Face's layout, read and written.
export {
  configOf,
  DECODER,
  decoderOf,
  initialise,
  loadModel,
  saveModel,
  writeFiles,
  type LoadedModel,
} from './folder.js';
export {
  asJson,
  encoderOf,
  modelFiles,
  names,
  streamSafetensors,
  type Files,
  type ModelFilesOptions,
} from './model-files.js';
export type { ModelCard, Similarity } from './model-card.js';
export { withSafetensors } from './safetensors.js';
