// How work that is bound by memory is cut into tasks.
import type { Engine } from '../engine.js';

/** Cells of a task of the flat kernels, as BLOCK in assembly/elementwise.ts and assembly/optimizer.ts. */
export const BLOCK = 4096;
/** Cells below which waking another thread costs more than it brings. */
const SMALL = 16384;

/** Runs a kernel over a grid of tasks that work on `cells` cells together: on the calling thread alone if those are few. */
export function spread(engine: Engine, name: string, tasks: number, cells: number, args: readonly number[]): void {
  if (tasks === 0) return;
  if (cells < SMALL) engine.pool.runHere(name, tasks, args);
  else engine.run(name, tasks, args);
}
