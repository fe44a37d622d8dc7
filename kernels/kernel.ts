// What a kernel is: a list of stages, each a plain function that computes one cell of one output, as gpu.js wants it.

/** `this` of a cell function: which cell of the output is asked for. x runs along the last (contiguous) axis. */
export interface Cell {
  readonly thread: { readonly x: number; readonly y: number; readonly z: number };
}

/** Number of axes of an operand; 0 is a plain number. */
export type Rank = 0 | 1 | 2 | 3;

/** Extents of an array, outermost first, as many as its rank. */
export type Dims = readonly number[];

/** A function of JavaScript that gpu.js can compile: no closures, no nested functions. */
// `any`: every kernel types its own parameters (number, number[], number[][], number[][][]); `reads` says which is which.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type CellFunction = (this: Cell, ...operands: any[]) => number;

export interface Stage {
  /** The output or temporary that this stage fills. */
  readonly out: string;
  /** Inputs and results of earlier stages, in the order of the function's parameters. */
  readonly reads: readonly string[];
  readonly cell: CellFunction;
  /** Top-level functions that `cell` calls (and those that they call). */
  // `any`: helpers take and return numbers or arrays of them.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly calls?: readonly ((...values: any[]) => number)[];
}

/**
 * A kernel: inputs by name with their rank, outputs by name with their rank, and the stages that compute them.
 * Stages run in order; a backend may replace all of them by one tuned routine of the same name and contract.
 * An output that bears an input's name is that input, updated in place; no other output may share its memory.
 */
export interface Kernel<I extends string = string, O extends string = string> {
  readonly name: string;
  readonly inputs: Readonly<Record<I, Rank>>;
  readonly outputs: Readonly<Record<O, Rank>>;
  /** Storage that only the stages need, with its extents computed from those of inputs and outputs. */
  readonly temps?: Readonly<
    Record<string, (dims: Record<NoInfer<I | O>, Dims>, numbers: Record<NoInfer<I>, number>) => Dims>
  >;
  readonly stages: readonly Stage[];
}

/** Declares a kernel; checks that every stage reads and writes names that exist, and that every output is written. */
export function defineKernel<const I extends string, const O extends string>(kernel: Kernel<I, O>): Kernel<I, O> {
  const known = new Set<string>(Object.keys(kernel.inputs));
  for (const stage of kernel.stages) {
    const missing = stage.reads.find((name) => !known.has(name));
    if (missing !== undefined)
      throw new Error(`kernel ${kernel.name}: stage ${stage.out} reads ${missing}, not known there`);
    if (!(stage.out in kernel.outputs) && !(stage.out in (kernel.temps ?? {})))
      throw new Error(`kernel ${kernel.name}: stage ${stage.out} is neither an output nor a temporary`);
    known.add(stage.out);
  }
  for (const name of Object.keys(kernel.outputs))
    if (!kernel.stages.some((stage) => stage.out === name))
      throw new Error(`kernel ${kernel.name}: no stage computes output ${name}`);
  return kernel;
}

/** Number of cells of an array with these extents. */
export const cellsOf = (dims: Dims): number => dims.reduce((product, extent) => product * extent, 1);
