// Relaxed SIMD: a multiply and an add in one instruction. In V8 before Node 22 it is behind a flag, which is set here.

/** (func (param v128 v128 v128) (result v128) (f32x4.relaxed_madd (local.get 0) (local.get 1) (local.get 2))) */
const PROBE = new Uint8Array([
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // magic, version
  ...[0x01, 0x08, 0x01, 0x60, 0x03, 0x7b, 0x7b, 0x7b, 0x01, 0x7b], // types
  ...[0x03, 0x02, 0x01, 0x00], // functions
  ...[0x0a, 0x0d, 0x01, 0x0b, 0x00, 0x20, 0x00, 0x20, 0x01, 0x20, 0x02, 0xfd, 0x85, 0x02, 0x0b], // code
]);

/** Whether modules with relaxed SIMD compile here, from now on. */
export async function hasRelaxedSimd(): Promise<boolean> {
  if (WebAssembly.validate(PROBE)) return true;
  if (typeof process === 'undefined' || process.versions?.v8 === undefined) return false;
  const { setFlagsFromString } = await import('node:v8');
  setFlagsFromString('--experimental-wasm-relaxed-simd');
  return WebAssembly.validate(PROBE);
}
