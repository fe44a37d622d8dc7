// The tape: what an operation keeps so that its gradient can be computed later.
import type { Ids } from './host.js';
import { record, type Recorded } from './lifetime.js';
import type { Tensor } from './tensor.js';

/** How to compute the gradient of an input. */
export interface Rule {
  /**
   * The gradient. Where others came before and nobody else holds their sum, it is given that sum: a rule that can add to it
   * in place does so and returns it; all others return the gradient alone and are added up.
   */
  dense(sum?: Tensor): Tensor;
  /** Where the gradient is rows of a table added up by id: whoever can work on these needs no dense one. */
  readonly byId?: { readonly dy: () => Tensor; readonly ids: Ids };
}

/** Gradients of an operation's inputs, each computed only if it is wanted: by a rule, or a function that is all of one. */
export type Pullback<I extends string = string> = Partial<Record<I, Rule | (() => Tensor)>>;

/** What a pullback says of an input, as a rule. */
export const asRule = (given: Rule | (() => Tensor)): Rule => (typeof given === 'function' ? { dense: given } : given);

/** Takes the rule of a part of the gradient of a tensor: one made with `requiresGrad`, or one that is on the tape. */
export type Receive = (tensor: Tensor, rule: Rule) => void;

let recording = true;
let count = 0;

/**
 * Runs `work` without recording: nothing in it can be differentiated, and nothing is kept for that. It ends when `work`
 * returns, so what an asynchronous function does after its first `await` is recorded.
 */
export const noGrad = <T>(work: () => T): T => withRecording(false, work);

/** Runs `work` with the tape switched on or off. */
export function withRecording<T>(on: boolean, work: () => T): T {
  const former = recording;
  recording = on;
  try {
    return work();
  } finally {
    recording = former;
  }
}

export const isRecording = (): boolean => recording;

/** The `order` of the next entry. */
export const tapeLength = (): number => count;

/** Whether an operation on these inputs goes on the tape. */
export const records = (inputs: Iterable<Tensor>): boolean => recording && [...inputs].some((input) => input.tracked);

export class TapeEntry implements Recorded {
  /** Grows with every entry: sorting by it is a topological order. */
  readonly order = count++;
  private kept: readonly Tensor[] | undefined;

  constructor(
    readonly name: string,
    readonly inputs: Readonly<Record<string, Tensor>>,
    kept: readonly Tensor[],
    /** The gradients of the inputs, given that of the output; those that it hands to `receive` itself are left out. */
    readonly pullback: (dy: Tensor, receive: Receive) => Pullback,
  ) {
    this.kept = kept;
    for (const { buffer } of kept) buffer.retain();
    record(this);
  }

  get parents(): readonly (TapeEntry | undefined)[] {
    return Object.values(this.inputs).map((input) => input.record);
  }

  /** Whether the gradient was already taken (or the scope of the forward pass has ended). */
  get spent(): boolean {
    return this.kept === undefined;
  }

  drop(): void {
    for (const { buffer } of this.kept ?? []) buffer.release();
    this.kept = undefined;
  }
}
