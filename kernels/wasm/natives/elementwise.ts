// The kernels of library/elementwise.ts on the engine: assembly/elementwise.ts, over blocks of cells.
import type { Kernel } from '../../kernel.js';
import type { Native, Natives } from '../native.js';
import { BLOCK, spread } from './grid.js';

const mapOperands = [
  [{ x: 1 }, { y: 1 }],
  [{ a: 1, b: 1 }, { y: 1 }],
].map((operands) => JSON.stringify(operands));

/** Whether the kernel is y = f(x) or y = f(a, b), cell by cell, by its operands. */
export const isMap = ({ inputs, outputs }: Kernel): boolean => mapOperands.includes(JSON.stringify([inputs, outputs]));

/** The routine of such a kernel, which bears its name and takes its arrays and their length. */
export const map = ({ name, inputs }: Kernel): Native => {
  const isUnary = 'x' in inputs;
  return (engine, call) => {
    const n = call.cells('y');
    const args = isUnary ? [call.at('x'), call.at('y'), n] : [call.at('a'), call.at('b'), call.at('y'), n];
    spread(engine, name, Math.ceil(n / BLOCK), n, args);
  };
};

/** Those whose operands are others. */
export const elementwiseNatives: Natives = {
  addTo: (engine, call) => {
    const n = call.cells('y');
    spread(engine, 'add', Math.ceil(n / BLOCK), n, [call.at('y'), call.at('x'), call.at('y'), n]);
  },
  scaleBy: (engine, call) => {
    const n = call.cells('y');
    const [factor] = engine.heap.f32(call.at('factor'), 1);
    // Gradients of losses are mostly scaled by 1: then there is nothing to read and write.
    if (factor !== 1) spread(engine, 'affine', Math.ceil(n / BLOCK), n, [call.at('y'), call.at('y'), factor, 0, n]);
  },
  affine: (engine, call) => {
    const n = call.cells('y');
    const args = [call.at('x'), call.at('y'), call.number('scale'), call.number('shift'), n];
    spread(engine, 'affine', Math.ceil(n / BLOCK), n, args);
  },
  addScaled: (engine, call) => {
    const n = call.cells('y');
    spread(engine, 'addScaled', Math.ceil(n / BLOCK), n, [call.at('y'), call.at('x'), call.at('factor'), n]);
  },
};
