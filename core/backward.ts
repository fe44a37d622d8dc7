// Reverse-mode differentiation: iterative, freeing as it goes, adding up where a tensor was used more than once.
import { scope } from './lifetime.js';
import { addTo } from '../kernels/library/index.js';
import { flat, update } from './op.js';
import { noGrad, type Receive, type Rule, type TapeEntry } from './tape.js';
import { ones, type Tensor } from './tensor.js';
import { sameShape, show } from './shape.js';

/** Every tape entry that `root` depends on, last recorded first: users before what they use. */
export function inReverse(root: TapeEntry): TapeEntry[] {
  const found = new Set<TapeEntry>([root]);
  for (const entry of found) for (const parent of entry.parents) if (parent) found.add(parent);
  return [...found].sort((a, b) => b.order - a.order);
}

/** Adds what a rule gives to the sum so far, which was retained; the result is retained in its place. */
function accumulate(former: Tensor | undefined, rule: Rule): Tensor {
  const open = former?.isContiguous && former.buffer.exclusive ? former : undefined;
  const gradient = rule(open);
  if (gradient === open) return gradient;
  if (open) return update(addTo, open, { x: flat(gradient) });
  const sum = former ? former.add(gradient) : gradient;
  sum.buffer.retain();
  former?.buffer.release();
  return sum;
}

/** Gradients on their way, added up by what they belong to; holds a reference to their memory until they are dropped. */
class Sums<K> {
  private readonly sums = new Map<K, Tensor>();

  add(key: K, rule: Rule): void {
    this.sums.set(key, accumulate(this.sums.get(key), rule));
  }

  get(key: K): Tensor | undefined {
    return this.sums.get(key);
  }

  drop(key: K): void {
    this.sums.get(key)?.buffer.release();
    this.sums.delete(key);
  }

  dropAll(): void {
    for (const key of this.sums.keys()) this.drop(key);
  }
}

/** Hands on how to compute the gradients of an entry's inputs, given that of its output. */
function pull(entry: TapeEntry, dy: Tensor, receive: Receive): void {
  const pullback = entry.pullback(dy, receive);
  for (const [name, input] of Object.entries(entry.inputs)) {
    const rule = pullback[name];
    if (!input.tracked || !rule) continue;
    const checked = (sum?: Tensor) => {
      const gradient = rule(sum);
      if (!sameShape(gradient.shape, input.shape))
        throw new Error(`${entry.name}: the gradient of ${name} is ${show(gradient.shape)}, not ${show(input.shape)}.`);
      return gradient;
    };
    receive(input, Object.assign(checked, { rows: rule.rows }));
  }
}

/**
 * Computes the gradients of `loss` times `seed` for every leaf it depends on and hands the rule of each contribution to `sink`.
 * The tape is spent: what was kept for the gradient is freed as it is used.
 */
export function propagate(loss: Tensor, seed: Tensor, sink: Receive): void {
  if (loss.requiresGrad) sink(loss, () => seed);
  if (!loss.record) {
    if (!loss.requiresGrad)
      throw new Error('backward: the tensor depends on nothing that requires a gradient. Was it detached?');
    return;
  }
  const pending = new Sums<TapeEntry>();
  try {
    pending.add(loss.record, () => seed);
    for (const entry of inReverse(loss.record)) {
      if (entry.spent)
        throw new Error(
          `backward: the tape of ${entry.name} is spent. Call backward once, in the scope of the forward pass.`,
        );
      const dy = pending.get(entry);
      if (dy)
        scope(() =>
          pull(entry, dy, (input, rule) => {
            if (input.record) pending.add(input.record, rule);
            else sink(input, rule);
          }),
        );
      pending.drop(entry);
      entry.drop();
    }
  } finally {
    pending.dropAll();
  }
}

const seedOf = (loss: Tensor, weight: number): Tensor => {
  if (loss.size !== 1)
    throw new Error(`backward: the loss is ${show(loss.shape)}; it must be one number. Reduce it first.`);
  return ones(loss.shape, { backend: loss.backend }).mul(weight);
};

/**
 * Adds a contribution to the gradient of a leaf. Rows by id stay as they are where nothing else has come yet: whoever reads
 * `leaf.grad` has them added up, and the optimizer need not. They must be fewer than the table's, or they would be the more
 * memory and traffic.
 */
function deposit(leaf: Tensor, rule: Rule): void {
  const { rows } = rule;
  if (rows && rows.ids.length < leaf.shape[0] && !leaf.rowGradient && !leaf.grad) {
    const dy = rows.dy();
    dy.buffer.retain();
    leaf.rowGradient = { dy, ids: rows.ids };
  } else leaf.grad = accumulate(leaf.grad, rule);
}

/**
 * Adds the gradient of `weight` times `loss` (one number) to `grad` of every leaf made with `requiresGrad`.
 * What is there already may be added to in place. Gradients belong to whoever takes them from there: see `takeGradient`.
 */
export function backward(loss: Tensor, weight = 1): void {
  noGrad(() => scope(() => propagate(loss, seedOf(loss, weight), deposit)));
}

/** Hands `leaf.grad` to `use` and lets go of it; undefined where there is none. */
export function takeGradient<T>(leaf: Tensor, use: (gradient: Tensor) => T): T | undefined {
  const { grad } = leaf;
  if (!grad) return undefined;
  const result = use(grad);
  dropGradient(leaf);
  return result;
}

/** Lets go of the gradient of a leaf, if there is one, without looking at it. */
export function dropGradient(leaf: Tensor): void {
  if (!leaf.rowGradient) leaf.grad?.buffer.release();
  leaf.grad = undefined;
}

/**
 * The vector-Jacobian product: gradients of sum(y * seed) for the given leaves, undefined where y does not depend on one.
 * They live in the current scope; `grad` of the leaves is left alone.
 */
export function vjp(y: Tensor, seed: Tensor, leaves: readonly Tensor[]): (Tensor | undefined)[] {
  return noGrad(() =>
    scope(() => {
      const sums = new Sums<Tensor>();
      try {
        propagate(y, seed, (leaf, rule) => sums.add(leaf, rule));
        return leaves.map((leaf) => sums.get(leaf)?.add(0));
      } finally {
        sums.dropAll();
      }
    }),
  );
}
