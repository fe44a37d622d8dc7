// One training step: forward and backward over micro-batches, gradients reduced, parameters updated, all else freed.
import { backward, dropGradient, scope, type Tensor } from '../core/index.js';
import type { Optimizer } from './optimizer.js';

/**
 * What a forward pass gives: the loss that is minimised, and any other numbers that are worth reporting. The sentence
 * vectors h [B, H], for whoever goes on from them, are no number: they are handed out and not reported.
 */
export type Losses = { readonly loss: Tensor; readonly h?: Tensor } & Readonly<Record<string, Tensor>>;

/** A part of a micro-batch: its share of the losses, and what to go back from, which the batch's weight is in already. */
export interface Part {
  readonly losses: Readonly<Record<string, Tensor>>;
  readonly root?: Tensor;
}

/** A micro-batch in parts: each is gone back from, and freed, before the next is computed. */
export interface Parted {
  parts(weight: number): Iterable<() => Part>;
}

/** What is computed of a micro-batch. */
export type MicroBatch = (() => Losses) | Parted;

/** What a step says of itself: averages of what `Losses` reports, and the gradients' global norm before clipping. */
export type StepNumbers = { loss: number; gradientNorm: number } & Record<string, number>;

export interface StepOptions {
  /**
   * Called between backward and update with what is trained: may put other gradients in the place of those that are there
   * (`parameter.grad = ...`), such as their average over machines. Where it returns a promise, as it must to read gradients,
   * the update waits for that, and whoever calls `step` waits for the step before the next. What it makes is freed when it
   * returns, and an asynchronous one returns at its first `await`: tensors that it makes later, it makes in a `scope`.
   */
  reduce?: (parameters: ReadonlyMap<string, Tensor>) => void | Promise<void>;
}

type Numbers = readonly (readonly [name: string, value: Tensor])[];

/** Goes back from a part. Its numbers, weighted. */
const back = (part: () => Part, weight: number): Numbers =>
  scope(() => {
    const { losses, root } = part();
    if (root) backward(root);
    const reported = Object.entries(losses).filter(([name]) => name !== 'h');
    return reported.map(([name, value]) => [name, value.detach().mul(weight)] as const);
  });

/** Goes forward and back over all micro-batches. The averages of their numbers. */
function accumulateAll(microBatches: readonly MicroBatch[]): Record<string, Tensor> {
  const weight = 1 / microBatches.length;
  const sums: Record<string, Tensor> = {};
  for (const batch of microBatches)
    for (const part of typeof batch === 'function' ? [whole(batch, weight)] : batch.parts(weight))
      for (const [name, value] of back(part, weight)) sums[name] = sums[name] ? sums[name].add(value) : value;
  return sums;
}

/** A micro-batch as its only part. */
const whole = (batch: () => Losses, weight: number) => (): Part => {
  const losses = batch();
  return { losses, root: losses.loss.mul(weight) };
};

/** Launches `work` in a scope, and the reading of what comes of it: nothing of it is left when this returns. */
const reading = (work: () => Record<string, Tensor>): Promise<[name: string, value: number][]> =>
  Promise.all(
    scope(() =>
      Object.entries(work()).map(async ([name, value]): Promise<[string, number]> => [name, await value.item()]),
    ),
  );

/**
 * One step of an optimizer. Losses of micro-batches are averaged. Nothing waits but the reading of the numbers: all is
 * launched when this returns, unless `reduce` is asynchronous.
 * @throws if there is no micro-batch
 */
export function step(
  optimizer: Optimizer,
  microBatches: readonly MicroBatch[],
  { reduce }: StepOptions = {},
): Promise<StepNumbers> {
  const { parameters } = optimizer;
  if (microBatches.length === 0) throw new Error('step: there is no micro-batch. Give at least one.');
  // A step that broke off may have left gradients.
  for (const parameter of parameters.values()) dropGradient(parameter);
  const means = reading(() => accumulateAll(microBatches));
  const update = () => reading(() => ({ gradientNorm: optimizer.update() }));
  // In an object, for a scope refuses a promise: it ends before that.
  const { reduced } = scope(() => ({ reduced: reduce?.(parameters) }));
  const norm = reduced instanceof Promise ? reduced.then(update) : update();
  return Promise.all([means, norm]).then((numbers) => Object.fromEntries(numbers.flat()) as StepNumbers);
}
