// Gradients as they come together: added up in place where nobody else holds the sum, and kept as rows of a table by id
// until somebody asks for the whole.
import { kernels } from '../kernels/index.js';
import type { Ids } from './host.js';
import { scope } from './lifetime.js';
import { flat, update } from './op.js';
import { scatter } from './ops/movement.js';
import { sameShape, show, type Shape } from './shape.js';
import type { Rule } from './tape.js';
import type { Tensor } from './tensor.js';

/** The gradient of a table as rows that are added up by id: row n of dy is part of that of row ids[n]. */
export interface RowGradient {
  readonly dy: Tensor;
  readonly ids: Ids;
}

/** Adds what a rule gives to the sum so far, which was retained; the result is retained in its place. */
function accumulate(former: Tensor | undefined, rule: Rule): Tensor {
  const open = former?.isContiguous && former.buffer.exclusive ? former : undefined;
  const gradient = rule.dense(open);
  if (gradient === open) return gradient;
  if (open) return update(kernels.addTo, open, { x: flat(gradient) });
  const sum = former ? former.add(gradient) : gradient;
  sum.buffer.retain();
  former?.buffer.release();
  return sum;
}

/** Gradients on their way, added up by what they belong to; holds a reference to their memory until they are dropped. */
export class Sums<K> {
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

/** What `backward` leaves on a leaf, in memory that it holds a reference to until it is dropped. */
export class LeafGradient {
  private constructor(
    private readonly shape: Shape,
    private kept: Tensor | RowGradient,
  ) {}

  /** One that is given as a tensor. */
  static of(gradient: Tensor): LeafGradient {
    gradient.buffer.retain();
    return new LeafGradient(gradient.shape, gradient);
  }

  /**
   * The first contribution to the gradient of a leaf of that shape. Rows by id stay as they are: whoever asks for the whole
   * has them added up, and the optimizer need not. They must be fewer than the table's, or they would be the more memory
   * and traffic.
   */
  static first(shape: Shape, rule: Rule): LeafGradient {
    const { byId } = rule;
    if (!byId || byId.ids.length >= shape[0]) return new LeafGradient(shape, accumulate(undefined, rule));
    const dy = byId.dy();
    dy.buffer.retain();
    return new LeafGradient(shape, { dy, ids: byId.ids });
  }

  /** Another contribution: the sum is dense. */
  add(rule: Rule): void {
    this.kept = accumulate(this.dense(), rule);
  }

  /** The gradient, where it is rows that nobody has asked to add up yet. */
  get byId(): RowGradient | undefined {
    return isById(this.kept) ? this.kept : undefined;
  }

  /** The gradient in the shape of the leaf; rows by id are added up the first time, by a kernel, and kept so. */
  dense(): Tensor {
    if (isById(this.kept)) this.kept = addUp(this.kept, this.shape);
    return this.kept;
  }

  drop(): void {
    const { kept } = this;
    (isById(kept) ? kept.dy : kept).buffer.release();
  }
}

const isById = (kept: Tensor | RowGradient): kept is RowGradient => 'ids' in kept;

/** Rows by id as the gradient of a table of that shape, which is retained in the place of the rows. */
function addUp({ dy, ids }: RowGradient, shape: Shape): Tensor {
  let sum!: Tensor;
  // In a scope of its own, so that the leaf alone holds the sum and later contributions are added to it in place.
  scope(() => {
    sum = scatter(dy, ids, shape);
    sum.buffer.retain();
  });
  dy.buffer.release();
  return sum;
}

/** @throws unless a gradient that a user gives has the shape of its tensor and its backend, and was not freed */
export function checkGiven(name: string, tensor: Tensor, gradient: Tensor): void {
  if (!sameShape(gradient.shape, tensor.shape) || gradient.backend !== tensor.backend)
    throw new Error(
      `${name}: the tensor is ${show(tensor.shape)} on ${tensor.backend.name}, the gradient ${show(gradient.shape)} on ` +
        `${gradient.backend.name}. Give one number a cell, on the same backend.`,
    );
  gradient.memory(gradient.shape);
}

/** Adds a contribution to the gradient of a leaf. */
export function deposit(leaf: Tensor, rule: Rule): void {
  if (leaf.gradient) leaf.gradient.add(rule);
  else leaf.gradient = LeafGradient.first(leaf.shape, rule);
}

/** Hands the gradient of a leaf to `use`, dense, and lets go of it; undefined where there is none. */
export function takeGradient<T>(leaf: Tensor, use: (gradient: Tensor) => T): T | undefined {
  if (!leaf.gradient) return undefined;
  const result = use(leaf.gradient.dense());
  dropGradient(leaf);
  return result;
}

/** Lets go of the gradient of a leaf, if there is one, without looking at it. */
export function dropGradient(leaf: Tensor): void {
  leaf.gradient?.drop();
  leaf.gradient = undefined;
}
