// Batches made ahead in worker threads, so that the training loop finds them ready: the bits of those it would make.
import { Worker } from 'node:worker_threads';
import type { BatchRecipe } from './batch-recipe.js';
import type { Batch } from './batch.js';

/** What a worker sends: that it can be asked, or what became of the batch that it was asked for. */
export type Answer = 'ready' | { index: number; batch: Batch } | { index: number; error: Error };

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
const WORKER = new URL('../node/batch-worker.js', import.meta.url);

/**
 * Deals out batches in order. A worker makes only what it was asked for, and it is asked for one more whenever one is
 * taken, so the queue is bounded, and there is nothing to stop when the run does. Workers are started when the first step is
 * done, which they would slow down, and until they are up, batches are made here.
 */
export class Prefetch {
  private workers: readonly Worker[] = [];
  private readonly arrived = new Map<number, Exclude<Answer, 'ready'>>();
  /** Where the second step begins. */
  private readonly second: number;
  private readonly end: number;
  private readonly together: number;
  /** Number of the next batch that is taken, and of the next that a worker is asked for. */
  private next: number;
  private asked = Infinity;
  /** The batches from here on are the workers'. */
  private from = Infinity;
  private starting: number;
  private lost: Error | undefined;
  private wake: (() => void) | undefined;

  /**
   * Starts nothing yet: the workers come with the second step. To be closed: they keep the process alive.
   * @param batches makes the batches that workers do not
   * @param recipe what `batches` was made of
   */
  constructor(
    private readonly batches: { at(index: number): Batch },
    private readonly recipe: BatchRecipe,
    { first, end, together = 1, workers }: PrefetchRange,
  ) {
    this.next = first;
    this.second = first + together;
    this.end = end;
    this.together = together;
    this.starting = workers;
  }

  /** Whether not all workers are up yet, so that batches are made here. */
  get isStarting(): boolean {
    return this.starting > 0;
  }

  /** Batches that are ready and were not taken. */
  get held(): number {
    return this.arrived.size;
  }

  /**
   * The next batch. To be awaited before it is called again.
   * @throws what making it threw, here or in a worker, after all batches before it were dealt out; or why a worker died
   */
  async take(): Promise<Batch> {
    const index = this.next++;
    if (index >= this.end)
      throw new Error(`prefetch: batch ${index} was taken, expected those up to ${this.end - 1}. Give a later end.`);
    if (index === this.second) this.workers = Array.from({ length: this.starting }, () => this.start());
    if (index < this.from && !this.lost) return this.batches.at(index);
    this.ask();
    while (!this.arrived.has(index)) {
      if (this.lost) throw this.lost;
      await new Promise<void>((resolve) => (this.wake = resolve));
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
    const worker = new Worker(WORKER, { workerData: this.recipe, execArgv: [] });
    worker.on('message', (answer: Answer) => this.receive(answer));
    worker.on('error', (error) => this.lose(error));
    worker.on('exit', (code) =>
      this.lose(new Error(`prefetch: a worker that makes batches ended with code ${code}. Try --workers 0.`)),
    );
    return worker;
  }

  private receive(answer: Answer): void {
    if (answer !== 'ready') this.arrived.set(answer.index, answer);
    else if (--this.starting === 0) {
      // The step that comes now still finds none ready.
      this.from = this.asked = this.next + this.together;
      this.ask();
    }
    this.wake?.();
  }

  private ask(): void {
    const { workers } = this;
    const end = Math.min(this.end, this.next - 1 + this.together + AHEAD * workers.length);
    for (; this.asked < end; this.asked++) workers[this.asked % workers.length].postMessage(this.asked);
  }

  private lose(error: Error): void {
    this.lost ??= error;
    this.wake?.();
  }
}
