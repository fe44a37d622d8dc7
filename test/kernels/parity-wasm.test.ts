// Every kernel gives the same numbers on our own WebAssembly engine, with and without relaxed SIMD.
import t from 'tap';
import { WasmBackend } from '../../kernels/wasm/backend.js';
import { parity, testParity } from './parity.js';

testParity(t, ['wasm']);

void t.test('wasm without relaxed SIMD', async (t) => {
  const backend = await WasmBackend.open({ relaxed: false });
  t.notMatch(backend.description, /fused/);
  await parity(t, backend);
  await backend.close();
});
