// One training step: forward and backward over micro-batches, gradients reduced, parameters updated, all else freed.
import { backward, dropGradient, scope, type Tensor } from '../core/index.js';
import type { Optimizer } from './optimizer.js';

/**
 * What a forward pass gives: the loss that is minimised, and any other numbers that are worth reporting. The sentence
 * vectors h [B, H], for whoever goes on from them, are no number: they are handed out and not reported.
 */
export type Losses = { readonly loss: Tensor; readonly h?: Tensor } & Readonly<Record<string, Tensor>>;

export interface StepOptions {
  /**
   * Called between backward and update with what is trained: may put other gradients in the place of those that are there
   * (`parameter.grad = ...`), such as their average over machines.
   */
  reduce?: (parameters: ReadonlyMap<string, Tensor>) => void;
}

/** Adds the gradients of a micro-batch to those that are there. Its numbers, weighted as they are. */
function accumulate(batch: () => Losses, weight: number): [name: string, value: Tensor][] {
  return scope(() => {
    const losses = batch();
    backward(losses.loss, weight);
    return Object.entries(losses)
      .filter(([name]) => name !== 'h')
      .map(([name, value]) => [name, value.detach().mul(weight)]);
  });
}

/**
 * One step of an optimizer. Losses of micro-batches are averaged. Returns the averages of their numbers, and
 * `gradientNorm` before clipping; nothing waits but the reading of these.
 */
export function step(
  optimizer: Optimizer,
  microBatches: readonly (() => Losses)[],
  { reduce }: StepOptions = {},
): Promise<Record<string, number>> {
  const { parameters } = optimizer;
  // A step that broke off may have left gradients.
  for (const parameter of parameters.values()) dropGradient(parameter);
  const numbers = scope(() => {
    const sums: Record<string, Tensor> = {};
    for (const batch of microBatches)
      for (const [name, mean] of accumulate(batch, 1 / microBatches.length))
        sums[name] = sums[name] ? sums[name].add(mean) : mean;
    reduce?.(parameters);
    sums.gradientNorm = optimizer.update();
    return Object.entries(sums).map(([name, value]) => value.item().then((number) => [name, number] as const));
  });
  return Promise.all(numbers).then((entries) => Object.fromEntries(entries));
}
