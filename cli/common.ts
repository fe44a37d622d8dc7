// What several commands share: opening a backend and the flags for that, a word to the user, shell quoting.
import { setBackend } from '../core/index.js';
import { backendNames, openBackend, type Backend, type BackendName } from '../kernels/index.js';
import { UsageError, type Flags } from './flags.js';

export const backendFlags = {
  backend: { type: 'string', choices: ['auto', ...backendNames], preset: 'auto', help: 'where to compute' },
  threads: { type: 'number', least: 1, help: 'threads of the wasm backend (default: all cores)' },
} as const satisfies Flags;

/**
 * Runs `work` with a backend for all new tensors, and closes it afterwards.
 * @throws UsageError if threads are asked for that the backend has not
 */
export async function withBackend<T>(
  { backend: name = 'auto', threads }: { backend?: string; threads?: number },
  work: (backend: Backend) => Promise<T>,
): Promise<T> {
  if (threads !== undefined && name !== 'auto' && name !== 'wasm')
    throw new UsageError(`--threads is for --backend wasm; ${name} has none. Leave it out.`);
  const backend = await openBackend(name as BackendName | 'auto', { threads });
  say(`Computing with ${backend.name}: ${backend.description}.`);
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

/** Words as one would type them into a shell. */
export const shellLine = (words: readonly string[]): string =>
  words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ');
