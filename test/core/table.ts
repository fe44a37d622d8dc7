// The op table as tests see it: samples drawn, ways to lay inputs out, and the proof of a row.
import {
  checkGradient,
  ops,
  Random,
  scope,
  tensor,
  vjp,
  type Op,
  type Sample,
  type Shape,
  type Tensor,
} from '../../core/index.js';
import type { Backend, FloatArray } from '../../kernels/backend.js';
import * as naive from './naive.js';
import type { Nd } from './naive.js';

export type AnyOp = Op<string, string, unknown>;
export type AnySample = Sample<string, unknown>;

/** All ops. Each has inputs and attributes of its own types, which only its own samples have: hence the cast. */
export const table = Object.values(ops as unknown as Record<string, AnyOp>).filter((value) => 'spec' in value);

/** Normal numbers (or positive ones), as float32 has them, so that all backends start from the same bits. */
export const normal = (shape: Shape, random: Random, positive = false): Nd =>
  naive.build(shape, () => Math.fround(positive ? Math.abs(random.normal()) + 0.5 : random.normal()));

export const place = ({ shape, data }: Nd, backend: Backend, requiresGrad = false): Tensor =>
  tensor(Float64Array.from(data), shape, { backend, requiresGrad });

/** A way to hand an input of some shape to an op, and how its gradient comes back. */
export interface Layout {
  readonly name: string;
  /** Shape of the leaf from which the input is made. */
  leaf(shape: Shape): Shape;
  view(leaf: Tensor, shape: Shape): Tensor;
  /** The same on plain arrays. */
  viewed(leaf: Nd, shape: Shape): Nd;
  /** Gradient of the leaf, given that of the input. */
  back(gradient: Nd, leaf: Shape): Nd;
}

const reversed = (shape: Shape) => shape.map((_, axis) => shape.length - 1 - axis);
const first = (shape: Shape) => shape.map((extent, axis) => (axis === 0 ? 1 : extent));

export const layouts: readonly Layout[] = [
  { name: 'plain', leaf: (shape) => shape, view: (x) => x, viewed: (x) => x, back: (x) => x },
  {
    name: 'permuted',
    leaf: (shape) => [...shape].reverse(),
    view: (x, shape) => x.permute(...reversed(shape)),
    viewed: (x, shape) => naive.permute(x, reversed(shape)),
    back: (x, leaf) => naive.permute(x, reversed(leaf)),
  },
  {
    name: 'expanded',
    leaf: first,
    view: (x, shape) => x.expand(shape),
    viewed: (x, shape) => naive.expand(x, shape),
    back: (x, leaf) => naive.sumTo(x, leaf),
  },
];

export interface Outcome {
  readonly value: FloatArray;
  /** By the name of the input. */
  readonly gradients: Record<string, FloatArray>;
}

/** y = compute(inputs) and the gradients of sum(seed y), where each input, and the seed, is a view of what was drawn. */
export async function run(
  compute: (inputs: Record<string, Tensor>) => Tensor,
  leaves: Record<string, Nd>,
  view: (leaf: Tensor, name: string) => Tensor,
  seed: Nd,
  backend: Backend,
  seen: (seed: Tensor, shape: Shape) => Tensor = (x) => x,
): Promise<Outcome> {
  const names = Object.keys(leaves);
  const reads = scope(() => {
    const placed = names.map((name) => place(leaves[name], backend, true));
    const y = compute(Object.fromEntries(placed.map((leaf, i) => [names[i], view(leaf, names[i])])));
    const gradients = vjp(y, seen(place(seed, backend), y.shape), placed);
    return { value: y.read(), gradients: gradients.map((gradient) => gradient?.read()) };
  });
  const gradients: Record<string, FloatArray> = {};
  for (const [i, name] of names.entries()) {
    const gradient = await reads.gradients[i];
    if (!gradient) throw new Error(`there is no gradient of ${name}`);
    gradients[name] = gradient;
  }
  return { value: await reads.value, gradients };
}

/** Largest difference, relative to the largest expected number where that is above 1; infinite for NaN and other lengths. */
export function distance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let [largest, scale] = [0, 1];
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i] - expected[i]);
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Infinity : difference;
    scale = Math.max(scale, Math.abs(expected[i]));
  }
  return largest / scale;
}

/** The largest distance over value and gradients, and where it is. */
export function worstOf(actual: Outcome, expected: Outcome): { error: number; where: string } {
  let worst = { error: distance(actual.value, expected.value), where: 'value' };
  for (const name of Object.keys(expected.gradients)) {
    const error = distance(actual.gradients[name], expected.gradients[name]);
    if (error > worst.error) worst = { error, where: `gradient of ${name}` };
  }
  return worst;
}

/** The drawn inputs of a sample and a seed for its gradient. */
export function draw(sample: AnySample, leaf: (shape: Shape) => Shape, shapeOfY: Shape) {
  const random = new Random(7);
  const leaves: Record<string, Nd> = {};
  for (const [name, shape] of Object.entries(sample.shapes))
    leaves[name] = normal(leaf(shape), random, sample.positive);
  return { leaves, seed: normal(shapeOfY, random) };
}

/**
 * What is wrong with a row of the table, sample by sample: its shape rule, its gradient against central differences, its
 * composition of plain ops, values and gradients. Everything in float64.
 */
export async function problems({ spec, apply }: AnyOp, float64: Backend): Promise<string[]> {
  const found: string[] = [];
  let largest = 0;
  for (const sample of spec.samples) {
    const say = (what: string) => found.push(`${spec.name} ${JSON.stringify(sample.shapes)}: ${what}`);
    const shape = spec.shape(sample.shapes, sample.attributes);
    const { leaves, seed } = draw(sample, (x) => x, shape);
    const names = Object.keys(leaves);
    const inputs = Object.values(leaves).map((x) => place(x, float64));
    const f = (...values: Tensor[]) =>
      apply(Object.fromEntries(names.map((name, i) => [name, values[i]])), sample.attributes);
    const y = f(...inputs);
    if (y.shape.join() !== shape.join()) say(`y is [${y.shape.join()}], its shape rule says [${shape.join()}]`);
    const outcome = await run(
      (x) => apply(x, sample.attributes),
      leaves,
      (x) => x,
      seed,
      float64,
    );
    const check = await checkGradient(f, inputs);
    if (!(check.error < 1e-6)) say(`its gradient is off by ${check.error}`);
    largest = Math.max(largest, check.largest);
    if (!spec.composition) continue;
    const plain = await run(
      (x) => spec.composition!(x, sample.attributes),
      leaves,
      (x) => x,
      seed,
      float64,
    );
    const { error, where } = worstOf(outcome, plain);
    if (!(error < 1e-9)) say(`${where} differs from its composition by ${error}`);
  }
  if (!(largest > 1e-6)) found.push(`${spec.name}: its gradient is 0 in all samples`);
  return found;
}
