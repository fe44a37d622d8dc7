// Gradient check by projection: <u, J v> against <J^T u, v>, in float64.
import type { FloatArray } from '../kernels/backend.js';
import { scope } from './lifetime.js';
import { noGrad } from './tape.js';
import { Tensor, tensor } from './tensor.js';
import { vjp } from './backward.js';
import { Random } from './random.js';

export interface GradientCheck {
  /** Largest |analytic - numeric| / (|analytic| + |numeric| + 1e-8) over inputs and directions. */
  error: number;
  /** Largest |analytic| derivative seen: a check in which everything is 0 proves nothing. */
  largest: number;
}

const dot = (a: FloatArray, b: FloatArray): number => Array.from(a).reduce((sum, value, i) => sum + value * b[i], 0);

/**
 * Compares the tape's gradient of `f` with central differences along random directions, one input at a time.
 * Use tensors of a float64 backend; the error is then some 1e-8 for a right rule.
 * @throws if f does not depend on an input
 */
export async function checkGradient(
  f: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  { directions = 3, step = 1e-5, seed = 1 } = {},
): Promise<GradientCheck> {
  const random = new Random(seed);
  const normals = (length: number) => Float64Array.from({ length }, () => random.normal());
  const result = { error: 0, largest: 0 };
  for (let n = 0; n < directions; n++) {
    const leaves = inputs.map((x) => new Tensor(x.buffer, x.shape, x.strides, undefined, true));
    const u = normals(noGrad(() => scope(() => f(...inputs).size)));
    const gradients = scope(() => {
      const y = f(...leaves);
      return vjp(y, tensor(u, y.shape, { backend: y.backend }), leaves);
    });
    for (const [i, x] of inputs.entries()) {
      if (x.size === 0) continue;
      const gradient = gradients[i];
      if (!gradient) throw new Error(`checkGradient: the function does not depend on input ${i}`);
      const v = normals(x.size);
      const slope = await gradient.read();
      const analytic = dot(slope, v);
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
      result.error = Math.max(
        result.error,
        Math.abs(analytic - numeric) / (Math.abs(analytic) + Math.abs(numeric) + 1e-8),
      );
      result.largest = Math.max(result.largest, Math.abs(analytic));
    }
  }
  return result;
}
