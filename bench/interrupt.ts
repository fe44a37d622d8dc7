// Ctrl-C and SIGTERM, heard where child processes and temporary folders would otherwise stay behind.
import { constants } from 'node:os';

/**
 * Runs `work` with an AbortSignal that Ctrl-C and SIGTERM raise; a second one leaves at once.
 * @throws after a signal, when `work` has cleared up; the exit code is then the one that shells expect
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const { signal } = controller;
  const stop = (name: NodeJS.Signals): void => {
    process.exitCode = 128 + constants.signals[name];
    if (signal.aborted) process.exit();
    controller.abort(new Error(`bench: stopped by ${name}`));
  };
  const names = ['SIGINT', 'SIGTERM'] as const;
  for (const name of names) process.on(name, stop);
  try {
    const result = await work(signal);
    signal.throwIfAborted();
    return result;
  } finally {
    for (const name of names) process.off(name, stop);
  }
}
