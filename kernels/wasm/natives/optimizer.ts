// The kernels of library/optimizer.ts on the engine: assembly/optimizer.ts.
import type { Natives } from '../native.js';
import { BLOCK, spread } from './grid.js';

export const optimizerNatives: Natives = {
  sumOfSquares: (engine, call) => {
    const n = call.cells('x');
    const blocks = Math.ceil(n / BLOCK);
    const partial = engine.workspace(4 * blocks);
    spread(engine, 'squares', blocks, n, [call.at('x'), partial, n]);
    engine.pool.runHere('addSquares', 1, [partial, call.at('before'), call.at('total'), blocks]);
  },
  clipFactor: (engine, call) => {
    engine.pool.runHere('clipFactor', 1, [call.at('total'), call.at('factor'), call.number('limit')]);
  },
  adamW: (engine, call) => {
    const n = call.cells('p');
    const [beta1, beta2, lr] = ['beta1', 'beta2', 'lr'].map((name) => Math.fround(call.number(name)));
    const pointers = ['p', 'm', 'v', 'g', 'factor'].map((name) => call.at(name));
    const numbers = [
      ...[beta1, 1 - beta1, beta2, 1 - beta2],
      ...[1 - lr * call.number('decay'), lr / call.number('correction1'), 1 / call.number('correction2')],
      call.number('eps'),
    ];
    spread(engine, 'adamW', Math.ceil(n / BLOCK), n, [...pointers, ...numbers, n]);
  },
};
