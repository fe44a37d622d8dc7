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

/** Where runs of cells begin, and how many cells lie between the beginnings of two. */
type Runs = readonly [pointer: number, step: number];

/** Copies `count` runs of `length` cells. */
function copyRuns(engine: Engine, count: number, length: number, [from, step]: Runs, [to, stride]: Runs): void {
  if (count === 1 || (length === step && length === stride)) {
    const cells = count * length;
    spread(engine, 'copy', Math.ceil(cells / BLOCK), cells, [from, to, cells]);
    return;
  }
  if (count * length === 0) return;
  const source = engine.heap.f32(from, (count - 1) * step + length);
  const target = engine.heap.f32(to, (count - 1) * stride + length);
  for (let i = 0; i < count; i++) target.set(source.subarray(i * step, i * step + length), i * stride);
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
    const [outer, n, inner] = call.dims('a');
    const [, m] = call.dims('b');
    const whole = (n + m) * inner;
    copyRuns(engine, outer, n * inner, [call.at('a'), n * inner], [call.at('y'), whole]);
    copyRuns(engine, outer, m * inner, [call.at('b'), m * inner], [call.at('y') + 4 * n * inner, whole]);
  },
  slice: (engine, call) => {
    const [outer, n, inner] = call.dims('x');
    const [, m] = call.dims('y');
    const start = call.number('start');
    // Rows of x that y has: from .. end - 1.
    const from = Math.max(0, start);
    const end = Math.max(from, Math.min(n, start + m));
    if (end - from < m) engine.heap.f32(call.at('y'), call.cells('y')).fill(0);
    const [x, y] = [call.at('x') + 4 * from * inner, call.at('y') + 4 * (from - start) * inner];
    copyRuns(engine, outer, (end - from) * inner, [x, n * inner], [y, m * inner]);
  },
  gather: (engine, call) => {
    const [rows, width] = call.dims('y');
    spread(engine, 'gather', rows, rows * width, [call.at('table'), call.at('ids'), call.at('y'), width]);
  },
  scatter: (engine, call) => scatter(engine, call, 'scatter', call.cells('y')),
  addScatter: (engine, call) => scatter(engine, call, 'addScatter', call.cells('x')),
};
