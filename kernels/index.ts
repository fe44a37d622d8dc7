// The package `retromae/kernels`: numbers in, numbers out.
export * from './kernel.js';
export * from './backend.js';
export { openBackend, type OpenOptions } from './open.js';
export { ReferenceBackend } from './reference.js';
export * as kernels from './library/index.js';
export { keep as dropoutFactor } from './library/random.js';
export { normalCdf } from './library/scalar.js';
