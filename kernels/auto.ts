// Chooses between the WebAssembly engine and a real GPU by a short measurement.
import type { Backend } from './backend.js';
import type { OpenOptions } from './open.js';
import { linear } from './library/index.js';
import { WasmBackend } from './wasm/backend.js';

/** Rows and columns of the products timed: those of a small encoder's layers. */
const extent = 512;
const launches = 8;

/** Products of matrices that one backend does in a second, in units of 10^9 operations; the best of three tries. */
export async function measureGflops(backend: Backend): Promise<number> {
  const dims = [extent, extent];
  const data = Float32Array.from({ length: extent * extent }, (_, i) => (i % 7) - 3);
  const [x, w, y] = [data, data, undefined].map((values) => ({ storage: backend.alloc(extent ** 2, values), dims }));
  const bias = { storage: backend.alloc(extent), dims: [extent] };
  let best = Infinity;
  // The first round compiles the kernel and is not counted.
  for (let round = 0; round < 4; round++) {
    const start = performance.now();
    for (let i = 0; i < launches; i++) backend.launch(linear, { x, w, bias, k: extent }, { y });
    await backend.read(y.storage, 1);
    if (round > 0) best = Math.min(best, performance.now() - start);
  }
  for (const { storage } of [x, w, y, bias]) backend.free(storage);
  return (launches * 2 * extent ** 3) / best / 1e6;
}

/** `wasm`, or `gpu:webgpu` where a GPU that is none in name only is faster. `description` says which and why. */
export async function openFastest({ threads }: OpenOptions): Promise<Backend> {
  const wasm = await WasmBackend.open({ threads });
  const gpu = await openGpu();
  if (typeof gpu === 'string') return chosen(wasm, gpu);
  const [own, other] = [await measureGflops(wasm), await measureGflops(gpu)];
  const rates = `wasm ${own.toFixed(0)}, gpu:webgpu ${other.toFixed(0)} GFLOP/s`;
  const [taken, left] = other > own ? [gpu, wasm] : [wasm, gpu];
  await left.close();
  return chosen(taken, `the faster one in a short measurement: ${rates}`);
}

/** A backend on a real GPU, or why there is none. */
async function openGpu(): Promise<Backend | string> {
  try {
    const backend = await (await import('./gpu/webgpu.js')).WebGpuBackend.open();
    if (!backend.isSoftwareAdapter) return backend;
    await backend.close();
    return `no GPU, only ${backend.description}`;
  } catch (error) {
    return `no GPU: ${(error as Error).message}`;
  }
}

/** The backend with the reason for its choice in its description. */
function chosen(backend: Backend, reason: string): Backend {
  return Object.defineProperty(backend, 'description', { value: `${backend.description} (auto: ${reason})` });
}
