// The WebAssembly module of the `wasm` backend: every kernel it exports. One instance a thread, one memory for all.
export { setScratch } from './scratch';
export { peak } from './peak';
export { gemmPack, gemm } from './gemm';
