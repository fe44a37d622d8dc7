// One kernel with its operands: how to run it on a backend and how far two results are apart.
import type { Backend, FloatArray, Storage, View } from '../../kernels/backend.js';
import { ReferenceBackend } from '../../kernels/reference.js';
import { cellsOf, type Dims, type Kernel } from '../../kernels/kernel.js';
import { Random, type Operand } from '../support/random.js';

export type Operands = Pick<Case, 'inputs' | 'outputs'>;

export interface Case {
  readonly kernel: Kernel;
  /** The extents, for people. */
  readonly label: string;
  readonly inputs: Readonly<Record<string, Operand | number>>;
  readonly outputs: Readonly<Record<string, Dims>>;
  /** Largest difference that float32 may show, relative to the largest magnitude of the output. */
  readonly tolerance: number;
}

/** A kernel with the shapes worth testing and a law for shapes and values at random. */
export interface Recipe {
  readonly kernel: Kernel;
  /** The chosen shapes, with values from `seed`. */
  table(seed: number): Case[];
  /** A shape and values drawn from `random`. */
  draw(random: Random): Case;
}

/** A recipe from the shapes of a table, a law for other shapes, and operands made for a shape. */
export function recipe<S>(
  kernel: Kernel,
  tolerance: number,
  shapes: readonly S[],
  drawShape: (random: Random) => S,
  make: (random: Random, shape: S) => Operands,
): Recipe {
  const build = (source: Random, shape: S): Case => ({
    kernel,
    label: JSON.stringify(shape),
    ...make(source, shape),
    tolerance,
  });
  return {
    kernel,
    table: (seed) => shapes.map((shape, i) => build(new Random(seed * 1000 + i), shape)),
    draw: (source) => build(source, drawShape(source)),
  };
}

/** Results of an earlier kernel as inputs of its gradient, rounded to float32. */
export function forward(kernel: Kernel, { inputs, outputs }: Operands): Record<string, Operand> {
  const backend = new ReferenceBackend('float64');
  const place = ({ dims, data }: Operand): View => ({ storage: backend.alloc(data.length, data), dims });
  const given = Object.entries(inputs).map(([name, x]) => [name, typeof x === 'number' ? Math.fround(x) : place(x)]);
  const wanted = Object.entries(outputs).map(([name, dims]) => [name, { storage: backend.alloc(cellsOf(dims)), dims }]);
  const views = Object.fromEntries(wanted) as Record<string, View>;
  backend.launch(kernel, Object.fromEntries(given) as Record<string, View | number>, views);
  return Object.fromEntries(
    Object.entries(views).map(([name, { storage, dims }]) => {
      // The reference computes at once; its `read` only wraps the array in a promise.
      const { data } = storage as unknown as { data: FloatArray };
      return [name, { dims, data: Float32Array.from(data) }];
    }),
  );
}

/** A recipe whose shapes are a few extents each; random shapes have every extent from 1 to its limit. */
export function sized(
  kernel: Kernel,
  tolerance: number,
  limits: readonly number[],
  shapes: readonly (readonly number[])[],
  make: (random: Random, ...extents: number[]) => Operands,
): Recipe {
  const draw = (random: Random) => limits.map((limit) => 1 + random.integer(limit));
  return recipe(kernel, tolerance, shapes, draw, (random, shape) => make(random, ...shape));
}

/** Outputs by name. */
export type Results = Readonly<Record<string, FloatArray>>;

export interface RunOptions {
  /** Cells that every storage has beyond its array; a kernel must leave them alone. */
  padding?: number;
}

/**
 * Runs a case. Outputs are full of NaN before, unless they update an input in place, so a cell that is not written shows.
 * Throws if a cell behind an array has changed, or if memory is not given back.
 */
export async function runCase(
  backend: Backend,
  { kernel, label, inputs, outputs }: Case,
  { padding = 0 }: RunOptions = {},
): Promise<Results> {
  const before = backend.memory();
  const storages: Storage[] = [];
  const place = (dims: Dims, data?: Float32Array): View => {
    const cells = cellsOf(dims);
    const storage = backend.alloc(cells + padding, padding === 0 && data ? data : behind(data ?? [], cells + padding));
    storages.push(storage);
    return { storage, dims };
  };
  const given: Record<string, View | number> = {};
  for (const [name, input] of Object.entries(inputs))
    given[name] = typeof input === 'number' ? Math.fround(input) : place(input.dims, input.data);
  const wanted: Record<string, View> = {};
  for (const [name, dims] of Object.entries(outputs)) wanted[name] = (given[name] as View | undefined) ?? place(dims);
  backend.launch(kernel, given, wanted);
  const results: Record<string, FloatArray> = {};
  for (const [name, { storage, dims }] of Object.entries(wanted)) {
    const cells = await backend.read(storage);
    if (cells.subarray(cellsOf(dims)).some((cell) => !Number.isNaN(cell)))
      throw new Error(`kernel ${kernel.name} ${label}: wrote behind the end of ${name}`);
    results[name] = cells.subarray(0, cellsOf(dims));
  }
  storages.forEach((storage) => backend.free(storage));
  const after = backend.memory();
  if (after.liveBytes !== before.liveBytes || after.liveStorages !== before.liveStorages)
    throw new Error(`kernel ${kernel.name} ${label}: ${after.liveBytes - before.liveBytes} bytes stay allocated`);
  return results;
}

/** These numbers and then NaN. */
function behind(data: ArrayLike<number>, cells: number): Float32Array {
  const padded = new Float32Array(cells).fill(NaN);
  padded.set(data);
  return padded;
}

/** Largest difference between two arrays, relative to the largest magnitude expected; infinite where one is not finite. */
export function relativeError(actual: FloatArray, expected: FloatArray): number {
  if (actual.length !== expected.length) return Infinity;
  let largest = 0;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]));
    const difference = Math.abs(actual[i] - expected[i]);
    if (!(difference <= worst)) worst = Number.isFinite(difference) ? difference : Infinity;
  }
  return worst === 0 ? 0 : worst / largest;
}

/** The worst output of a case, and how far off it is; `kernel` and `label` say where. */
export function worstOutput(actual: Results, expected: Results) {
  let worst = { output: '', error: 0 };
  for (const output of Object.keys(expected)) {
    const error = relativeError(actual[output], expected[output]);
    if (!(error <= worst.error)) worst = { output, error };
  }
  return worst;
}
