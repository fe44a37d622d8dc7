// Hands jobs out to child processes, and kills one that hangs or takes too much memory: its input is the fault.
import { fork, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { FoundFault, Job, Report } from './child.js';

export interface WatchOptions {
  /** What is forked: the program that runs `child`. */
  readonly program: string;
  readonly dir: string;
  readonly faults: string;
  /** Seconds that an input may take. */
  readonly limit: number;
}

/** MiB of the JavaScript heap, and bytes of all memory. */
const HEAP = 1024;
const MEMORY = 4 * 2 ** 30;
/** Milliseconds between two looks at a child. */
const LOOK = 250;

type Message = Report | { failed: string } | { ready: true };

/** Why a child was lost, and over which input. */
interface Lost {
  readonly why: string;
  readonly index: number;
}

/** A child process that is made anew when it is lost. */
export class Watched {
  private process: ChildProcess | undefined;
  private readonly slate: string;

  constructor(private readonly options: WatchOptions) {
    mkdirSync(options.dir, { recursive: true });
    this.slate = join(options.dir, 'slate');
  }

  /** Runs a job to its end. Inputs that lose the child twice are faults. */
  async run(job: Job): Promise<Report[]> {
    const result = await this.attempt(job);
    if (!('why' in result)) return [result];
    const { why, index } = result;
    if (job.end - job.from === 1) {
      const saved = await this.attempt({ ...job, known: why });
      return 'why' in saved ? [lostReport(job, why)] : [saved];
    }
    const parts = [
      { ...job, end: index },
      { ...job, from: index, end: index + 1 },
      { ...job, from: index + 1 },
    ];
    const reports: Report[] = [];
    for (const part of parts) if (part.from < part.end) reports.push(...(await this.run(part)));
    return reports;
  }

  close(): void {
    this.process?.kill('SIGKILL');
    rmSync(this.options.dir, { recursive: true, force: true });
  }

  private async attempt(job: Job): Promise<Report | Lost> {
    const child = await this.ready();
    const ended = new Promise<Message | 'crash'>((resolve) => {
      child.once('message', resolve);
      child.once('exit', () => resolve('crash'));
    });
    child.send(job);
    let why: string | undefined;
    let former = '';
    let since = performance.now();
    const timer = setInterval(() => {
      const now = this.readSlate().join();
      if (now !== former) [former, since] = [now, performance.now()];
      if (performance.now() - since > this.options.limit * 1000) why ??= 'hang';
      else if (memoryOf(child) > MEMORY) why ??= 'memory';
      if (why) child.kill('SIGKILL');
    }, LOOK);
    const message = await ended;
    clearInterval(timer);
    child.removeAllListeners();
    if (message === 'crash') {
      this.process = undefined;
      return { why: why ?? 'crash', index: Math.max(job.from, this.readSlate()[0]) };
    }
    if ('failed' in message) throw new Error(`the harness failed: ${message.failed}`);
    if ('ready' in message) throw new Error('a child said twice that it is ready.');
    return message;
  }

  private async ready(): Promise<ChildProcess> {
    if (this.process) return this.process;
    const { program, dir, faults } = this.options;
    const child = fork(program, ['--child', dir, faults, this.slate], {
      execArgv: ['--enable-source-maps', `--max-old-space-size=${HEAP}`],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('exit', (code) => reject(new Error(`a child ended with ${code} before it was ready.`)));
    });
    child.removeAllListeners();
    return (this.process = child);
  }

  /** Number of the input that is being fed, and how many were before it. */
  private readSlate(): Uint32Array {
    const bytes = readFileSync(this.slate);
    return bytes.length < 8 ? new Uint32Array(2) : new Uint32Array(Uint8Array.from(bytes).buffer);
  }
}

/** Resident bytes of a process, where the system tells. */
function memoryOf({ pid }: ChildProcess): number {
  const file = `/proc/${pid}/statm`;
  if (!existsSync(file)) return 0;
  try {
    return Number(readFileSync(file, 'utf8').split(' ')[1]) * 4096;
  } catch {
    return 0;
  }
}

function lostReport({ target, seed, from }: Job, what: string): Report {
  const fault: FoundFault = { target, seed, index: from, what, message: what, kind: `${target}: ${what}`, saved: '' };
  return { inputs: 1, accepted: 0, refused: 0, faults: [fault] };
}
