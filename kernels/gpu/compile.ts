// gpu.js as the compiler of one stage (https://gpu.rocks, version pinned: fields that it does not document are used).
import * as gpujs from 'gpu.js';
import type { Dims, Kernel, Rank, Stage } from '../kernel.js';

export type Mode = 'cpu' | 'webasm' | 'webgpu';

/** Where gpu.js puts sizes and numbers in the uniform of a WebGPU kernel; offsets are in bytes. */
export interface ParamsLayout {
  readonly arrayArgs: readonly { readonly index: number; readonly dimsOffset: number }[];
  readonly scalarArgs: readonly { readonly index: number; readonly offset: number }[];
  readonly byteLength: number;
}

/** What we use of a kernel object of gpu.js. A contract test checks that these members exist. */
export interface Compiled {
  readonly constructor: { readonly mode: Mode };
  setOutput(output: readonly number[]): unknown;
  build(...operands: unknown[]): unknown;
  run(...operands: unknown[]): unknown;
  destroy(): void;
  /** The rest is of WebGPU kernels only. This one asks for a device and makes a pipeline on it. */
  _buildAsync(): Promise<void>;
  readonly compiledSource: string;
  readonly paramsLayout: ParamsLayout;
  readonly workgroupSize: readonly [number, number, number];
}

type CompilerClass = new (source: string, settings: object) => Compiled;
const library = gpujs as unknown as Record<'CPUKernel' | 'WebAssemblyKernel' | 'WebGPUKernel', CompilerClass>;
const compilers: Record<Mode, CompilerClass> = {
  cpu: library.CPUKernel,
  webasm: library.WebAssemblyKernel,
  webgpu: library.WebGPUKernel,
};

/** A flat array with its extents, outermost first, as an operand of a compiled stage. */
export function flatArray(data: Float32Array, dims: Dims): unknown {
  // Its types ask for number[]; any array of numbers will do.
  return new gpujs.Input(data as unknown as number[], [...dims].reverse() as [number]);
}

/** gpu.js ends a loop without a word after this many rounds, so it must be more than any axis has cells. */
const loopMaxIterations = 2 ** 30;

/** Rank of each name of a kernel, temporaries included. */
export function ranksOf(kernel: Kernel): Record<string, Rank> {
  const declared = Object.entries<Rank>({ ...kernel.inputs, ...kernel.outputs });
  const dims = Object.fromEntries(declared.map(([name, rank]) => [name, new Array<number>(rank).fill(1)]));
  const numbers = Object.fromEntries(declared.map(([name]) => [name, 1]));
  const temps = Object.entries(kernel.temps ?? {}).map(([name, size]) => [name, size(dims, numbers).length as Rank]);
  return Object.fromEntries([...declared, ...temps]) as Record<string, Rank>;
}

/**
 * Hands a stage to the compiler of a mode, which translates it at `build` or at the first `run`. The result serves arrays
 * of all extents. The classes of gpu.js are used as they are: `new GPU()` would run another mode where one is missing.
 * Operands are rows of rows on cpu, and flat arrays with their extents (`Input`) elsewhere.
 */
export function compileStage(mode: Mode, kernel: Kernel, stage: Stage): Compiled {
  const ranks = ranksOf(kernel);
  const array = mode === 'cpu' ? 'Array' : 'Input';
  return new compilers[mode](stage.cell.toString(), {
    output: new Array<number>(ranks[stage.out]).fill(1),
    dynamicOutput: true,
    dynamicArguments: true,
    precision: 'single',
    returnType: 'Number',
    argumentTypes: stage.reads.map((name) => (ranks[name] === 0 ? 'Number' : array)),
    functions: (stage.calls ?? []).map((helper) => ({
      source: helper.toString(),
      settings: { argumentTypes: new Array<string>(helper.length).fill('Number'), returnType: 'Number' },
    })),
    loopMaxIterations,
    validate: true,
  });
}

/** The WGSL of a stage and the layout of its uniform. Asks for no device, so it works on every machine. */
export function compileWgsl(kernel: Kernel, stage: Stage): Compiled {
  const ranks = ranksOf(kernel);
  const compiled = compileStage('webgpu', kernel, stage);
  // Device and pipeline are ours (see program.ts), so that a training step is queued without waiting for anything.
  compiled._buildAsync = () => Promise.resolve();
  const cell = (rank: Rank) => (rank === 0 ? 0 : flatArray(new Float32Array(1), [1, 1, 1]));
  compiled.build(...stage.reads.map((name) => cell(ranks[name])));
  return compiled;
}
