// The wasm engine's matrix multiply against a float64 product, and its promise of the same bits for any partition.
import fc from 'fast-check';
import t from 'tap';
import { Engine } from '../../kernels/wasm/engine.js';
import type { Gemm } from '../../kernels/wasm/gemm.js';

const engines = await Promise.all([1, 2, 3].map((threads) => Engine.open({ threads })));
/** The same without relaxed SIMD: another tile, and two roundings for one. */
const separate = await Promise.all([1, 2].map((threads) => Engine.open({ threads, relaxed: false })));
t.teardown(() => Promise.all([...engines, ...separate].map((engine) => engine.close())));

/** A problem with its strides spelled out and the operands' contents drawn from `seed`. */
interface Case {
  m: number;
  n: number;
  k: number;
  batch: number;
  transA: boolean;
  transB: boolean;
  bias: boolean;
  accumulate: boolean;
  /** Floats added to each row and to each matrix. */
  pad: number;
  gap: number;
  sharedA: boolean;
  sharedB: boolean;
  seed: number;
}

const plain: Omit<Case, 'm' | 'n' | 'k'> = {
  batch: 1,
  transA: false,
  transB: false,
  bias: false,
  accumulate: false,
  pad: 0,
  gap: 0,
  sharedA: false,
  sharedB: false,
  seed: 1,
};

function layout({ m, n, k, batch, transA, transB, pad, gap, sharedA, sharedB }: Case) {
  const lda = (transA ? m : k) + pad;
  const ldb = (transB ? k : n) + pad;
  const ldc = n + pad;
  const strideA = sharedA ? 0 : (transA ? k : m) * lda + gap;
  const strideB = sharedB ? 0 : (transB ? n : k) * ldb + gap;
  const strideC = m * ldc + gap;
  return { m, n, k, batch, transA, transB, lda, ldb, ldc, strideA, strideB, strideC };
}

/** The worst rounding error of a float32 sum of k products, with room for the largest term. */
const tolerance = (k: number) => 1e-6 * (k + 4);

function operands(test: Case) {
  const { m, n, k, batch, lda, ldb, strideA, strideB, strideC, transA, transB } = layout(test);
  let state = test.seed >>> 0;
  const draw = (length: number) =>
    Float32Array.from({ length }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 31 - 1;
    });
  return {
    a: draw((batch - 1) * strideA + (transA ? k : m) * lda),
    b: draw((batch - 1) * strideB + (transB ? n : k) * ldb),
    c: draw(batch * strideC),
    bias: draw(n),
  };
}

type Operands = ReturnType<typeof operands>;

/** C as the engine leaves it, padding included. */
function run(engine: Engine, test: Case, data = operands(test)): Float32Array {
  const pointers = { a: 0, b: 0, c: 0, bias: 0 };
  for (const name of ['a', 'b', 'c', 'bias'] as const) {
    pointers[name] = engine.heap.alloc(4 * data[name].length);
    engine.heap.f32(pointers[name], data[name].length).set(data[name]);
  }
  const problem: Gemm = { ...layout(test), ...pointers, accumulate: test.accumulate };
  if (!test.bias) delete problem.bias;
  engine.gemm(problem);
  const result = engine.heap.f32(pointers.c, data.c.length).slice();
  for (const pointer of Object.values(pointers)) engine.heap.free(pointer);
  return result;
}

/** The same product in float64, each element one plain sum. */
function expected(test: Case, data: Operands): Float64Array {
  const { m, n, k, batch, transA, transB, lda, ldb, ldc, strideA, strideB, strideC } = layout(test);
  const result = Float64Array.from(data.c);
  for (let z = 0; z < batch; z++) {
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = test.bias ? data.bias[j] : 0;
        for (let p = 0; p < k; p++) {
          const a = data.a[z * strideA + (transA ? p * lda + i : i * lda + p)];
          const b = data.b[z * strideB + (transB ? j * ldb + p : p * ldb + j)];
          sum += a * b;
        }
        const at = z * strideC + i * ldc + j;
        result[at] = test.accumulate ? data.c[at] + sum : sum;
      }
    }
  }
  return result;
}

function worst(actual: Float32Array, wanted: Float64Array): number {
  return wanted.reduce((most, value, i) => {
    const error = Math.abs(actual[i] - value);
    return error <= most ? most : Number.isNaN(error) ? Infinity : error;
  }, 0);
}

function check(test: Case): void {
  const data = operands(test);
  const wanted = expected(test, data);
  for (const group of [engines, separate]) {
    const [first, ...others] = group.map((engine) => run(engine, test, data));
    const error = worst(first, wanted);
    if (error > tolerance(test.k)) throw new Error(`off by ${error}`);
    for (const other of others) {
      if (Buffer.compare(Buffer.from(first.buffer), Buffer.from(other.buffer)) !== 0) throw new Error('bits differ');
    }
  }
}

const size = (max: number) => fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 1, max }));

void t.test('random problems agree with the float64 product, with the same bits on 1, 2 and 3 threads', async () => {
  const problem = fc.record({
    m: size(70),
    n: size(70),
    k: size(70),
    batch: fc.integer({ min: 1, max: 4 }),
    transA: fc.boolean(),
    transB: fc.boolean(),
    bias: fc.boolean(),
    accumulate: fc.boolean(),
    pad: fc.integer({ min: 0, max: 5 }),
    gap: fc.integer({ min: 0, max: 5 }),
    sharedA: fc.boolean(),
    sharedB: fc.boolean(),
    seed: fc.nat(),
  });
  fc.assert(fc.property(problem, check), { numRuns: 400 });
});

void t.test('problems large enough to be shared out among threads and cut along k', async () => {
  for (const transA of [false, true]) {
    for (const transB of [false, true]) {
      for (const [m, n, k] of [
        [131, 75, 300],
        [1, 600, 257],
        [600, 1, 514],
        [33, 200, 513],
      ]) {
        check({ ...plain, m, n, k, transA, transB, bias: true, accumulate: true });
        check({ ...plain, m, n, k, transA, transB, batch: 3, sharedB: true });
      }
    }
  }
});

void t.test('a B too large to be packed at once is taken in pieces', async () => {
  check({ ...plain, m: 2, n: 9000, k: 400, transB: true, bias: true });
  check({ ...plain, m: 1, n: 300, k: 900, batch: 12 });
});

void t.test('k = 0 gives the bias, zero, or what was there', async (t) => {
  const [engine] = engines;
  t.ok(run(engine, { ...plain, m: 5, n: 20, k: 0 }).every((value) => value === 0));
  const test = { ...plain, m: 5, n: 20, k: 0, bias: true };
  t.same([...run(engine, test).subarray(20, 40)], [...operands(test).bias]);
  const kept = { ...plain, m: 5, n: 20, k: 0, accumulate: true };
  t.same(run(engine, kept), operands(kept).c);
});

void t.test('nothing outside the m x n elements of C is written', async (t) => {
  const test = { ...plain, m: 7, n: 21, k: 9, pad: 6 };
  const before = operands(test).c;
  const after = run(engines[1], test);
  before.forEach((value, i) => {
    if (i % 27 >= 21) t.equal(after[i], value);
  });
});

void t.test('an element has the same bits wherever it lies in the product', async (t) => {
  const [engine] = engines;
  const [m, n, k] = [51, 43, 600];
  const { a, b } = operands({ ...plain, m, n, k });
  const at = { a: engine.heap.alloc(4 * m * k), b: engine.heap.alloc(4 * n * k), c: engine.heap.alloc(4 * m * n) };
  engine.heap.f32(at.a, m * k).set(a);
  engine.heap.f32(at.b, n * k).set(b);
  engine.gemm({ ...at, m, n, k });
  const whole = engine.heap.f32(at.c, m * n).slice();
  for (const [row, column] of [
    [0, 0],
    [50, 42],
    [17, 30],
  ]) {
    engine.gemm({ ...at, a: at.a + 4 * row * k, b: at.b + 4 * column, m: 1, n: 1, k, ldb: n });
    t.equal(engine.heap.f32(at.c, 1)[0], whole[row * n + column]);
  }
  for (const pointer of Object.values(at)) engine.heap.free(pointer);
});

void t.test('the heap is as it was but for the workspace, and the workspace stops growing', async (t) => {
  const [engine] = engines;
  const test = { ...plain, m: 64, n: 64, k: 64 };
  run(engine, test);
  const { liveBytes, liveBlocks } = engine.heap;
  for (let i = 0; i < 20; i++) run(engine, test);
  t.equal(engine.heap.liveBytes, liveBytes);
  t.equal(engine.heap.liveBlocks, liveBlocks);
});
