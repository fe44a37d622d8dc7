// Principal components: rows of numbers in fewer columns, those along which they differ most. After Pearson (1901); sklearn's PCA.
import { symmetricEigen } from './eigen.js';

export interface Components {
  /** [n, count], row-major: the rows without their mean, along the directions. */
  readonly rows: Float64Array;
  readonly count: number;
  /** [count] vectors of `width` numbers, of length 1; of each, the number that is the largest by size is positive. */
  readonly directions: readonly Float64Array[];
  /** [width] The mean of the rows. */
  readonly mean: Float64Array;
  /** The share of the variance that is left, 0 .. 1; 1 where there is none. */
  readonly kept: number;
}

/**
 * The `count` principal components of rows [n, width], all where these are fewer. Sums are in float64.
 * @throws if the numbers are no rows of that width, at least one, or one of them is none
 */
export function principalComponents(x: Float32Array, width: number, count: number): Components {
  const n = x.length / width;
  if (!(Number.isInteger(n) && n > 0))
    throw new Error(`principalComponents: ${x.length} numbers are no rows of ${width}. Give at least one whole row.`);
  const mean = meanOf(x, width);
  const { values, vectors } = symmetricEigen(scatter(x, mean), width);
  const directions = vectors.slice(0, count).map(upright);
  const total = sum(values);
  const rows = new Float64Array(n * directions.length);
  const centred = new Float64Array(width);
  for (let row = 0, at = 0; row < n; row++) {
    for (let i = 0; i < width; i++) centred[i] = x[row * width + i] - mean[i];
    for (const direction of directions) {
      let along = 0;
      for (let i = 0; i < width; i++) along += centred[i] * direction[i];
      rows[at++] = along;
    }
  }
  const kept = total > 0 ? sum(values.subarray(0, count)) / total : 1;
  return { rows, count: directions.length, directions, mean, kept };
}

const sum = (values: Float64Array): number => values.reduce((all, value) => all + value, 0);

function meanOf(x: Float32Array, width: number): Float64Array {
  const mean = new Float64Array(width);
  for (let at = 0; at < x.length; at += width) for (let i = 0; i < width; i++) mean[i] += x[at + i];
  return mean.map((value) => (value * width) / x.length);
}

/** Rows that are added up together: each number of the matrix is loaded and stored once for all of them. */
const GROUP = 4;

/** The sum over rows of (row - mean) (row - mean)^T: the covariance times their number, [width, width]. */
function scatter(x: Float32Array, mean: Float64Array): Float64Array {
  const width = mean.length;
  const matrix = new Float64Array(width * width);
  // Rows beyond the last are zeros, which add nothing.
  const [a, b, c, d] = Array.from({ length: GROUP }, () => new Float64Array(width));
  for (let begin = 0; begin < x.length; begin += GROUP * width) {
    [a, b, c, d].forEach((row, r) => {
      const at = begin + r * width;
      for (let i = 0; i < width; i++) row[i] = at < x.length ? x[at + i] - mean[i] : 0;
    });
    for (let i = 0; i < width; i++) {
      const [ai, bi, ci, di] = [a[i], b[i], c[i], d[i]];
      for (let j = i, at = i * width + i; j < width; j++, at++)
        matrix[at] += ai * a[j] + bi * b[j] + ci * c[j] + di * d[j];
    }
  }
  for (let i = 0; i < width; i++) for (let j = 0; j < i; j++) matrix[i * width + j] = matrix[j * width + i];
  return matrix;
}

/** Of the two vectors that point along a line, one. */
function upright(vector: Float64Array): Float64Array {
  const largest = vector.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
  return largest < 0 ? vector.map((value) => -value) : vector;
}
