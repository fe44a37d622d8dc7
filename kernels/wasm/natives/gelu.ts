// The kernels of library/gelu.ts on the engine: assembly/gelu.ts.
import type { Natives } from '../native.js';
import { spread } from './grid.js';
import { sumParts } from './reduce.js';

export const geluNatives: Natives = {
  biasGelu: (engine, call) => {
    const [rows, n] = call.dims('x');
    spread(engine, 'biasGelu', rows, rows * n, [call.at('x'), call.at('bias'), call.at('y'), n]);
  },
  biasGeluSlope: (engine, call) => {
    const [rows, n] = call.dims('x');
    const pointers = ['x', 'bias', 'y', 'slope'].map((name) => call.at(name));
    spread(engine, 'biasGeluSlope', rows, rows * n, [...pointers, n]);
  },
  biasGeluGradient: (engine, call) => {
    const [rows, n] = call.dims('dy');
    const pointers = ['dy', 'slope', 'dx'].map((name) => call.at(name));
    sumParts(engine, rows, n, [call.at('dbias')], (partial, blocks) =>
      spread(engine, 'biasGeluGradient', blocks, rows * n, [...pointers, partial, n, rows]),
    );
  },
};
