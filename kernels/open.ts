// Opens a backend by its name; `auto` measures and says what it took.
import { backendNames, type Backend, type BackendName, type Dtype } from './backend.js';

export interface OpenOptions {
  /** Threads of `wasm`, the calling one included. If not given: all processors, and 1 where threads can share no memory. */
  threads?: number;
  /** Precision; 'float64' is for `reference` only. */
  dtype?: Dtype;
}

/** Each loads its own code only when it is asked for. */
const openers: Record<BackendName, (options: OpenOptions) => Promise<Backend>> = {
  reference: async ({ dtype }) => new (await import('./reference.js')).ReferenceBackend(dtype),
  'gpu:cpu': async () => new (await import('./gpu/gpujs.js')).GpuJsBackend('cpu'),
  'gpu:webasm': async () => new (await import('./gpu/gpujs.js')).GpuJsBackend('webasm'),
  'gpu:webgpu': async () => (await import('./gpu/webgpu.js')).WebGpuBackend.open(),
  wasm: async ({ threads }) => (await import('./wasm/backend.js')).WasmBackend.open({ threads }),
};

/**
 * Opens the backend of that name, or the one that `auto` chooses: `wasm`, unless a real GPU is there and faster.
 * Throws where the name is unknown, where the backend cannot run here (saying what to add), and where it lacks the dtype.
 * The caller closes it.
 */
export async function openBackend(name: BackendName | 'auto' = 'auto', options: OpenOptions = {}): Promise<Backend> {
  if (options.dtype === 'float64' && name !== 'reference')
    throw new Error(`backend ${name}: computes in float32 only; float64 needs the backend reference`);
  if (name === 'auto') return (await import('./auto.js')).openFastest(options);
  if (!Object.hasOwn(openers, name))
    throw new Error(`backend ${String(name)}: unknown; choose one of auto, ${backendNames.join(', ')}`);
  return openers[name](options);
}
