// Gradient check by projection: <u, J v> against <J^T u, v>, in float64, u as it comes and as views of other memory.
import type { FloatArray } from '../kernels/index.js';
import { scope } from './lifetime.js';
import { noGrad } from './tape.js';
import { Tensor, tensor } from './tensor.js';
import { vjp } from './backward.js';
import { contiguous } from './op.js';
import { Random } from './random.js';
import { sizeOf } from './shape.js';

export interface GradientCheck {
  /**
   * Largest |analytic - numeric| / (|analytic| + |numeric| + 1e-8) over inputs and directions, and the same of the
   * gradients for an incoming gradient that is a view against those for a copy of it.
   */
  error: number;
  /** Largest |analytic| derivative seen: a check in which everything is 0 proves nothing. */
  largest: number;
}

type Differentiable = (...inputs: Tensor[]) => Tensor;

const relative = (difference: number, a: number, b: number): number => Math.abs(difference) / (a + b + 1e-8);
const dot = (a: FloatArray, b: FloatArray): number => Array.from(a).reduce((sum, value, i) => sum + value * b[i], 0);
const largestOf = (a: FloatArray): number => Array.from(a).reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** Gradients of sum(y seed(y)), y = f(inputs), for inputs that have cells. @throws if f does not depend on one of them */
function gradientsOf(f: Differentiable, inputs: readonly Tensor[], seed: (y: Tensor) => Tensor) {
  const gradients = scope(() => {
    const leaves = inputs.map((x) => new Tensor(x.buffer, x.shape, x.strides, undefined, true));
    const y = f(...leaves);
    return vjp(y, seed(y), leaves);
  });
  return inputs.map((x, i) => {
    const gradient = gradients[i];
    if (!gradient && x.size > 0) throw new Error(`checkGradient: the function does not depend on input ${i}`);
    return gradient;
  });
}

/**
 * Compares the tape's gradient of `f` with central differences along random directions, one input at a time; and with
 * itself, for incoming gradients that are transposed in memory or expanded, as the ops that come after f may hand them on.
 * Use tensors of a float64 backend; the error is then some 1e-8 for a right rule.
 * @throws if f does not depend on an input
 */
export async function checkGradient(
  f: Differentiable,
  inputs: readonly Tensor[],
  { directions = 3, step = 1e-5, seed = 1 } = {},
): Promise<GradientCheck> {
  const random = new Random(seed);
  const normals = (length: number) => Float64Array.from({ length }, () => random.normal());
  const result = { error: 0, largest: 0 };
  for (let n = 0; n < directions; n++) {
    const u = normals(noGrad(() => scope(() => f(...inputs).size)));
    const gradients = gradientsOf(f, inputs, (y) => tensor(u, y.shape, { backend: y.backend }));
    for (const [i, x] of inputs.entries()) {
      if (x.size === 0) continue;
      const v = normals(x.size);
      const analytic = dot(await gradients[i]!.read(), v);
      const base = await x.read();
      const along = async (t: number) => {
        const moved = base.map((value, j) => value + t * v[j]);
        const y = noGrad(() =>
          scope(() =>
            f(...inputs.map((other, j) => (j === i ? tensor(moved, x.shape, { backend: x.backend }) : other))),
          ),
        );
        return dot(await y.read(), u);
      };
      const numeric = ((await along(step)) - (await along(-step))) / (2 * step);
      result.error = Math.max(result.error, relative(analytic - numeric, Math.abs(analytic), Math.abs(numeric)));
      result.largest = Math.max(result.largest, Math.abs(analytic));
    }
  }
  result.error = Math.max(result.error, await viewError(f, inputs, random));
  return result;
}

/** How far the gradients for an incoming gradient that is a view are from those for a contiguous copy of it. */
async function viewError(f: Differentiable, inputs: readonly Tensor[], random: Random): Promise<number> {
  let error = 0;
  for (const view of [transposed, expanded]) {
    const state = random.state();
    const seen = gradientsOf(f, inputs, (y) => view(y, random));
    random.restore(state);
    const plain = gradientsOf(f, inputs, (y) => contiguous(view(y, random)));
    for (const [i, gradient] of seen.entries()) {
      if (!gradient) continue;
      const [a, b] = [await gradient.read(), await plain[i]!.read()];
      error = Math.max(error, relative(largestOf(a.map((value, j) => value - b[j])), largestOf(a), largestOf(b)));
    }
  }
  return error;
}

const normal = (shape: readonly number[], random: Random, { backend }: Tensor): Tensor =>
  tensor(
    Float64Array.from({ length: sizeOf(shape) }, () => random.normal()),
    shape,
    { backend },
  );

/** Random numbers of y's shape whose axes lie in memory the other way round. */
function transposed(y: Tensor, random: Random): Tensor {
  const axes = y.shape.map((_, i) => y.rank - 1 - i);
  return normal([...y.shape].reverse(), random, y).permute(...axes);
}

/** Random numbers of y's shape that are the same all along its first axis, and one in memory. */
const expanded = (y: Tensor, random: Random): Tensor =>
  normal(
    y.shape.map((extent, axis) => (axis === 0 ? 1 : extent)),
    random,
    y,
  ).expand(y.shape);
