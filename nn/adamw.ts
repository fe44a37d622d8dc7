// AdamW with clipping by global norm and gradient accumulation, one call a step.
import { asRows, backward, dropGradient, ops, scope, tensor, zeros, type Tensor } from '../core/index.js';
import type { Backend, View } from '../kernels/index.js';
import * as kernels from '../kernels/library/index.js';
import { parameters } from './module.js';
import type { Schedule } from './schedule.js';

export interface AdamWOptions {
  /** Learning rate: a number, or a function of the step (0 for the first). */
  lr: number | Schedule;
  betas?: readonly [number, number];
  eps?: number;
  /** Decoupled weight decay; never on biases and LayerNorm, as BERT is trained. */
  weightDecay?: number;
  /** Largest global norm of the gradients; 0 for no clipping. */
  clip?: number;
}

/** The loss that is minimised, and any other numbers that are worth reporting. */
export type Losses = { readonly loss: Tensor } & Readonly<Record<string, Tensor>>;

/** Everything that a later run needs to go on with the same bits. */
export interface OptimizerState {
  step: number;
  /** First and second moments by parameter name. */
  moments: Map<string, { m: Tensor; v: Tensor }>;
}

const decays = (name: string): boolean => !(name.endsWith('bias') || name.includes('LayerNorm'));

/** A parameter with its gradient as kernels take it. */
interface Gradient<G> {
  readonly name: string;
  readonly parameter: Tensor;
  readonly gradient: G;
}

interface Gradients {
  readonly dense: Gradient<Record<'g', View>>[];
  readonly byId: Gradient<Record<'dy' | 'order' | 'starts', View>>[];
}

export class AdamW {
  readonly state: OptimizerState = { step: 0, moments: new Map() };
  private readonly options: Required<AdamWOptions>;
  private readonly parameters: Map<string, Tensor>;

  /**
   * @param module whose trainable tensors are updated
   * @throws if it has none
   */
  constructor(module: object, options: AdamWOptions) {
    this.options = { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.01, clip: 0, ...options };
    this.parameters = parameters(module);
    if (this.parameters.size === 0)
      throw new Error('AdamW: the module has no trainable tensors. Are they fields of it, made with requiresGrad?');
    for (const [name, { shape, backend }] of this.parameters)
      this.state.moments.set(name, { m: zeros(shape, { backend }), v: zeros(shape, { backend }) });
  }

  /** Learning rate of the next step. */
  get lr(): number {
    const { lr } = this.options;
    return typeof lr === 'number' ? lr : lr(this.state.step);
  }

  /**
   * One step: forward, backward and update, and everything else freed. Several functions are micro-batches whose losses
   * are averaged. Returns the averages of their numbers, and `gradientNorm` before clipping; nothing waits but the reading.
   */
  step(...batches: (() => Losses)[]): Promise<Record<string, number>> {
    // A step that broke off may have left gradients.
    for (const parameter of this.parameters.values()) dropGradient(parameter);
    const numbers = scope(() => {
      const sums: Record<string, Tensor> = {};
      for (const batch of batches) {
        const means = scope(() => {
          const losses = batch();
          backward(losses.loss, 1 / batches.length);
          return Object.entries(losses).map(([name, value]) => [name, value.detach().mul(1 / batches.length)] as const);
        });
        for (const [name, mean] of means) sums[name] = sums[name] ? sums[name].add(mean) : mean;
      }
      sums.gradientNorm = this.update();
      return Object.entries(sums).map(([name, value]) => value.item().then((number) => [name, number] as const));
    });
    return Promise.all(numbers).then((entries) => Object.fromEntries(entries));
  }

  /** Applies the gradients that `backward` left on the parameters and takes them away. Returns their global norm. */
  update(): Tensor {
    const { betas, eps, weightDecay, clip } = this.options;
    const [beta1, beta2] = betas;
    const { lr, backend } = this;
    const step = ++this.state.step;
    const gradients = this.gradients();
    const { norm, factor } = this.clipping(gradients, clip);
    const rates = { lr, beta1, beta2, eps, correction1: 1 - beta1 ** step, correction2: 1 - beta2 ** step };
    const launch = <G extends object>({ name, parameter, gradient }: Gradient<G>) => {
      const { m, v } = this.state.moments.get(name)!;
      const outputs = { p: asRows(parameter), m: asRows(m), v: asRows(v) };
      const numbers = { factor: factor.view(), ...rates, decay: decays(name) ? weightDecay : 0 };
      return { inputs: { ...outputs, ...gradient, ...numbers }, outputs };
    };
    backend.launchAll(kernels.adamW, gradients.dense.map(launch));
    backend.launchAll(kernels.adamWRows, gradients.byId.map(launch));
    for (const parameter of this.parameters.values()) dropGradient(parameter);
    return norm;
  }

  private get backend(): Backend {
    const [{ backend }] = this.parameters.values();
    return backend;
  }

  /** What `backward` left: dense gradients, and those of tables of which only some rows were read. */
  private gradients(): Gradients {
    const found: Gradients = { dense: [], byId: [] };
    for (const [name, parameter] of this.parameters) {
      const rows = parameter.gradient?.byId;
      if (rows) found.byId.push({ name, parameter, gradient: ops.rowsById(rows.dy, rows.ids, parameter.shape) });
      else if (parameter.grad) found.dense.push({ name, parameter, gradient: { g: asRows(parameter.grad) } });
    }
    return found;
  }

  /** The global norm of all gradients, and the factor by which clipping shrinks them. */
  private clipping({ dense, byId }: Gradients, limit: number): { norm: Tensor; factor: Tensor } {
    const { backend } = this;
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
}
