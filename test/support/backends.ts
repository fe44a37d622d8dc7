// The backends that tests run on: each opens, or says why this machine cannot run it.
import type { Backend, BackendName } from '../../kernels/backend.js';
import { openBackend } from '../../kernels/open.js';
import { offerSwiftShader } from './swiftshader.js';

offerSwiftShader();

export interface TestBackend {
  readonly name: BackendName | 'reference64';
  /** A fresh backend, to be closed by the caller; or the reason why this machine has none: `t.skip(reason)`. */
  open(): Promise<Backend | string>;
}

const names = ['reference', 'gpu:cpu', 'gpu:webasm', 'gpu:webgpu', 'wasm'] as const;

/** All backends; with RETROMAE_BACKENDS set, those that it lists, separated by commas. */
export function testBackends(): TestBackend[] {
  const all: TestBackend[] = [
    { name: 'reference64', open: () => openBackend('reference', { dtype: 'float64' }) },
    ...names.map((name) => ({ name, open: () => openOrExplain(name) })),
  ];
  const wanted = process.env.RETROMAE_BACKENDS?.split(',');
  return wanted ? all.filter(({ name }) => wanted.includes(name)) : all;
}

/** Only WebGPU may be missing from a machine; whatever else does not open is a failure. */
async function openOrExplain(name: BackendName): Promise<Backend | string> {
  try {
    return await openBackend(name);
  } catch (error) {
    if (name !== 'gpu:webgpu' || process.env.RETROMAE_NEEDS_WEBGPU) throw error;
    return (error as Error).message;
  }
}
