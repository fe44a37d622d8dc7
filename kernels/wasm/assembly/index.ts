// The WebAssembly module of the `wasm` backend: every kernel it exports. One instance a thread, one memory for all.
export { setScratch } from './scratch';
export { peak } from './peak';
export { gemmPack, tileRows } from './pack';
export { gemm } from './gemm';
export * from './elementwise';
export * from './movement';
export * from './reduce';
export * from './gelu';
export * from './rows';
export * from './norm';
export * from './norm-gradient';
export * from './optimizer';
export * from './attention';
export * from './loss';
