// One operation: its name, shape rule, kernels and derivative in one row; everything generic about ops is here.
import type { Kernel, Rank, View } from '../kernels/index.js';
import { Buffer } from './lifetime.js';
import { show, type Shape } from './shape.js';
import { records, TapeEntry, type Pullback } from './tape.js';
import { Tensor } from './tensor.js';
import { materialise } from './view.js';

type Tensors<K extends string> = Readonly<Record<K, Tensor>>;
type Shapes<K extends string> = Readonly<Record<K, Shape>>;

/** One way to call an op, for gradient checks, parity between backends, and examples. */
export interface Sample<I extends string, A> {
  readonly shapes: Shapes<I>;
  readonly attributes?: A;
  /** Numbers drawn as |normal| + 0.5 instead of normal. */
  readonly positive?: boolean;
}

export interface OpSpec<I extends string, X extends string, S extends I | X | K | 'y', A, K extends string = never> {
  readonly name: string;
  readonly inputs: readonly I[];
  /** Whether inputs may be permuted or expanded views; otherwise they are made contiguous first. */
  readonly takesViews?: boolean;
  /** Shape of y. Throws where the inputs do not fit: what failed, the shapes, the remedy. */
  readonly shape: (shapes: Shapes<I>, attributes: A) => Shape;
  /** Computes y, and whatever else is worth reporting or keeping. */
  readonly run: (inputs: Tensors<I>, attributes: A, shape: Shape) => Tensors<X | 'y'>;
  /** While recording, runs instead where the gradient needs more than that: the same results and what it keeps. */
  readonly runRecording?: (inputs: Tensors<I>, attributes: A, shape: Shape) => Tensors<NoInfer<X> | K | 'y'>;
  /** What the tape keeps, and nothing else. */
  readonly saves: readonly S[];
  /** dL/d input, given `dy` = dL/dy and what was saved. Inputs without a rule have no gradient. */
  readonly vjp: (saved: Tensors<S | 'dy'>, attributes: A, shapes: Shapes<I>) => Pullback<I>;
  /** The same as plain ops, for those that are fused: the definition that tests compare with. */
  readonly composition?: (inputs: Tensors<I>, attributes: A) => Tensor;
  readonly samples: readonly Sample<I, A>[];
}

export interface Op<I extends string, X extends string, A> {
  readonly spec: OpSpec<I, X, string, A, string>;
  /** y alone. */
  apply(inputs: Tensors<I>, ...attributes: undefined extends A ? [A?] : [A]): Tensor;
  /** y and the other results of `run` (these have no gradient). */
  applyAll(inputs: Tensors<I>, attributes: A): Tensors<X | 'y'>;
}

/** Makes an op of its row. */
export function defineOp<
  const I extends string,
  const X extends string,
  const S extends I | X | K | 'y',
  A = undefined,
  const K extends string = never,
>(spec: OpSpec<I, X, S, A, K>): Op<I, X, A> {
  const applyAll = (given: Tensors<I>, attributes: A): Tensors<X | 'y'> => {
    const backend = given[spec.inputs[0]].backend;
    const inputs = { ...given } as Record<I, Tensor>;
    const shapes = {} as Record<I, Shape>;
    for (const name of spec.inputs) {
      if (given[name].backend !== backend)
        throw new Error(
          `${spec.name}: ${spec.inputs[0]} is on ${backend.name}, ${name} on ${given[name].backend.name}. ` +
            'Make both on the same backend.',
        );
      shapes[name] = given[name].shape;
    }
    const shape = spec.shape(shapes, attributes);
    if (!spec.takesViews) for (const name of spec.inputs) inputs[name] = contiguous(given[name]);
    const recording = records(Object.values(given));
    if (!recording) return spec.run(inputs, attributes, shape);
    const results: Tensors<X | 'y'> = (spec.runRecording ?? spec.run)(inputs, attributes, shape);
    const known = { ...results, ...inputs } as Tensors<S>;
    const saved = {} as Record<S | 'dy', Tensor>;
    for (const name of spec.saves) saved[name] = known[name].detach();
    const entry = new TapeEntry(spec.name, given, Object.values(saved), (dy) =>
      spec.vjp({ ...saved, dy }, attributes, shapes),
    );
    const y = new Tensor(results.y.buffer, results.y.shape, results.y.strides, entry);
    return { ...results, y };
  };
  return {
    spec: spec as unknown as OpSpec<I, X, string, A, string>,
    applyAll,
    apply: (inputs, ...attributes) => applyAll(inputs, attributes[0] as A).y,
  };
}

/** The tensor itself if its memory is in order, else a copy that is (made without a tape entry). */
export const contiguous = (x: Tensor): Tensor => (x.isContiguous ? x : materialise(x));

/**
 * Allocates the outputs of a kernel and launches it. Shapes of outputs are given by name; an operand is a number, a view,
 * or a tensor seen as its own shape, made contiguous where it is not.
 */
export function launch<I extends string, O extends string>(
  kernel: Kernel<I, O>,
  inputs: Readonly<Record<I, Tensor | View | number>>,
  shapes: Readonly<Record<O, Shape>>,
): Record<O, Tensor> {
  const views = {} as Record<I, View | number>;
  let backend;
  for (const name of Object.keys(kernel.inputs) as I[]) {
    const operand: Tensor | View | number = inputs[name];
    const view = operand instanceof Tensor ? contiguous(operand).view() : operand;
    views[name] = view;
    if (typeof view === 'object') backend = view.storage.backend;
  }
  if (!backend) throw new Error(`${kernel.name}: no operand is an array`);
  const results = {} as Record<O, Tensor>;
  const outputs = {} as Record<O, View>;
  for (const name of Object.keys(kernel.outputs) as O[]) {
    const shape = shapes[name];
    const cells = shape.reduce((product, extent) => product * extent, 1);
    results[name] = new Tensor(Buffer.allocate(backend, cells), shape);
    outputs[name] = results[name].view(withRank(shape, kernel.outputs[name]));
  }
  backend.launch(kernel, views, outputs);
  return results;
}

/** Launches a kernel that updates its operand `y` in place, seen with the given extents, and returns y. */
export function update<I extends string>(
  kernel: Kernel<I, 'y'>,
  y: Tensor,
  inputs: Readonly<Record<Exclude<I, 'y'>, View | number>>,
  dims = withRank(y.shape, kernel.outputs.y),
): Tensor {
  const target = y.view(dims);
  y.backend.launch(kernel as Kernel, { ...inputs, y: target }, { y: target });
  return y;
}

/** Extents of the wanted rank: leading axes merged, or extents of 1 put in front. */
export function withRank(shape: Shape, rank: Rank): Shape {
  if (shape.length === rank) return shape;
  if (shape.length < rank) return [...new Array<number>(rank - shape.length).fill(1), ...shape];
  const cut = shape.length - rank + 1;
  return [shape.slice(0, cut).reduce((product, extent) => product * extent, 1), ...shape.slice(cut)];
}

/** A tensor as a kernel reads it, with the given extents of the same cells: put in order first where it is not. */
export const shaped = (x: Tensor, dims: Shape): View => contiguous(x).view(dims);

/** A tensor as a flat array, for a kernel to read. */
export const flat = (x: Tensor): View => shaped(x, [x.size]);

/** A tensor as rows of its last axis, for a kernel to read. */
export const asRows = (x: Tensor): View => shaped(x, withRank(x.shape, 2));

/** Error for inputs that do not fit: what failed, the facts, the remedy. */
export function mismatch(name: string, shapes: Readonly<Record<string, Shape>>, remedy: string): Error {
  const facts = Object.entries(shapes).map(([input, shape]) => `${input} is ${show(shape)}`);
  return new Error(`${name}: ${facts.join(', ')}. ${remedy}`);
}
