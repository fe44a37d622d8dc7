// Ctrl-C, SIGTERM and a terminal that goes away, heard where work must not be lost, nor processes and folders left behind.
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

/** What breaks the work off that is going on. */
let stop: ((name: NodeJS.Signals) => void) | undefined;

/**
 * Runs `work` with an AbortSignal that Ctrl-C, SIGTERM and SIGHUP raise, whose reason is a `Stopped`; a second Ctrl-C or
 * SIGTERM leaves at once. A terminal that goes away sends SIGHUP more than once, or SIGTERM with it: neither is impatient.
 * @param heard called at the first
 */
export async function withSignals<T>(
  work: (signal: AbortSignal) => Promise<T>,
  heard: () => void = () => undefined,
): Promise<T> {
  const controller = new AbortController();
  const { signal } = controller;
  let asked = false;
  const listener = (name: NodeJS.Signals): void => {
    const reason = new Stopped(name);
    const personal = name === 'SIGINT' || name === 'SIGTERM';
    if (personal && asked) process.exit(reason.code);
    asked ||= personal;
    if (signal.aborted) return;
    controller.abort(reason);
    heard();
  };
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const outer = stop;
  stop = listener;
  for (const name of names) process.on(name, listener);
  try {
    return await work(signal);
  } finally {
    for (const name of names) process.off(name, listener);
    stop = outer;
  }
}

/**
 * What a write to a reader that has gone means: the end, once the work that is going on has saved what is done. Where the
 * reader was a terminal (EIO), the work goes on without a word, unless SIGHUP ends it.
 * @throws what is another error
 */
export function readerGone(error: NodeJS.ErrnoException): void {
  if (error.code === 'EIO') process.off('exit', leaveWithoutTerminal).once('exit', leaveWithoutTerminal);
  else if (error.code !== 'EPIPE') throw error;
  else if (stop) stop('SIGPIPE');
  else process.exit(new Stopped('SIGPIPE').code);
}

/** Node sets the terminal back when it exits, and aborts with a core dump where there is none any more. */
const leaveWithoutTerminal = (): void => void process.kill(process.pid, 'SIGHUP');
