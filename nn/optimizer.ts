// What optimizers have in common: the gradients that `backward` left as kernels take them, their norm, and clipping.
import { asRows, ops, tensor, zeros, type Tensor } from '../core/index.js';
import { kernels, type View } from '../kernels/index.js';

/** Everything that a later run needs to go on with the same bits: a checkpoint stores it without knowing the optimizer. */
export interface OptimizerState {
  /** Steps done; whoever loads a state sets it. */
  step: number;
  /** What it keeps of former steps (moments), by names of its own, always the same in the same order. */
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** Changes parameters by their gradients; `step` calls it once for all micro-batches. */
export interface Optimizer {
  /** Learning rate of the next step. */
  readonly lr: number;
  /** What is trained, by name. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly state: OptimizerState;
  /** Applies the gradients that `backward` left on the parameters and takes them away. Returns their global norm. */
  update(): Tensor;
}

/** A parameter with its gradient as kernels take it. */
export interface Gradient<G> {
  readonly name: string;
  readonly parameter: Tensor;
  readonly gradient: G;
}

/** Dense gradients, and those of tables of which only some rows were read. */
export interface Gradients {
  readonly dense: Gradient<Record<'g', View>>[];
  readonly byId: Gradient<Record<'dy' | 'order' | 'starts', View>>[];
}

/** What `backward` left; parameters without a gradient are left out. */
export function gradientsOf(parameters: ReadonlyMap<string, Tensor>): Gradients {
  const found: Gradients = { dense: [], byId: [] };
  for (const [name, parameter] of parameters) {
    const left = parameter.gradient;
    if (left?.byId)
      found.byId.push({ name, parameter, gradient: ops.rowsById(left.byId.dy, left.byId.ids, parameter.shape) });
    else if (left) found.dense.push({ name, parameter, gradient: { g: asRows(left.dense()) } });
  }
  return found;
}

/** The global norm of all gradients, and the factor [1] by which clipping at `limit` shrinks them; 0 for no clipping. */
export function clipGradients(
  { dense, byId }: Gradients,
  limit: number,
  like: Tensor,
): { norm: Tensor; factor: Tensor } {
  const { backend } = like;
  const total = zeros([1], { backend });
  const outputs = { total: total.view() };
  const launch = <G extends object>({ parameter, gradient }: Gradient<G>) => {
    const [height, width] = asRows(parameter).dims;
    return { inputs: { ...outputs, ...gradient, rows: height, columns: width }, outputs };
  };
  backend.launchAll(kernels.sumOfSquares, dense.map(launch));
  backend.launchAll(kernels.sumOfSquaresRows, byId.map(launch));
  const factor = tensor([1], [1], { backend });
  if (limit > 0) backend.launch(kernels.clipFactor, { ...outputs, limit }, { factor: factor.view() });
  return { norm: total.sqrt().reshape([]), factor };
}
