// The kernels of library/movement.ts on the engine: assembly/movement.ts.
import type { Engine } from '../engine.js';
import type { Call, Natives } from '../native.js';
import { BLOCK, spread } from './grid.js';

/** Output rows of a task of `arrange`, as in assembly/movement.ts. */
const ROWS = 16;

/** Floats between neighbours along each output axis (z1, z0, y, x) in the source. */
function strides(call: Call): number[] {
  const [, n2, n3] = call.dims('x');
  return [0, 1, 2, 3].map(
    (axis) => (call.number(`i${axis}`) * n2 + call.number(`j${axis}`)) * n3 + call.number(`k${axis}`),
  );
}

/** Rows of x by id, a task for each row of y; the work is about as much as there are `cells`. */
function scatter(engine: Engine, call: Call, name: string, cells: number): void {
  const [rows, width] = call.dims('y');
  spread(engine, name, rows, cells, [call.at('x'), call.at('order'), call.at('starts'), call.at('y'), width]);
}

export const movementNatives: Natives = {
  arrange: (engine, call) => {
    const [planes, height, width] = call.dims('y');
    const args = [call.at('x'), call.at('y'), call.number('depth'), height, width, ...strides(call)];
    spread(engine, 'arrange', planes * Math.ceil(height / ROWS), call.cells('y'), args);
  },
  concat: (engine, call) => {
    const first = call.cells('a');
    const second = call.cells('b');
    spread(engine, 'copy', Math.ceil(first / BLOCK), first, [call.at('a'), call.at('y'), first]);
    spread(engine, 'copy', Math.ceil(second / BLOCK), second, [call.at('b'), call.at('y') + 4 * first, second]);
  },
  gather: (engine, call) => {
    const [rows, width] = call.dims('y');
    spread(engine, 'gather', rows, rows * width, [call.at('table'), call.at('ids'), call.at('y'), width]);
  },
  scatter: (engine, call) => scatter(engine, call, 'scatter', call.cells('y')),
  addScatter: (engine, call) => scatter(engine, call, 'addScatter', call.cells('x')),
};
