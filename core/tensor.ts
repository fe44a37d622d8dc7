// Tensor: a view of a buffer with a shape, an optional place on the tape, and the methods that users write.
//
// Methods only name ops (core/ops); everything else about an op is in its row there.
import type { Backend, FloatArray, View } from '../kernels/index.js';
import { getBackend } from './device.js';
import { checkGiven, LeafGradient } from './gradients.js';
import { Ids } from './host.js';
import { Buffer, type Escaping } from './lifetime.js';
import { expandTogether, materialise } from './view.js';
import * as ops from './ops/index.js';
import { pool } from './pool.js';
import type { Random } from './random.js';
import type { Sequences } from './sequences.js';
import { axisOf, isRowMajor, isShape, rowMajor, sameShape, show, sizeOf, type Shape } from './shape.js';
import type { TapeEntry } from './tape.js';

export type Operand = Tensor | number;

/**
 * Numbers in a shape, on a backend; what was computed from others knows how, so that `backward` finds the way back. Made by
 * `tensor`, `zeros`, `ones`, `full` or `randn`, and by ops. No op changes one in place, and nothing is awaited but `read`.
 */
export class Tensor implements Escaping {
  /** @internal What `backward` left here, of a leaf: rows by id as they are, until `dense` is called. */
  gradient: LeafGradient | undefined;

  /** @internal Users write `tensor`, `zeros`, `randn` or an op. */
  constructor(
    readonly buffer: Buffer,
    readonly shape: Shape,
    readonly strides: readonly number[] = rowMajor(shape),
    readonly record: TapeEntry | undefined = undefined,
    /** Whether this is a leaf that gradients are wanted for. */
    readonly requiresGrad = false,
  ) {}

  /**
   * Gradient of the last `backward`, summed over calls; only on tensors made with `requiresGrad`. Of a table that was read
   * by id it is rows: whoever asks first has them added up, by a kernel, and an optimizer then works on all of the table.
   * The library itself goes by `gradient`, which says what there is.
   */
  get grad(): Tensor | undefined {
    return this.gradient?.dense();
  }

  /**
   * Puts another in its place, whose memory the leaf holds from now on.
   * @throws unless it is of the leaf's shape, on its backend, and not freed
   */
  set grad(gradient: Tensor | undefined) {
    if (gradient) checkGiven('grad', this, gradient);
    const next = gradient && LeafGradient.of(gradient);
    this.gradient?.drop();
    this.gradient = next;
  }

  get backend(): Backend {
    return this.buffer.storage.backend;
  }

  get size(): number {
    return sizeOf(this.shape);
  }

  get rank(): number {
    return this.shape.length;
  }

  /** Whether a gradient can flow into or through this tensor. */
  get tracked(): boolean {
    return this.requiresGrad || this.record !== undefined;
  }

  get isContiguous(): boolean {
    return isRowMajor(this.shape, this.strides);
  }

  /**
   * The tensor as a kernel sees it, with the given extents of the same cells.
   * @throws if it is not contiguous, so that its cells lie in memory in another order, or if its memory was freed
   */
  view(dims: Shape = this.shape): View {
    if (!this.isContiguous)
      throw new Error(
        `a tensor ${show(this.shape)} with strides ${show(this.strides)} lies in memory in another order. ` +
          'Take it by flat, asRows or contiguous, which put it in order first.',
      );
    return this.memory(dims);
  }

  /** The memory of a tensor as it lies, whatever its strides: for those who read them. @throws if it was freed */
  memory(dims: Shape): View {
    if (!this.buffer.alive)
      throw new Error(
        `a tensor ${show(this.shape)} was used after its scope had ended. Return it from the scope to keep it.`,
      );
    return { storage: this.buffer.storage, dims };
  }

  /** The numbers, row-major, after everything enqueued so far has run. */
  async read(): Promise<FloatArray> {
    const plain = this.isContiguous ? this : materialise(this);
    return plain.backend.read(plain.view().storage, this.size);
  }

  /** The one number of a tensor of one cell. */
  async item(): Promise<number> {
    if (this.size !== 1)
      throw new Error(`item: a tensor ${show(this.shape)} has ${this.size} numbers, not 1. Use read().`);
    return (await this.read())[0];
  }

  /** The same numbers without a past: no gradient flows through. */
  detach(): Tensor {
    return new Tensor(this.buffer, this.shape, this.strides);
  }

  // Elementwise, with broadcasting.
  add(other: Operand): Tensor {
    return typeof other === 'number'
      ? ops.affine.apply({ x: this }, { scale: 1, shift: other })
      : ops.add.apply(pair('add', this, other));
  }
  sub(other: Operand): Tensor {
    return typeof other === 'number' ? this.add(-other) : ops.sub.apply(pair('sub', this, other));
  }
  mul(other: Operand): Tensor {
    return typeof other === 'number'
      ? ops.affine.apply({ x: this }, { scale: other, shift: 0 })
      : ops.mul.apply(pair('mul', this, other));
  }
  div(other: Operand): Tensor {
    return typeof other === 'number' ? this.mul(1 / other) : ops.div.apply(pair('div', this, other));
  }
  /** The larger of the two, cell by cell. At a tie the gradient goes to this tensor. */
  maximum(other: Tensor): Tensor {
    return ops.maximum.apply(pair('maximum', this, other));
  }
  neg(): Tensor {
    return this.mul(-1);
  }
  exp(): Tensor {
    return ops.exp.apply({ x: this });
  }
  log(): Tensor {
    return ops.log.apply({ x: this });
  }
  sqrt(): Tensor {
    return ops.sqrt.apply({ x: this });
  }
  tanh(): Tensor {
    return ops.tanh.apply({ x: this });
  }
  erf(): Tensor {
    return ops.erf.apply({ x: this });
  }
  gelu(): Tensor {
    return ops.gelu.apply({ x: this });
  }

  // Reductions. Without an axis: over all, to a tensor of shape [].
  sum(axis?: number, keep = false): Tensor {
    return this.reduce('sum', (x, at) => ops.sum.apply({ x }, { axis: at }), axis, keep);
  }
  max(axis?: number, keep = false): Tensor {
    return this.reduce('max', (x, at) => ops.max.apply({ x }, { axis: at }), axis, keep);
  }
  mean(axis?: number, keep = false): Tensor {
    const count = axis === undefined ? this.size : this.shape[axisOf('mean', axis, this.rank)];
    return this.sum(axis, keep).mul(1 / count);
  }

  private reduce(name: string, along: (x: Tensor, axis: number) => Tensor, axis: number | undefined, keep: boolean) {
    if (axis === undefined) {
      // eslint-disable-next-line @typescript-eslint/no-this-alias
      let result: Tensor = this;
      while (result.rank > 0) result = along(result, result.rank - 1);
      return keep ? result.reshape(this.shape.map(() => 1)) : result;
    }
    const at = axisOf(name, axis, this.rank);
    const result = along(this, at);
    return keep ? result.reshape(this.shape.map((extent, i) => (i === at ? 1 : extent))) : result;
  }

  // Movements. All but `gather` and reshaping of permuted tensors are views and cost nothing.
  /** Another shape of the same size; one extent may be -1. */
  reshape(shape: Shape): Tensor {
    return ops.reshape.apply({ x: this }, { shape: inferred(shape, this.size) });
  }
  permute(...axes: number[]): Tensor {
    return ops.permute.apply({ x: this }, { axes: axes.map((axis) => axisOf('permute', axis, this.rank)) });
  }
  /** The last two axes swapped. */
  transpose(): Tensor {
    const axes = this.shape.map((_, i) => i);
    [axes[this.rank - 2], axes[this.rank - 1]] = [this.rank - 1, this.rank - 2];
    return this.permute(...axes);
  }
  /** Broadcast to a larger shape. */
  expand(shape: Shape): Tensor {
    return sameShape(shape, this.shape) ? this : ops.expand.apply({ x: this }, { shape });
  }
  /** Rows by id: this is [V, H], the result [N, H]. */
  gather(ids: Ids | ArrayLike<number>): Tensor {
    return ops.gather.apply({ table: this }, { ids: ids instanceof Ids ? ids : new Ids(ids) });
  }

  /** Cells start .. end - 1 of an axis. */
  slice(axis: number, start: number, end: number): Tensor {
    return ops.slice.apply({ x: this }, { axis: axisOf('slice', axis, this.rank), start, end });
  }
  /** This tensor, then the other, along an axis; all other axes are equal. */
  concat(other: Tensor, axis = 0): Tensor {
    return ops.concat.apply({ a: this, b: other }, { axis: axisOf('concat', axis, this.rank) });
  }
  /**
   * The mean of the rows of each packed sequence, or their mean by weight: this [N, H], weights [N], result [B, H].
   * A sequence without rows gives 0; one whose weights sum to 0 has no mean.
   */
  pool(sequences: Sequences, weights?: Tensor): Tensor {
    return pool(this, sequences, weights);
  }

  /** Matrix product of the last two axes; the others broadcast. */
  matmul(other: Tensor): Tensor {
    return ops.matmul.apply({ a: this, b: other });
  }
  /** x w^T + bias, or without a bias: this [N, K], w [M, K], bias [M], result [N, M]. */
  linear(w: Tensor, bias?: Tensor): Tensor {
    return bias ? ops.linear.apply({ x: this, w, bias }) : ops.product.apply({ x: this, w });
  }
  /** The exact GELU of this + bias [H]. */
  biasGelu(bias: Tensor): Tensor {
    return ops.biasGelu.apply({ x: this, bias });
  }
  /** Softmax over the last axis. */
  softmax(): Tensor {
    return ops.softmax.apply({ x: this });
  }
  /** Layer norm over the last axis, biased variance. gain and bias are [H]. */
  layerNorm(gain: Tensor, bias: Tensor, eps: number): Tensor {
    return ops.layerNorm.apply({ x: this, gain, bias }, { eps });
  }
  /** BERT's residual connection: layer norm of dropout(this + shift) + residual. shift, gain and bias are [H]. */
  dropoutAddNorm(
    others: Readonly<Record<'shift' | 'residual' | 'gain' | 'bias', Tensor>>,
    how: { eps: number; p: number; key: number },
  ): Tensor {
    return ops.dropoutAddNorm.apply({ x: this, ...others }, how);
  }
  /** Rows of length 1: this / max(|this|, eps) along the last axis, |x| the Euclidean norm. A row of zeros stays one. */
  normalize(eps = 1e-12): Tensor {
    // The limit is on the square, so that the square root has a slope at 0.
    const squares = this.mul(this).sum(-1, true);
    return this.div(squares.maximum(tensor([eps * eps], undefined, { backend: this.backend })).sqrt());
  }
  /** The k largest cells along the last axis, the largest first, and where they are; see `ops.topK`. */
  topK(k: number): { values: Tensor; ids: Tensor } {
    const { y: values, ids } = ops.topK.applyAll({ x: this }, { k });
    return { values, ids };
  }
  /** Inverted dropout; which cells are dropped is a function of `key` alone. p = 0 returns the tensor itself. */
  dropout(p: number, key: number): Tensor {
    return p === 0 ? this : ops.dropout.apply({ x: this }, { p, key });
  }
}

const pair = (name: string, a: Tensor, b: Tensor) => expandTogether(name, a, b);

function inferred(shape: Shape, size: number): Shape {
  const known = shape.reduce((product, extent) => (extent === -1 ? product : product * extent), 1);
  return shape.includes(-1) ? shape.map((extent) => (extent === -1 ? size / known : extent)) : shape;
}

type Nested = number | readonly Nested[];

function shapeOf(data: Nested): number[] {
  if (typeof data === 'number') return [];
  const [first = [], ...others] = data.map(shapeOf);
  const other = others.find((shape) => !sameShape(shape, first));
  if (other) throw new Error(`tensor: rows of shapes ${show(first)} and ${show(other)}. Make them of one length.`);
  return [data.length, ...first];
}

export interface TensorOptions {
  backend?: Backend;
  /** Whether this is a leaf whose gradient `backward` shall compute. */
  requiresGrad?: boolean;
}

/**
 * A tensor from nested arrays, or from flat numbers and a shape.
 * @throws if the numbers do not fill the shape, or the nested arrays are ragged
 */
export function tensor(data: Nested | FloatArray, shape?: Shape, options: TensorOptions = {}): Tensor {
  const flat = ArrayBuffer.isView(data) ? data : ([data].flat(Infinity as 1) as number[]);
  const extents = shape ?? (ArrayBuffer.isView(data) ? [data.length] : shapeOf(data as Nested));
  if (!isShape(extents) || flat.length !== sizeOf(extents))
    throw new Error(
      `tensor: ${flat.length} numbers do not fill the shape ${show(extents)}. Give one for each cell of it.`,
    );
  const buffer = Buffer.allocate(options.backend ?? getBackend(), flat.length, flat);
  return new Tensor(buffer, extents, rowMajor(extents), undefined, options.requiresGrad ?? false);
}

export function full(shape: Shape, value: number, options: TensorOptions = {}): Tensor {
  return tensor(new Float32Array(sizeOf(shape)).fill(value), shape, options);
}

/** Zeros, made on the backend: the moments of an optimizer are too large for arrays on the host beside them. */
export function zeros(shape: Shape, options: TensorOptions = {}): Tensor {
  const buffer = Buffer.allocate(options.backend ?? getBackend(), sizeOf(shape), []);
  return new Tensor(buffer, shape, rowMajor(shape), undefined, options.requiresGrad ?? false);
}

export const ones = (shape: Shape, options: TensorOptions = {}): Tensor => full(shape, 1, options);

/** Normal random numbers of standard deviation `deviation`. */
export function randn(shape: Shape, random: Random, deviation = 1, options: TensorOptions = {}): Tensor {
  const values = new Float32Array(sizeOf(shape));
  random.normals(values, deviation);
  return tensor(values, shape, options);
}
