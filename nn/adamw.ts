// AdamW (Loshchilov and Hutter, 2019) with clipping by global norm; rates and decay may differ between parameters.
import { asRows, dropGradient, zeros, type Tensor } from '../core/index.js';
import { kernels } from '../kernels/index.js';
import { parameters } from './module.js';
import { clipGradients, gradientsOf, type Gradient, type Optimizer, type OptimizerState } from './optimizer.js';
import type { Schedule } from './schedule.js';
import { step, type MicroBatch, type StepNumbers } from './step.js';

/** Whether a parameter is meant. */
export type Matches = (name: string, parameter: Tensor) => boolean;

/** Parameters that are trained otherwise than the rest. */
export interface ParameterGroup {
  readonly matches: Matches;
  /** Factor on the learning rate. */
  readonly lr?: number;
  /** Their decay, whatever `decay` says of them. */
  readonly weightDecay?: number;
}

export interface AdamWOptions {
  /** Learning rate: a number, or a function of the step (0 for the first). */
  lr: number | Schedule;
  betas?: readonly [number, number];
  eps?: number;
  /** Decoupled weight decay of those parameters that `decay` names. */
  weightDecay?: number;
  /**
   * Which parameters decay. 'names', the default: all but biases and LayerNorm, as BERT is trained; 'matrices': those of
   * two axes; or a function.
   */
  decay?: 'names' | 'matrices' | Matches;
  /** Exceptions; the first that matches a parameter holds. */
  groups?: readonly ParameterGroup[];
  /** Largest global norm of the gradients; 0 for no clipping. */
  clip?: number;
}

const decays: Record<'names' | 'matrices', Matches> = {
  names: (name) => !(name.endsWith('bias') || name.includes('LayerNorm')),
  matrices: (_, { rank }) => rank === 2,
};

export class AdamW implements Optimizer {
  /** First and second moments are `m.NAME` and `v.NAME`, by parameter name. */
  readonly state: OptimizerState;
  readonly parameters: ReadonlyMap<string, Tensor>;
  private readonly options: Required<AdamWOptions>;
  /** By parameter name: the factor on its rate, and its decay. */
  private readonly own = new Map<string, { factor: number; decay: number }>();

  /**
   * @param module whose trainable tensors are updated
   * @throws if it has none, or a group matches none of them
   */
  constructor(module: object, options: AdamWOptions) {
    const defaults = {
      betas: [0.9, 0.999],
      eps: 1e-8,
      weightDecay: 0.01,
      decay: 'names',
      groups: [],
      clip: 0,
    } as const;
    const given = Object.entries(options).filter(([, value]) => value !== undefined);
    this.options = { ...defaults, ...(Object.fromEntries(given) as AdamWOptions) };
    this.parameters = parameters(module);
    if (this.parameters.size === 0)
      throw new Error('AdamW: the module has no trainable tensors. Are they fields of it, made with requiresGrad?');
    const { decay, groups, weightDecay } = this.options;
    const decaying = typeof decay === 'function' ? decay : decays[decay];
    const used = new Set<ParameterGroup>();
    const moments = new Map<string, Tensor>();
    for (const [name, parameter] of this.parameters) {
      const { shape, backend } = parameter;
      const group = groups.find(({ matches }) => matches(name, parameter));
      if (group) used.add(group);
      const usual = decaying(name, parameter) ? weightDecay : 0;
      this.own.set(name, { factor: group?.lr ?? 1, decay: group?.weightDecay ?? usual });
      for (const kind of ['m', 'v']) moments.set(`${kind}.${name}`, zeros(shape, { backend }));
    }
    this.state = { step: 0, tensors: moments };
    const unused = groups.findIndex((group) => !used.has(group));
    if (unused >= 0)
      throw new Error(`AdamW: group ${unused} matches no parameter that a group before it leaves. Is a name wrong?`);
  }

  get lr(): number {
    const { lr } = this.options;
    return typeof lr === 'number' ? lr : lr(this.state.step);
  }

  /** One step over micro-batches: see `step`. */
  step(...batches: MicroBatch[]): Promise<StepNumbers> {
    return step(this, batches);
  }

  update(): Tensor {
    const { betas, eps, clip } = this.options;
    const [beta1, beta2] = betas;
    const { lr } = this;
    const count = ++this.state.step;
    const [first] = this.parameters.values();
    const gradients = gradientsOf(this.parameters);
    const { norm, factor } = clipGradients(gradients, clip, first);
    const rates = { beta1, beta2, eps, correction1: 1 - beta1 ** count, correction2: 1 - beta2 ** count };
    const launch = <G extends object>({ name, parameter, gradient }: Gradient<G>) => {
      const [m, v] = ['m', 'v'].map((kind) => asRows(this.state.tensors.get(`${kind}.${name}`)!));
      const own = this.own.get(name)!;
      const outputs = { p: asRows(parameter), m, v };
      const numbers = { factor: factor.view(), ...rates, lr: lr * own.factor, decay: own.decay };
      return { inputs: { ...outputs, ...gradient, ...numbers }, outputs };
    };
    first.backend.launchAll(kernels.adamW, gradients.dense.map(launch));
    first.backend.launchAll(kernels.adamWRows, gradients.byId.map(launch));
    for (const parameter of this.parameters.values()) dropGradient(parameter);
    return norm;
  }
}
