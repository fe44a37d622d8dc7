// Which examples a step sees: a fresh permutation each epoch, everything a function of (seed, step) alone.
import { Random } from '../core/index.js';
import type { Batch } from './batch.js';
import type { Example, Examples } from './example.js';
import type { Collates } from './objective.js';

/** The streams of random numbers of a run; each is independent of the others. */
const ORDER = 1;
const MASKS = 2;
const DROPOUT = 3;

/** Deals examples out to batches. Nothing is remembered between steps, so a resumed run goes on with the same batches. */
export class Batches<B extends Batch = Batch, E = Example> {
  private epoch = -1;
  private order = new Uint32Array(0);

  /** @throws if there are no examples, or `size` is no positive integer */
  constructor(
    private readonly examples: Examples<E>,
    private readonly collator: Collates<B, E>,
    /** Sequences in a batch. */
    readonly size: number,
    private readonly seed: number,
  ) {
    if (examples.length === 0) throw new Error('batches: there are no examples. Is the corpus empty?');
    if (!Number.isInteger(size) || size < 1)
      throw new Error(`batches: ${size} sequences a batch; at least 1 is needed.`);
  }

  /** Batches that one pass over the examples takes, the last one rounded up. */
  get perEpoch(): number {
    return Math.ceil(this.examples.length / this.size);
  }

  /** Batch number `index`, from 0. One that an epoch's end cuts goes on with the next epoch. */
  at(index: number): B {
    const places = Array.from({ length: this.size }, (_, i) => this.place(index * this.size + i));
    return this.collator.collate(
      places.map(({ example }) => this.examples.at(example)!),
      (i) => new Random(this.seed, MASKS, places[i].epoch, places[i].example),
    );
  }

  /** Dropout's generator for batch number `index`. */
  dropout(index: number): Random {
    return new Random(this.seed, DROPOUT, index);
  }

  private place(n: number): { epoch: number; example: number } {
    const epoch = Math.floor(n / this.examples.length);
    if (epoch !== this.epoch) {
      this.order = Uint32Array.from({ length: this.examples.length }, (_, i) => i);
      new Random(this.seed, ORDER, epoch).shuffle(this.order);
      this.epoch = epoch;
    }
    return { epoch, example: this.order[n % this.examples.length] };
  }
}
