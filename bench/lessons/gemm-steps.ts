// The steps of docs/matmul.md: C = A B, from a triple loop to the product's own kernel on all threads.
import { Engine } from '../../kernels/wasm/engine.js';
import { hasRelaxedSimd } from '../../kernels/wasm/relaxed.js';
import { LessonModule } from './module.js';
import { dots, rows } from './plain.js';

/** a [m, k], b [k, n], c [m, n], row-major. */
export interface Product {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly a: Float32Array;
  readonly b: Float32Array;
}

/** A product that is ready to be computed, over and over. */
export interface Loaded {
  run(): void;
  result(): Float32Array;
  close(): Promise<void>;
}

export interface Step {
  /** What is new. */
  readonly name: string;
  /** How many threads compute. */
  readonly threads: number;
  load(product: Product): Promise<Loaded>;
}

const inJavaScript =
  (multiply: typeof dots): Step['load'] =>
  ({ a, b, m, n, k }) => {
    const c = new Float32Array(m * n);
    return Promise.resolve({
      run: () => multiply(a, b, c, m, n, k),
      result: () => c,
      close: () => Promise.resolve(),
    });
  };

/** Cells of packed operands, at most, and of the tile that C cuts off. */
const workCells = ({ m, n, k }: Product): number => (m + 6) * (k + 6) + (n + 8) * (k + 6) + 64;

const inWebAssembly =
  (name: string, { relaxed = false } = {}): Step['load'] =>
  async (product) => {
    if (relaxed && !(await hasRelaxedSimd()))
      throw new Error('this host has no relaxed SIMD, so that a multiply and an add are two instructions.');
    const module = await LessonModule.open(relaxed);
    const { a, b, m, n, k } = product;
    const [to, from, out] = [a.length, b.length, m * n].map((count) => module.alloc(count));
    const work = module.alloc(workCells(product));
    module.f32(to, a.length).set(a);
    module.f32(from, b.length).set(b);
    return {
      run: () => module.run(name, to, from, out, m, n, k, work),
      result: () => module.f32(out, m * n).slice(),
      close: () => Promise.resolve(),
    };
  };

const inTheLibrary =
  (threads: number): Step['load'] =>
  async ({ a, b, m, n, k }) => {
    const engine = await Engine.open({ threads });
    const [to, from, out] = [a.length, b.length, m * n].map((count) => engine.heap.alloc(4 * Math.max(1, count)));
    engine.heap.f32(to, a.length).set(a);
    engine.heap.f32(from, b.length).set(b);
    return {
      run: () => engine.gemm({ a: to, b: from, c: out, m, n, k }),
      result: () => engine.heap.f32(out, m * n).slice(),
      close: () => engine.close(),
    };
  };

/** In their order; step N is the Nth. */
export const gemmSteps: readonly Step[] = [
  { name: 'three loops in JavaScript', threads: 1, load: inJavaScript(dots) },
  { name: 'along the rows', threads: 1, load: inJavaScript(rows) },
  { name: 'in WebAssembly', threads: 1, load: inWebAssembly('rows') },
  { name: 'four columns at once', threads: 1, load: inWebAssembly('rowsOfFour') },
  { name: 'sums in registers', threads: 1, load: inWebAssembly('tiles') },
  { name: 'packed operands', threads: 1, load: inWebAssembly('packed') },
  { name: 'blocks for the caches', threads: 1, load: inWebAssembly('blocked') },
  { name: 'multiply and add as one', threads: 1, load: inWebAssembly('fused', { relaxed: true }) },
  { name: 'a larger tile', threads: 1, load: inWebAssembly('larger', { relaxed: true }) },
  { name: "the library's tile", threads: 1, load: inTheLibrary(1) },
  { name: 'two threads', threads: 2, load: inTheLibrary(2) },
];

/** Whole numbers from -8 to 8, the same every time: their sums are exact in float32, in any order, up to k of 2^18. */
export function product(m: number, n: number, k: number): Product {
  const numbers = (count: number, by: number) => Float32Array.from({ length: count }, (_, i) => ((i * by) % 17) - 8);
  return { m, n, k, a: numbers(m * k, 7919), b: numbers(k * n, 6007) };
}

/** An element that is not what it should be. */
export interface Wrong {
  readonly row: number;
  readonly column: number;
  readonly found: number;
  readonly expected: number;
}

/**
 * The first element of c that is not that of the product, if one is not. Operands are whole numbers, so that nothing is
 * rounded. Of a large product the rows are looked at that `every` picks.
 */
export function wrongIn(c: Float32Array, { m, n, k, a, b }: Product, every = 1): Wrong | undefined {
  for (let row = 0; row < m; row += every) {
    const wanted = new Float64Array(n);
    for (let p = 0; p < k; p++) for (let j = 0; j < n; j++) wanted[j] += a[row * k + p] * b[p * n + j];
    // A comparison that NaN does not pass.
    const column = wanted.findIndex((value, j) => !(c[row * n + j] === value));
    if (column >= 0) return { row, column, found: c[row * n + column], expected: wanted[column] };
  }
  return undefined;
}
