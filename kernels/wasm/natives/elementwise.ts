// The kernels of library/elementwise.ts on the engine: assembly/elementwise.ts, over blocks of cells.
import type { Native, Natives } from '../native.js';
import { BLOCK, spread } from './grid.js';

const unary =
  (name: string): Native =>
  (engine, call) => {
    const n = call.cells('y');
    spread(engine, name, Math.ceil(n / BLOCK), n, [call.at('x'), call.at('y'), n]);
  };

const binary =
  (name: string): Native =>
  (engine, call) => {
    const n = call.cells('y');
    spread(engine, name, Math.ceil(n / BLOCK), n, [call.at('a'), call.at('b'), call.at('y'), n]);
  };

const table = (names: readonly string[], native: (name: string) => Native): Natives =>
  Object.fromEntries(names.map((name) => [name, native(name)]));

export const elementwiseNatives: Natives = {
  ...table(['copy', 'exp', 'log', 'sqrt', 'tanh', 'erf', 'gelu'], unary),
  ...table(['geluGradient', 'add', 'sub', 'mul', 'div', 'maximum', 'greaterEqual'], binary),
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
