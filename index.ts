// The package `retromae`: everything.
export * from './kernels/index.js';
export * from './core/index.js';
export * from './nn/index.js';
export * from './data/index.js';
export * from './retrieval/index.js';
export * from './retromae/index.js';
export * from './hub/index.js';
export * from './train/index.js';
export * from './finetune/index.js';
