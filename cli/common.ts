// What several commands share: opening a backend, and the flags for that.
import { setBackend } from '../core/index.js';
import { UsageError } from './flags.js';
import { openBackend, type Backend, type BackendName } from '../kernels/index.js';

export const backendFlags = {
  backend: {
    type: 'string',
    value: 'NAME',
    preset: 'auto',
    help: 'auto, wasm, gpu:webgpu, gpu:webasm, gpu:cpu or reference',
  },
  threads: { type: 'number', help: 'threads of the wasm backend (default all cores)' },
} as const;

/** Runs `work` with a backend for all new tensors, and closes it afterwards. */
export async function withBackend<T>(
  { backend: name = 'auto', threads }: { backend?: string; threads?: number },
  say: (text: string) => void,
  work: (backend: Backend) => Promise<T>,
): Promise<T> {
  const backend = await openBackend(name as BackendName | 'auto', { threads });
  say(`Backend ${backend.name}: ${backend.description}.`);
  const former = setBackend(backend);
  try {
    return await work(backend);
  } finally {
    setBackend(former);
    await backend.close();
  }
}

/** Prints a line for people: to stderr, so that --json has stdout for itself. */
export const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** A flag that a command cannot do without. */
export function required<T>(value: T | undefined, flag: string, what: string): T {
  if (value === undefined) throw new UsageError(`--${flag} is missing: ${what}. See --help.`);
  return value;
}
