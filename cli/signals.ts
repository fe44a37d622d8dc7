// Ctrl-C and SIGTERM, heard where work must not be lost, nor child processes and temporary folders left behind.
import { constants } from 'node:os';

/** Why work was broken off. */
export class Stopped extends Error {
  /** The exit code that shells expect of the signal. */
  readonly code: number;

  constructor(name: NodeJS.Signals) {
    super(`stopped by ${name}`);
    this.code = 128 + constants.signals[name];
  }
}

/**
 * Runs `work` with an AbortSignal that Ctrl-C and SIGTERM raise, whose reason is a `Stopped`; a second one leaves at once.
 * @param heard called at the first
 */
export async function withSignals<T>(
  work: (signal: AbortSignal) => Promise<T>,
  heard: () => void = () => undefined,
): Promise<T> {
  const controller = new AbortController();
  const { signal } = controller;
  const stop = (name: NodeJS.Signals): void => {
    const reason = new Stopped(name);
    if (signal.aborted) process.exit(reason.code);
    heard();
    controller.abort(reason);
  };
  const names = ['SIGINT', 'SIGTERM'] as const;
  for (const name of names) process.on(name, stop);
  try {
    return await work(signal);
  } finally {
    for (const name of names) process.off(name, stop);
  }
}
