// What of the package `retromae` needs no files: what a browser gets.
export * from './kernels/index.js';
export * from './core/index.js';
export * from './nn/index.js';
export * from './data/pure.js';
export * from './retrieval/pure.js';
export * from './retromae/index.js';
export * from './hub/pure.js';
export * from './train/pure.js';
export * from './finetune/pure.js';
