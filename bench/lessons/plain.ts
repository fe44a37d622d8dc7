// The first two steps of docs/matmul.md: C = A B in JavaScript, a [m, k], b [k, n], c [m, n], row-major.

/** Step 1: each element of C is a dot product. B is read down its columns, a whole row apart from one number to the next. */
export function dots(a: Float32Array, b: Float32Array, c: Float32Array, m: number, n: number, k: number): void {
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let p = 0; p < k; p++) sum += a[i * k + p] * b[p * n + j];
      c[i * n + j] = sum;
    }
}

/** Step 2: each row of C is a sum of rows of B. The same multiplications; everything is read along. */
export function rows(a: Float32Array, b: Float32Array, c: Float32Array, m: number, n: number, k: number): void {
  c.fill(0);
  for (let i = 0; i < m; i++)
    for (let p = 0; p < k; p++) {
      const x = a[i * k + p];
      for (let j = 0; j < n; j++) c[i * n + j] += x * b[p * n + j];
    }
}
