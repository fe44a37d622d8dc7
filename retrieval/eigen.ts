// Eigenvalues of a symmetric matrix, all with their vectors: Householder's reflections, then implicit QL. After Martin,
// Reinsch and Wilkinson (1968) and Dubrulle, Martin and Wilkinson (1968); Golub and Van Loan, Matrix Computations, 8.3.

/** Eigenvalues, the largest first, and the vector of each, of length 1. */
export interface Eigen {
  /** [n] */
  readonly values: Float64Array;
  /** [n] vectors of n numbers, orthogonal to each other. Each may as well be its negative. */
  readonly vectors: readonly Float64Array[];
}

/** Rounds of QL that an eigenvalue may take: two or three are usual. */
const ROUNDS = 50;

/**
 * The eigenvalues of a symmetric matrix and their vectors, in some 6 n^3 operations in float64. (mathjs's `eigs` is Jacobi's
 * method, and needs for 128 rows as long as this for 512.)
 * @param matrix [n, n], row-major; not changed
 * @throws if a number is none: NaN or infinite
 */
export function symmetricEigen(matrix: Float64Array, n: number): Eigen {
  const at = matrix.findIndex((value) => !Number.isFinite(value));
  if (at >= 0)
    throw new Error(
      `symmetricEigen: the number in row ${Math.floor(at / n)}, column ${at % n} is ${matrix[at]}; give a matrix of finite numbers.`,
    );
  const { diagonal, beside, basis } = tridiagonal(matrix, n);
  diagonalise(diagonal, beside, basis);
  const order = [...diagonal.keys()].sort((i, j) => diagonal[j] - diagonal[i] || i - j);
  return { values: Float64Array.from(order, (i) => diagonal[i]), vectors: order.map((i) => basis[i]) };
}

/** A tridiagonal matrix T: T[i][i] = diagonal[i], T[i][i + 1] = beside[i]. */
interface Tridiagonal {
  readonly diagonal: Float64Array;
  readonly beside: Float64Array;
  /** Rows of Q^T, where A = Q T Q^T. As rows, since QL turns two of them at a time, from end to end. */
  readonly basis: Float64Array[];
}

/** Reflections H = I - 2 v v^T, |v| = 1, from both sides, that leave one number beside the diagonal of each row in turn. */
function tridiagonal(matrix: Float64Array, n: number): Tridiagonal {
  const a = Array.from({ length: n }, (_, i) => matrix.slice(i * n, (i + 1) * n));
  const diagonal = new Float64Array(n);
  const beside = new Float64Array(n);
  const mirrors: (Float64Array | undefined)[] = [];
  for (let k = 0; k < n; k++) {
    diagonal[k] = a[k][k];
    if (k === n - 1) break;
    const v = k < n - 2 ? mirrorOf(a[k], k + 1) : undefined;
    mirrors.push(v);
    beside[k] = v ? a[k][k + 1] - 2 * v[k + 1] * dot(v, a[k], k + 1) : a[k][k + 1];
    if (v) reflectBoth(a, v, k + 1);
  }
  const basis = Array.from({ length: n }, (_, i) => new Float64Array(n).fill(1, i, i + 1));
  // Q^T = H_(n-3) ... H_0, multiplied from the left end: then rows before k + 1 are still those of I.
  for (let k = mirrors.length - 1; k >= 0; k--) {
    const v = mirrors[k];
    if (v) for (let i = k + 1; i < n; i++) subtract(basis[i], 2 * dot(basis[i], v, k + 1), v, k + 1);
  }
  return { diagonal, beside, basis };
}

/** The unit vector v whose mirror puts all of row[from ..] onto its first number; none where it is there already. */
function mirrorOf(row: Float64Array, from: number): Float64Array | undefined {
  const length = Math.hypot(...row.subarray(from));
  const v = Float64Array.from(row, (value, i) => (i < from ? 0 : value));
  if (v.every((value, i) => i <= from || value === 0)) return undefined;
  // Away from zero, so that nothing cancels.
  v[from] += v[from] < 0 ? -length : length;
  const norm = Math.hypot(...v);
  return v.map((value) => value / norm);
}

/** A = H A H = A - v w^T - w v^T with w = 2 (p - (v . p) v), p = A v, below and right of `from`. */
function reflectBoth(a: readonly Float64Array[], v: Float64Array, from: number): void {
  const p = Float64Array.from(a, (row, i) => (i < from ? 0 : dot(row, v, from)));
  const along = dot(v, p, from);
  const w = p.map((value, i) => 2 * (value - along * v[i]));
  for (let i = from; i < a.length; i++) {
    const [row, vi, wi] = [a[i], v[i], w[i]];
    for (let j = from; j < row.length; j++) row[j] -= vi * w[j] + wi * v[j];
  }
}

function dot(x: Float64Array, y: Float64Array, from: number): number {
  let sum = 0;
  for (let i = from; i < x.length; i++) sum += x[i] * y[i];
  return sum;
}

function subtract(x: Float64Array, factor: number, y: Float64Array, from: number): void {
  for (let i = from; i < x.length; i++) x[i] -= factor * y[i];
}

/** Turns T into a diagonal of eigenvalues, and the rows of `basis` with it, which become the vectors. */
function diagonalise(d: Float64Array, e: Float64Array, basis: readonly Float64Array[]): void {
  const n = d.length;
  // What is smaller changes no eigenvalue by more than the last bit of the largest.
  const nothing = Number.EPSILON * d.reduce((most, value, i) => Math.max(most, Math.abs(value) + Math.abs(e[i])), 0);
  for (let low = 0; low < n; low++) {
    for (let round = 0; ; round++) {
      let high = low;
      while (high < n - 1 && Math.abs(e[high]) > nothing) high++;
      if (high === low) break;
      if (round === ROUNDS) throw new Error(`symmetricEigen: no eigenvalue ${low} after ${ROUNDS} rounds.`);
      chase(d, e, basis, low, high);
    }
  }
}

/** One round of QL with Wilkinson's shift on rows low .. high, whose `e` are not nothing: a bulge, chased up by rotations. */
function chase(d: Float64Array, e: Float64Array, basis: readonly Float64Array[], low: number, high: number): void {
  const half = (d[low + 1] - d[low]) / (2 * e[low]);
  const shift = d[low] - e[low] / (half + Math.sign(half || 1) * Math.hypot(half, 1));
  let [sine, cosine, moved] = [1, 1, 0];
  let g = d[high] - shift;
  for (let i = high - 1; i >= low; i--) {
    const [f, b] = [sine * e[i], cosine * e[i]];
    const r = Math.hypot(f, g);
    e[i + 1] = r;
    if (r === 0) {
      // The matrix falls in two here; the next round takes the upper part.
      d[i + 1] -= moved;
      e[high] = 0;
      return;
    }
    [sine, cosine] = [f / r, g / r];
    const rest = d[i + 1] - moved;
    const s = (d[i] - rest) * sine + 2 * cosine * b;
    moved = sine * s;
    d[i + 1] = rest + moved;
    g = cosine * s - b;
    rotate(basis[i], basis[i + 1], cosine, sine);
  }
  d[low] -= moved;
  e[low] = g;
  e[high] = 0;
}

function rotate(lower: Float64Array, upper: Float64Array, cosine: number, sine: number): void {
  for (let k = 0; k < lower.length; k++) {
    const [x, y] = [lower[k], upper[k]];
    lower[k] = cosine * x - sine * y;
    upper[k] = sine * x + cosine * y;
  }
}
