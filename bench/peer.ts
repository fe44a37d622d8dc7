// A contender as a child process, spoken to in lines of JSON.
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Answer, Job, Ready } from './protocol.js';

export interface Program {
  command: string;
  args: readonly string[];
  env?: Readonly<Record<string, string>>;
}

/** Longest wait for an answer; the slowest peer known takes 33 s a step. */
const PATIENCE_MS = 300_000;

export class Peer {
  #waiting: { resolve: (line: string) => void; reject: (error: Error) => void } | undefined;
  #ended: Error | undefined;
  #stderr = '';
  readonly #closed: Promise<unknown>;

  private constructor(
    private readonly name: string,
    private readonly child: ChildProcess,
  ) {
    child.once('error', (error) => this.end(error.message));
    this.#closed = new Promise((resolve) => child.once('close', resolve));
    // Not 'exit', after which the last words may still be on their way.
    child.once('close', (code, signal) => this.end(`ended with ${signal ?? `exit code ${code}`}`));
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.#stderr = (this.#stderr + text).slice(-4000)));
    child.stdin!.on('error', () => undefined);
    createInterface({ input: child.stdout! }).on('line', (line) => {
      // Libraries greet on standard output.
      if (line.startsWith('{')) this.#waiting?.resolve(line);
    });
  }

  /**
   * Starts a program and gives it its job.
   * @param signal ends it
   * @throws naming the program and what it said last, if it does not become ready
   */
  static async start(
    name: string,
    { command, args, env }: Program,
    job: Job,
    signal?: AbortSignal,
  ): Promise<{ peer: Peer; about: Ready }> {
    const options = { stdio: 'pipe', env: { ...process.env, ...env }, signal, killSignal: 'SIGKILL' } as const;
    const peer = new Peer(name, spawn(command, args, options));
    try {
      return { peer, about: await peer.ask<Ready>(job) };
    } catch (error) {
      await peer.close();
      throw error;
    }
  }

  /** One step, the n-th. @throws as `start` */
  step(n: number): Promise<Answer> {
    return this.ask<Answer>({ step: n });
  }

  /** Ends the program. */
  async close(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.#closed;
  }

  private async ask<T extends object>(message: object): Promise<T> {
    if (this.#ended) throw this.#ended;
    let timer: NodeJS.Timeout | undefined;
    try {
      const line = await new Promise<string>((resolve, reject) => {
        this.#waiting = { resolve, reject };
        timer = setTimeout(() => reject(this.failure(`no answer in ${PATIENCE_MS / 1000} s`)), PATIENCE_MS);
        this.child.stdin!.write(`${JSON.stringify(message)}\n`);
      });
      const answer = JSON.parse(line) as T | { error: string };
      if ('error' in answer) throw this.failure(answer.error);
      return answer;
    } finally {
      clearTimeout(timer);
      this.#waiting = undefined;
    }
  }

  private end(what: string): void {
    const lines = this.#stderr.trim().split('\n');
    // After an error, Node goes on about its stack and its version.
    const last = lines.findLast((line) => /Error\b/.test(line)) ?? lines.at(-1);
    this.#ended ??= this.failure(last ? `${what}: ${last}` : what);
    this.#waiting?.reject(this.#ended);
  }

  private failure(what: string): Error {
    return new Error(`${this.name}: ${what}`);
  }
}
