// The WebAssembly module of the lessons; the product has none of it.
export * from './rows';
export { tiles } from './tile';
export { blocked, fused, larger, packed } from './packed';
export { layerNorm } from './norm';
