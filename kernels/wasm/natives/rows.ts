// The kernels of library/rows.ts on the engine: assembly/rows.ts.
import type { Call, Natives } from '../native.js';
import { spread } from './grid.js';

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
  dropout: (engine, call) => {
    const [rows, n] = call.dims('x');
    spread(engine, 'dropout', rows, rows * n, [call.at('x'), call.at('y'), n, ...dropoutArguments(call)]);
  },
};
