// The kernels of library/rows.ts on the engine: assembly/rows.ts and assembly/norm.ts.
import type { Call, Natives } from '../native.js';
import { spread } from './grid.js';

/** Rows of a task of the layer norm's gradient, as in assembly/norm.ts. */
const BLOCK = 64;

/** What the generator of assembly/random.ts takes: the integer below which a cell is dropped, the factor, the key. */
export function dropoutArguments(call: Call): number[] {
  const p = Math.fround(call.number('p'));
  return [Math.ceil(p * 2 ** 24), 1 / (1 - p), call.number('key')];
}

export const rowNatives: Natives = {
  softmax: (engine, call) => {
    const [rows, n] = call.dims('x');
    spread(engine, 'softmax', rows, rows * n, [call.at('x'), call.at('y'), n]);
  },
  softmaxGradient: (engine, call) => {
    const [rows, n] = call.dims('y');
    spread(engine, 'softmaxGradient', rows, rows * n, [call.at('y'), call.at('dy'), call.at('dx'), n]);
  },
  layerNorm: (engine, call) => {
    const [rows, n] = call.dims('x');
    const pointers = ['x', 'gain', 'bias', 'y', 'mean', 'inverse'].map((name) => call.at(name));
    spread(engine, 'layerNorm', rows, rows * n, [...pointers, n, call.number('eps')]);
  },
  layerNormGradient: (engine, call) => {
    const [rows, n] = call.dims('x');
    const blocks = Math.ceil(rows / BLOCK);
    const partial = engine.workspace(8 * blocks * n);
    const pointers = ['dy', 'x', 'mean', 'inverse', 'gain', 'dx'].map((name) => call.at(name));
    spread(engine, 'layerNormGradient', blocks, rows * n, [...pointers, partial, n, rows]);
    spread(engine, 'addNormParts', 2, 2 * blocks * n, [partial, call.at('dgain'), call.at('dbias'), n, blocks]);
  },
  dropout: (engine, call) => {
    const [rows, n] = call.dims('x');
    spread(engine, 'dropout', rows, rows * n, [call.at('x'), call.at('y'), n, ...dropoutArguments(call)]);
  },
  dropoutAddNorm: (engine, call) => {
    const [rows, n] = call.dims('x');
    const pointers = ['x', 'residual', 'gain', 'bias', 'y', 'total', 'mean', 'inverse'].map((name) => call.at(name));
    const args = [...pointers, n, call.number('eps'), ...dropoutArguments(call)];
    spread(engine, 'dropoutAddNorm', rows, rows * n, args);
  },
};
