// Reverse-mode differentiation: iterative, freeing as it goes, adding up where a tensor was used more than once.
import { checkGiven, deposit, Sums } from './gradients.js';
import { scope } from './lifetime.js';
import { sameShape, show } from './shape.js';
import { asRule, noGrad, type Receive, type Rule, type TapeEntry } from './tape.js';
import { ones, Tensor } from './tensor.js';

/** Every tape entry that `root` depends on, last recorded first: users before what they use. */
export function inReverse(root: TapeEntry): TapeEntry[] {
  const found = new Set<TapeEntry>([root]);
  for (const entry of found) for (const parent of entry.parents) if (parent) found.add(parent);
  return [...found].sort((a, b) => b.order - a.order);
}

/**
 * Goes back from `y`, whose gradient is `seed`, and hands the rule of each contribution to the gradient of a leaf to `sink`.
 * The tape is spent: what was kept for the gradient is freed as it is used.
 */
export function propagate(y: Tensor, seed: Tensor, sink: Receive): void {
  if (!y.tracked) throw new Error('backward: the tensor depends on nothing that requires a gradient. Was it detached?');
  checkGiven('backward', y, seed);
  const gradients = new Sums<TapeEntry>();
  const receive: Receive = (tensor, rule) => {
    if (tensor.record) gradients.add(tensor.record, rule);
    else sink(tensor, rule);
  };
  try {
    receive(y, { dense: () => seed });
    for (const entry of y.record ? inReverse(y.record) : []) {
      const dy = gradients.get(entry);
      if (dy) scope(() => pull(entry, dy, receive));
      gradients.drop(entry);
      entry.drop();
    }
  } finally {
    gradients.dropAll();
  }
}

/** Hands on how to compute the gradients of an entry's inputs, given that of its output. */
function pull(entry: TapeEntry, dy: Tensor, receive: Receive): void {
  if (entry.spent)
    throw new Error(
      `backward: the tape of ${entry.name} is spent. Call backward once, in the scope of the forward pass.`,
    );
  const pullback = entry.pullback(dy, receive);
  for (const [name, input] of Object.entries(entry.inputs)) {
    const rule = pullback[name];
    if (input.tracked && rule) receive(input, checked(asRule(rule), entry, name, input));
  }
}

/** The rule, which throws where it gives a gradient of another shape than its input's. */
const checked = (rule: Rule, entry: TapeEntry, name: string, input: Tensor): Rule => ({
  byId: rule.byId,
  dense: (sum) => {
    const gradient = rule.dense(sum);
    if (!sameShape(gradient.shape, input.shape))
      throw new Error(`${entry.name}: the gradient of ${name} is ${show(gradient.shape)}, not ${show(input.shape)}.`);
    return gradient;
  },
});

/** The gradient that comes in: as it is given, or a number where y is one. */
function seedOf(y: Tensor, seed: number | Tensor): Tensor {
  if (seed instanceof Tensor) return seed;
  if (y.size !== 1)
    throw new Error(
      `backward: the loss is ${show(y.shape)}; it must be one number. Reduce it first, or give its gradient as a tensor.`,
    );
  return ones(y.shape, { backend: y.backend }).mul(seed);
}

/**
 * Adds the gradient of sum(seed y) to `grad` of every leaf made with `requiresGrad`: y is a loss, one number, and `seed` its
 * weight; or y is any tensor, and `seed` the gradient of something with respect to it, of its shape.
 * What is there already may be added to in place. Gradients belong to whoever takes them from there: see `takeGradient`.
 * @throws if y depends on no such leaf, or the two do not fit (in shape or backend), or the tape is spent
 */
export function backward(y: Tensor, seed: number | Tensor = 1): void {
  noGrad(() => scope(() => propagate(y, seedOf(y, seed), deposit)));
}

/**
 * The vector-Jacobian product: gradients of sum(y * seed) for the given leaves, undefined where y does not depend on one.
 * They live in the current scope; `grad` of the leaves is left alone.
 * @throws as `backward` does
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
