// The package `retromae/kernels`: numbers in, numbers out.
export * from './kernel.js';
export * from './backend.js';
export { ReferenceBackend } from './reference.js';
export * as kernels from './library/index.js';
