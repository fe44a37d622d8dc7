// What happens to a pooled vector before it is compared: sentence-transformers' modules Dense, LayerNorm and Normalize.
import { normalCdf } from '../kernels/index.js';

/** A function of one vector, in float64. The width of what it returns depends on that of its input alone. */
export type VectorStep = (x: Float64Array) => Float64Array;

/** How vectors are compared, by sentence-transformers' names: of distances, the negative is the score. */
export const similarities = ['cosine', 'dot', 'euclidean', 'manhattan'] as const;
export type Similarity = (typeof similarities)[number];

// Loops, and not `reduce` and `map`: of a static encoder these steps were half of the time.
function squares(x: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i] * x[i];
  return sum;
}

/** x / max(|x|, 1e-12): length 1, a vector of zeros stays one. As torch.nn.functional.normalize. */
export const unitLength: VectorStep = (x) => {
  const factor = 1 / Math.max(Math.sqrt(squares(x)), 1e-12);
  const y = new Float64Array(x.length);
  for (let i = 0; i < x.length; i++) y[i] = x[i] * factor;
  return y;
};

/** The first `width` numbers; all, where there are fewer. */
export const truncate =
  (width: number): VectorStep =>
  (x) =>
    x.slice(0, width);

/** Layer norm with biased variance (Ba et al., 2016), eps 1e-5 as torch.nn.LayerNorm; gain and bias are as wide as x. */
export const layerNorm =
  ({ gain, bias }: Readonly<Record<'gain' | 'bias', Float32Array>>): VectorStep =>
  (x) => {
    const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
    const centred = x.map((value) => value - mean);
    const inverse = 1 / Math.sqrt(squares(centred) / x.length + 1e-5);
    return centred.map((value, i) => value * inverse * gain[i] + bias[i]);
  };

/** A matrix times a vector: weight [outputs, inputs], row-major, x [inputs]. */
function product(weight: Float32Array, x: Float64Array): Float64Array {
  return Float64Array.from({ length: weight.length / x.length }, (_, row) => {
    let sum = 0;
    for (let i = 0, at = row * x.length; i < x.length; i++, at++) sum += weight[at] * x[i];
    return sum;
  });
}

/** Functions of a number by the names of torch.nn's classes, with the parameters that these have by default. */
export const activations: ReadonlyMap<string, (x: number) => number> = new Map([
  ['Identity', (x: number) => x],
  ['Tanh', Math.tanh],
  ['Sigmoid', sigmoid],
  ['ReLU', (x: number) => Math.max(x, 0)],
  ['LeakyReLU', (x: number) => (x > 0 ? x : 0.01 * x)],
  ['ELU', (x: number) => (x > 0 ? x : Math.expm1(x))],
  ['GELU', (x: number) => x * normalCdf(x)],
  ['SiLU', (x: number) => x * sigmoid(x)],
  ['Softsign', (x: number) => x / (1 + Math.abs(x))],
]);

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

export interface DenseWeights {
  /** [outputs, inputs], row-major. */
  readonly weight: Float32Array;
  /** [outputs]; default zeros. */
  readonly bias?: Float32Array;
  /** What is added to the outputs: the inputs, or their product with a matrix [outputs, inputs]. Default nothing. */
  readonly residual?: 'inputs' | Float32Array;
}

/** activation(weight x + bias), then the residual. */
export const dense =
  ({ weight, bias, residual }: DenseWeights, activation: (x: number) => number): VectorStep =>
  (x) => {
    const y = product(weight, x).map((value, i) => activation(value + (bias?.[i] ?? 0)));
    if (residual === undefined) return y;
    const added = residual === 'inputs' ? x : product(residual, x);
    return y.map((value, i) => value + added[i]);
  };
