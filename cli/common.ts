// What several commands share: opening a backend and the flags for that, a look at what is to be written, a word to the user.
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setBackend } from '../core/index.js';
import { backendNames, openBackend, type Backend, type BackendName } from '../kernels/index.js';
import { SPLITS, writeError, type CorpusOptions, type Split } from '../data/index.js';
import { rules } from '../retromae/index.js';
import { UsageError, type Flags, type Values } from './flags.js';
import { withSignals, type Stopped } from './signals.js';

export const backendFlags = {
  backend: { type: 'string', choices: ['auto', ...backendNames], preset: 'auto', help: 'where to compute' },
  threads: { type: 'number', rule: rules.integer(1), help: 'threads of the wasm backend (default: all cores)' },
} as const satisfies Flags;

/** How the rows of a corpus are read. */
export const corpusFlags = {
  field: {
    type: 'string',
    value: 'NAME',
    help: 'field that holds the text (default: text, contents, body or the like)',
  },
  split: {
    type: 'string',
    choices: SPLITS,
    preset: 'auto',
    help: 'what a document of a .txt file is; auto: a paragraph if there are blank lines, else a line',
  },
  'max-bad-lines': {
    type: 'number',
    rule: rules.integer(0),
    preset: 100,
    help: 'lines that may be malformed and are left out',
  },
} as const satisfies Flags;

/** What these flags say, and warnings to the user. */
export const corpusOptions = (given: Values<typeof corpusFlags>): CorpusOptions => ({
  field: given.field,
  split: given.split as Split | undefined,
  maxBadLines: given['max-bad-lines'],
  onWarning: say,
});

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

/** Finds out before hours are spent on what goes there. @throws WriteError */
export async function checkWritable(file: string): Promise<void> {
  try {
    if ((await stat(file).catch(() => undefined))?.isDirectory())
      throw Object.assign(new Error('a folder'), { code: 'EISDIR' });
    await access(dirname(resolve(file)), constants.W_OK);
  } catch (error) {
    throw writeError(file, error);
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

/** The line that goes on with a run. */
export const resumeLine = (command: string, out: string): string =>
  shellLine(['retromae', command, '--resume', '--out', out]);

/** Says where a run was left, and how to go on. */
export const sayLeft = (command: string, out: string, { step, steps }: { step: number; steps: number }): void =>
  say(`Saved at step ${step} of ${steps} in ${join(out, 'checkpoints')}. Go on with: ${resumeLine(command, out)}`);

/**
 * Runs `work` until Ctrl-C or SIGTERM.
 * @param work says whether it came to its end; if not, the exit code is the one that shells expect of the signal
 */
export function untilSignal(work: (signal: AbortSignal) => Promise<boolean>): Promise<void> {
  const attempt = async (signal: AbortSignal): Promise<void> => {
    try {
      if (await work(signal)) return;
    } catch (error) {
      if (error !== signal.reason || !signal.aborted) throw error;
      say('Stopped before the first step.');
    }
    process.exitCode = (signal.reason as Stopped).code;
  };
  return withSignals(attempt, () => say('\nStopping, and saving what is done; once more to leave at once.'));
}

/** Whether work that writes one file came to its end; if Ctrl-C stopped it, the exit code is the one that shells expect. */
export async function untilStopped(work: (signal: AbortSignal) => Promise<void>): Promise<boolean> {
  return withSignals(
    async (signal) => {
      try {
        await work(signal);
        return true;
      } catch (error) {
        if (!signal.aborted) throw error;
        process.exitCode = (signal.reason as Stopped).code;
        return false;
      }
    },
    () => say('\nStopping; nothing is written. Once more to leave at once.'),
  );
}
