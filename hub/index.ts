// The package `retromae/hub`: model folders in Hugging Face's layout, read and written.
export * from './pure.js';
export { configOf, HEAD_FILE, initialise, loadModel, saveModel, tokenizerOf, wordWeightsOf } from './folder.js';
export { saveFiles, writeFiles } from './save-files.js';
export type { LoadedModel } from './folder.js';
export { isStatic, loadStatic, saveStatic, type LoadedStatic } from './static-folder.js';
export { crossFiles, crossFrom, isCross, loadCross, saveCross } from './cross-folder.js';
export type { CrossFilesOptions, LoadedCross } from './cross-folder.js';
export { withSafetensors } from './safetensors.js';
export { exportHeads, exportOnnx, exportSafetensors } from './export.js';
export type { ConvertOptions, Exported, ExportHead, OnnxOptions } from './export.js';
