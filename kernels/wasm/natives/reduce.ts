// The kernels of library/reduce.ts on the engine: assembly/reduce.ts.
import type { Natives } from '../native.js';
import { spread } from './grid.js';

/** Rows of a block, as in assembly/reduce.ts. */
const BLOCK = 64;

export const reduceNatives: Natives = {
  sum: (engine, call) => {
    const [outer, n, inner] = call.dims('x');
    if (inner === 1) {
      spread(engine, 'sumRows', outer, outer * n, [call.at('x'), call.at('y'), n]);
      return;
    }
    if (n === 0) engine.heap.f32(call.at('y'), outer * inner).fill(0);
    const blocks = Math.ceil(n / BLOCK);
    // Each pass leaves a block of what the pass before left; the last one writes y.
    let spare = blocks > 1 ? engine.workspace(4 * outer * inner * (blocks + Math.ceil(blocks / BLOCK))) : 0;
    let from = call.at('x');
    for (let rows = n; rows > 0;) {
      const left = Math.ceil(rows / BLOCK);
      const to = left === 1 ? call.at('y') : spare;
      spread(engine, 'sumBlocks', outer * left, outer * rows * inner, [from, to, rows, inner]);
      spare += 4 * outer * inner * left;
      from = to;
      rows = left === 1 ? 0 : left;
    }
  },
  max: (engine, call) => {
    const [outer, n, inner] = call.dims('x');
    if (inner === 1) spread(engine, 'maxRows', outer, outer * n, [call.at('x'), call.at('y'), n]);
    else spread(engine, 'maxColumns', outer, outer * n * inner, [call.at('x'), call.at('y'), n, inner]);
  },
};
