// What a tuned routine of the WebAssembly backend is: the same contract as the kernel whose name it bears.
import { cellsOf, type Dims } from '../kernel.js';
import type { View } from '../backend.js';
import type { Engine } from './engine.js';

/** The operands of one launch, inputs and outputs by name: arrays as pointers into the heap with their extents. */
export class Call {
  constructor(
    private readonly operands: Readonly<Record<string, View | number>>,
    private readonly pointerOf: (view: View) => number,
  ) {}

  /** Pointer to an array. */
  at(name: string): number {
    return this.pointerOf(this.operands[name] as View);
  }

  /** Extents of an array, outermost first. */
  dims(name: string): Dims {
    return (this.operands[name] as View).dims;
  }

  /** Number of cells of an array. */
  cells(name: string): number {
    return cellsOf(this.dims(name));
  }

  /** An operand that is a number. */
  number(name: string): number {
    return this.operands[name] as number;
  }
}

/** Does one launch of its kernel. */
export type Native = (engine: Engine, call: Call) => void;

/** Does several launches of its kernel, as if in their order. */
export type Routine = (engine: Engine, calls: readonly Call[]) => void;

/** Tuned routines by the name of their kernel. */
export type Natives = Readonly<Record<string, Native>>;
export type Routines = Readonly<Record<string, Routine>>;
