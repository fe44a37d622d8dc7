// Reverse-mode differentiation: iterative, freeing as it goes, adding up where a tensor was used more than once.
import { scope } from './lifetime.js';
import { noGrad, type TapeEntry } from './tape.js';
import { ones, type Tensor } from './tensor.js';
import { sameShape, show } from './shape.js';

/** Every tape entry that `root` depends on, last recorded first: users before what they use. */
function inReverse(root: TapeEntry): TapeEntry[] {
  const found = new Set<TapeEntry>([root]);
  for (const entry of found) for (const parent of entry.parents) if (parent) found.add(parent);
  return [...found].sort((a, b) => b.order - a.order);
}

/** A gradient on its way: holds a reference to its memory until it is used. */
class Pending {
  private sum: Tensor | undefined;

  add(gradient: Tensor): void {
    const sum = this.sum ? this.sum.add(gradient) : gradient;
    sum.buffer.retain();
    this.sum?.buffer.release();
    this.sum = sum;
  }

  use<T>(work: (gradient: Tensor) => T): T | undefined {
    if (!this.sum) return undefined;
    const result = work(this.sum);
    this.sum.buffer.release();
    return result;
  }
}

/**
 * Computes the gradients of `loss` times `seed` for every leaf it depends on and hands each contribution to `sink`.
 * The tape is spent: what was kept for the gradient is freed as it is used.
 */
function propagate(loss: Tensor, seed: Tensor, sink: (leaf: Tensor, gradient: Tensor) => void): void {
  if (loss.requiresGrad) sink(loss, seed);
  if (!loss.record) {
    if (!loss.requiresGrad) throw new Error('backward: the tensor depends on nothing that requires a gradient.');
    return;
  }
  const pending = new Map<TapeEntry, Pending>([[loss.record, new Pending()]]);
  pending.get(loss.record)!.add(seed);
  for (const entry of inReverse(loss.record)) {
    if (entry.spent)
      throw new Error(
        `backward: the tape of ${entry.name} is spent. Call backward once, in the scope of the forward pass.`,
      );
    scope(() => {
      pending.get(entry)?.use((dy) => {
        const pullback = entry.pullback(dy);
        for (const [name, input] of Object.entries(entry.inputs)) {
          if (!input.tracked) continue;
          const gradient = pullback[name]?.();
          if (!gradient) continue;
          if (!sameShape(gradient.shape, input.shape))
            throw new Error(
              `${entry.name}: the gradient of ${name} is ${show(gradient.shape)}, not ${show(input.shape)}`,
            );
          if (input.requiresGrad) sink(input, gradient);
          if (input.record) {
            if (!pending.has(input.record)) pending.set(input.record, new Pending());
            pending.get(input.record)!.add(gradient);
          }
        }
      });
    });
    pending.delete(entry);
    entry.drop();
  }
}

const seedOf = (loss: Tensor, weight: number): Tensor => {
  if (loss.size !== 1)
    throw new Error(`backward: the loss is ${show(loss.shape)}; it must be one number. Reduce it first.`);
  return ones(loss.shape, { backend: loss.backend }).mul(weight);
};

/**
 * Adds the gradient of `weight` times `loss` (one number) to `grad` of every leaf made with `requiresGrad`.
 * Gradients belong to whoever takes them from there: see `takeGradient`.
 */
export function backward(loss: Tensor, weight = 1): void {
  noGrad(() =>
    scope(() =>
      propagate(loss, seedOf(loss, weight), (leaf, gradient) => {
        const sum = leaf.grad ? leaf.grad.add(gradient) : gradient;
        sum.buffer.retain();
        leaf.grad?.buffer.release();
        leaf.grad = sum;
      }),
    ),
  );
}

/** Hands `leaf.grad` to `use` and lets go of it; undefined where there is none. */
export function takeGradient<T>(leaf: Tensor, use: (gradient: Tensor) => T): T | undefined {
  const { grad } = leaf;
  if (!grad) return undefined;
  const result = use(grad);
  leaf.grad = undefined;
  grad.buffer.release();
  return result;
}

/**
 * The vector-Jacobian product: gradients of sum(y * seed) for the given leaves, undefined where y does not depend on one.
 * They live in the current scope; `grad` of the leaves is left alone.
 */
export function vjp(y: Tensor, seed: Tensor, leaves: readonly Tensor[]): (Tensor | undefined)[] {
  return noGrad(() =>
    scope(() => {
      const sums = new Map<Tensor, Pending>();
      propagate(y, seed, (leaf, gradient) => {
        if (!sums.has(leaf)) sums.set(leaf, new Pending());
        sums.get(leaf)!.add(gradient);
      });
      return leaves.map((leaf) => sums.get(leaf)?.use((gradient) => gradient.add(0)));
    }),
  );
}
