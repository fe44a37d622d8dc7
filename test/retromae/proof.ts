// The proof of an objective, from what its row says: what is wrong with it, as lines. Everything in float64 but for parity.
import {
  backward,
  getBackend,
  noGrad,
  Random,
  scope,
  takeGradient,
  vjp,
  type Shape,
  type Tensor,
} from '../../core/index.js';
import { assign, parameters } from '../../nn/index.js';
import { Batches, PretrainModel, type Arrays, type Batch, type Objective } from '../../retromae/index.js';
import { config, tokenizer } from './tiny.js';

const examples = [6, 11, 3, 1, 14].map((length, i) =>
  Array.from({ length }, (_, j) => 5 + ((11 * i + 7 * j * j) % 30)),
);

/** Batches of three texts of different lengths. */
export const batchesOf = (objective: Objective, options: object, seed = 3): Batches =>
  new Batches(examples, objective.collator(objective.complete(options), { tokenizer, maxLength: 16 }), 3, seed);

/** With weights so large that texts have vectors of their own: at BERT's, losses between texts are flat. */
const lively = { ...config, initializer_range: 0.3 };

const newModel = (objective: Objective, options: object) =>
  new PretrainModel(objective, lively, new Random(1), options);

export interface Outcome {
  /** `loss` and the scalars. */
  readonly numbers: Record<string, number>;
  /** Gradients of `loss` by parameter; those that it does not depend on are missing. */
  readonly gradients: Record<string, number[]>;
  /** Shape of the sentence vectors. */
  readonly h: Shape | undefined;
}

/** What an objective says of its first batch. */
export async function outcomeOf(objective: Objective, options: object, dropout?: Random): Promise<Outcome> {
  const model = newModel(objective, options);
  const batch = await model.prepared(batchesOf(objective, options).at(0));
  const reads = scope(() => {
    const { h, ...losses } = model.losses(batch, dropout);
    backward(losses.loss);
    return {
      h: h?.shape,
      losses: Object.entries<Tensor>(losses).map(([name, x]) => [name, x.item()] as const),
      gradients: [...parameters(model)].map(([name, x]) => [name, takeGradient(x, (g) => g.read())] as const),
    };
  });
  const numbers: Record<string, number> = {};
  for (const [name, value] of reads.losses) numbers[name] = await value;
  const gradients: Record<string, number[]> = {};
  for (const [name, value] of reads.gradients) if (value) gradients[name] = Array.from(await value);
  return { numbers, gradients, h: reads.h };
}

const largest = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((top, x) => Math.max(top, Math.abs(x)), 0);

/** Largest difference, relative to the largest number of the second where that is above 1e-3, and to `least` at least. */
function distance(ours: ArrayLike<number>, theirs: ArrayLike<number>, least = 0): number {
  if (ours.length !== theirs.length) return Infinity;
  const size = Math.max(1e-3, largest(theirs), least);
  const worst = Array.from(theirs).reduce((top, x, i) => Math.max(top, Math.abs(x - ours[i])), 0);
  return Number.isFinite(worst) ? worst / size : Infinity;
}

/**
 * Where two outcomes differ by more than is allowed. What one of them lacks is 0 there. A gradient that is 0 by its formula,
 * such as that of key biases, and so nothing but rounding, is compared in the size of the others.
 * @param theirs in float64
 */
export function differences(ours: Outcome, theirs: Outcome, limits: { loss: number; gradient: number }): string[] {
  const found: string[] = [];
  const top = Math.max(...Object.values(theirs.gradients).map(largest));
  const compare = (what: string, a: readonly number[], b: readonly number[], limit: number) => {
    const off = distance(a, b, largest(b) < 1e-12 * top ? top : 0);
    if (!(off < limit)) found.push(`${what} is off by ${off}`);
  };
  for (const [name, value] of Object.entries(theirs.numbers)) compare(name, [ours.numbers[name]], [value], limits.loss);
  for (const name of new Set([...Object.keys(ours.gradients), ...Object.keys(theirs.gradients)])) {
    const [a, b] = [ours.gradients[name], theirs.gradients[name]];
    compare(`gradient of ${name}`, a ?? b.map(() => 0), b ?? a.map(() => 0), limits.gradient);
  }
  return found;
}

/** What is wrong with an objective under some options; on the current backend, which must be of float64. */
export async function problemsOf(objective: Objective, options: object): Promise<string[]> {
  if (getBackend().dtype !== 'float64') throw new Error('problemsOf: make a float64 backend the current one.');
  const outcome = await outcomeOf(objective, options);
  return [
    ...wrongNumbers(objective, outcome),
    ...(await wrongGradient(objective, options)),
    ...(await wrongGradient(objective, options, () => new Random(5))),
    ...(await notTheNaive(objective, options, outcome)),
    ...wrongBatches(objective, options),
  ];
}

/** The numbers must be those that the row names, and be what it says. */
function wrongNumbers({ scalars }: Objective, { numbers, gradients, h }: Outcome): string[] {
  const { hidden_size, vocab_size } = config;
  const isDupmae = 'cls_projection.weight' in gradients;
  const width = isDupmae ? Math.floor(hidden_size / 2) + vocab_size : hidden_size;
  const [given, named] = [Object.keys(numbers), ['loss', ...Object.keys(scalars)]].map((names) => names.sort().join());
  if (given !== named) return [`losses gives ${given}, scalars names ${named}`];
  const outside = Object.entries(scalars).filter(
    ([name, { unit }]) => unit === 'accuracy' && !(numbers[name] >= 0 && numbers[name] <= 1),
  );
  const vectors = h?.length === 2 && h[1] === width ? [] : [`h is [${h?.join()}], not the sentence vectors`];
  const infinite = Object.values(gradients).some((values) => !values.every(Number.isFinite));
  return [
    ...vectors,
    ...outside.map(([name]) => `${name} is no share: ${numbers[name]}`),
    ...(infinite ? ['a gradient is not finite'] : []),
  ];
}

/** The gradient along a random direction in all parameters must be the difference of losses. */
async function wrongGradient(objective: Objective, options: object, dropout?: () => Random): Promise<string[]> {
  const model = newModel(objective, options);
  const batch = await model.prepared(batchesOf(objective, options).at(0));
  const weights = [...parameters(model).values()];
  const random = new Random(2);
  const starts = await Promise.all(weights.map((x) => x.read()));
  const direction = starts.map((start) => Float64Array.from(start, () => random.normal()));
  const read = scope(() => {
    const { loss } = model.losses(batch, dropout?.());
    return vjp(loss, loss.detach().mul(0).add(1), weights).map((gradient) => gradient?.read());
  });
  let analytic = 0;
  for (const [i, reading] of read.entries())
    (await reading)?.forEach((value, j) => (analytic += value * direction[i][j]));
  const lossAt = (way: number) => {
    for (const [i, x] of weights.entries()) {
      const moved = Float64Array.from(starts[i], (value, j) => value + way * direction[i][j]);
      assign(x, moved);
    }
    return noGrad(() => scope(() => model.losses(batch, dropout?.()).loss)).item();
  };
  const slope = async (step: number) => ((await lossAt(step)) - (await lossAt(-step))) / (2 * step);
  // Richardson: the direction is long, and the error of a difference grows with the square of the way along it.
  const step = 1e-5;
  const numeric = (4 * (await slope(step / 2)) - (await slope(step))) / 3;
  const off = Math.abs(analytic - numeric) / Math.abs(analytic);
  return off < 1e-6 && Math.abs(analytic) > 1e-3
    ? []
    : [`the gradient is ${analytic}, the difference of losses ${numeric}`];
}

/** Loss and gradients must be those of the composition, where there is one. */
async function notTheNaive(objective: Objective, options: object, outcome: Outcome): Promise<string[]> {
  const { composition } = objective;
  if (!composition) return [];
  const losses: Objective['losses'] = (encoder, head, batch, own) => composition(encoder, head, batch, own);
  const naive = await outcomeOf({ ...objective, losses }, options);
  const found = differences(outcome, naive, { loss: 1e-12, gradient: 1e-9 });
  return found.map((problem) => `not its composition: ${problem}`);
}

/** A batch must be a function of seed and index, in flat arrays that can be moved to another thread. */
function wrongBatches(objective: Objective, options: object): string[] {
  const [batches, again, other] = [3, 3, 4].map((seed) => batchesOf(objective, options, seed));
  const [late] = [batches.at(7), batches.at(0)];
  const text = (batch: Batch) =>
    JSON.stringify(Object.entries<Arrays[string]>(batch as Batch & Arrays).map(([name, x]) => [name, ...x]));
  const shared = Object.entries<Arrays[string]>(late as Batch & Arrays).filter(
    ([, x]) => !ArrayBuffer.isView(x) || x.buffer.byteLength !== x.byteLength,
  );
  return [
    ...(text(late) === text(again.at(7)) ? [] : ['a batch depends on what was asked for before']),
    ...(text(late) === text(other.at(7)) ? ['another seed gives the same batch'] : []),
    ...shared.map(([name]) => `${name} does not have its memory to itself`),
    ...(late.offsets.at(-1) === late.ids.length ? [] : ['offsets do not end where ids do']),
  ];
}
