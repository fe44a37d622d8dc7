// The package `retromae/hub`: model folders in Hugging Face's layout, read and written.
export * from './pure.js';
export { configOf, HEAD_FILE, initialise, loadModel, saveModel, tokenizerOf, writeFiles } from './folder.js';
export type { LoadedModel } from './folder.js';
export { withSafetensors } from './safetensors.js';
