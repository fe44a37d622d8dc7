// Batches made ahead in worker threads, so that the training loop finds them ready: the bits of those it would make.
import { Worker } from 'node:worker_threads';
import type { Batch } from '../retromae/index.js';

/** What a worker sends: what became of the batch that it was asked for. */
export type Answer<B extends Batch = Batch> = { index: number; batch: B } | { index: number; error: Error };

/** What makes the same batches in another thread. */
export interface BatchWorker {
  /** Name of the worker's program in the build, without its ending. */
  readonly program: string;
  /** What it is told: all that its batches are a function of, as plain data. */
  readonly recipe: object;
}

/** Which batches there will be. */
export interface PrefetchRange {
  /** Number of the first batch. */
  first: number;
  /** One more than the number of the last. */
  end: number;
  /** Batches that are taken at once, those of a step; 1 if not given. */
  together?: number;
  /** Worker threads; with 0, every batch is made when it is taken. */
  workers: number;
}

/** Batches that each worker makes ahead of the one that is needed now. */
const AHEAD = 4;

/** Seen from the folder of this module in the build, dist/chunks or dist/node. */
const programOf = (name: string): URL => new URL(`../node/${name}.js`, import.meta.url);

/**
 * Deals out batches in order. A worker makes only what it was asked for, and it is asked for one more whenever one is
 * taken, so the queue is bounded, and there is nothing to stop when the run does.
 */
export class Prefetch<B extends Batch = Batch> {
  private readonly workers: readonly Worker[];
  private readonly arrived = new Map<number, Answer<B>>();
  private readonly end: number;
  private readonly together: number;
  /** Number of the next batch that is taken, and of the next that a worker is asked for. */
  private next: number;
  private asked: number;
  private lost: Error | undefined;
  private wake: (() => void) | undefined;

  /**
   * Starts the workers, which begin with the first batches. To be closed: they keep the process alive.
   * @param batches makes the batches if there are no workers
   * @param worker what makes the same ones
   */
  constructor(
    private readonly batches: { at(index: number): B },
    private readonly worker: BatchWorker,
    { first, end, together = 1, workers }: PrefetchRange,
  ) {
    this.next = this.asked = first;
    this.end = end;
    this.together = together;
    this.workers = Array.from({ length: Math.min(workers, end - first) }, () => this.start());
    this.ask();
  }

  /** Waits until all batches that were asked for are here: then the first step neither waits nor shares the machine. */
  async filled(): Promise<void> {
    while (this.next + this.held < this.asked && !this.lost) await this.answer();
  }

  /** Batches that are ready and were not taken. */
  get held(): number {
    return this.arrived.size;
  }

  /**
   * The next batch. To be awaited before it is called again.
   * @throws what making it threw, here or in a worker, after all batches before it were dealt out; or why a worker died
   */
  async take(): Promise<B> {
    const index = this.next;
    if (index >= this.end)
      throw new Error(`prefetch: batch ${index} was taken, expected those up to ${this.end - 1}. Give a later end.`);
    this.ask();
    this.next++;
    if (this.workers.length === 0 && !this.lost) return this.batches.at(index);
    while (!this.arrived.has(index)) {
      if (this.lost) throw this.lost;
      await this.answer();
    }
    const answer = this.arrived.get(index)!;
    this.arrived.delete(index);
    if ('error' in answer) throw answer.error;
    return answer.batch;
  }

  /** Ends the workers, whatever they are at. */
  async close(): Promise<void> {
    this.lose(new Error('prefetch: it was closed. Open another one.'));
    await Promise.all(this.workers.map((worker) => worker.terminate()));
  }

  private start(): Worker {
    // Flags of this process, a profiler's for instance, are not meant for its workers.
    const worker = new Worker(programOf(this.worker.program), { workerData: this.worker.recipe, execArgv: [] });
    worker.on('message', (answer: Answer<B>) => this.receive(answer));
    worker.on('error', (error) => this.lose(error));
    worker.on('exit', (code) =>
      this.lose(new Error(`prefetch: a worker that makes batches ended with code ${code}. Try --workers 0.`)),
    );
    return worker;
  }

  private receive(answer: Answer<B>): void {
    this.arrived.set(answer.index, answer);
    this.wake?.();
  }

  /** Waits for the next thing that a worker says. */
  private answer(): Promise<void> {
    return new Promise((resolve) => (this.wake = resolve));
  }

  private ask(): void {
    const { workers } = this;
    if (workers.length === 0) return;
    const end = Math.min(this.end, this.next + this.together + AHEAD * workers.length);
    for (; this.asked < end; this.asked++) workers[this.asked % workers.length].postMessage(this.asked);
  }

  private lose(error: Error): void {
    this.lost ??= error;
    this.wake?.();
  }
}
