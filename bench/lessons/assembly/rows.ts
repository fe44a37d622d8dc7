// Steps 3 and 4 of docs/matmul.md: rows of B added up, in WebAssembly, one number at a time and four.

/** Step 3: as step 2, in WebAssembly. */
export function rows(a: usize, b: usize, c: usize, m: i32, n: i32, k: i32): void {
  memory.fill(c, 0, (m * n) << 2);
  for (let i = 0; i < m; i++)
    for (let p = 0; p < k; p++) {
      const x = load<f32>(a + ((i * k + p) << 2));
      for (let j = 0; j < n; j++) {
        const at = c + ((i * n + j) << 2);
        store<f32>(at, load<f32>(at) + x * load<f32>(b + ((p * n + j) << 2)));
      }
    }
}

/** Step 4: four columns at once. Each multiply-add still reads B, reads C and writes C. */
export function rowsOfFour(a: usize, b: usize, c: usize, m: i32, n: i32, k: i32): void {
  memory.fill(c, 0, (m * n) << 2);
  for (let i = 0; i < m; i++)
    for (let p = 0; p < k; p++) {
      const x = load<f32>(a + ((i * k + p) << 2));
      const four = f32x4.splat(x);
      let j = 0;
      for (; j + 4 <= n; j += 4) {
        const at = c + ((i * n + j) << 2);
        v128.store(at, f32x4.add(v128.load(at), f32x4.mul(four, v128.load(b + ((p * n + j) << 2)))));
      }
      for (; j < n; j++) {
        const at = c + ((i * n + j) << 2);
        store<f32>(at, load<f32>(at) + x * load<f32>(b + ((p * n + j) << 2)));
      }
    }
}
