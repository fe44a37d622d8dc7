// The kernels of library/reduce.ts on the engine: assembly/reduce.ts; and sums over rows for kernels that have parts of them.
import type { Engine } from '../engine.js';
import type { Natives } from '../native.js';
import { spread } from './grid.js';

/** Rows of a block, as in assembly/reduce.ts, assembly/gelu.ts and assembly/norm.ts. */
export const BLOCK = 64;

/** Bytes of working memory that `sumMiddle` takes beyond one block. */
const spareBytes = (outer: number, n: number, inner: number): number => {
  const blocks = Math.ceil(n / BLOCK);
  return blocks > 1 ? 4 * outer * inner * (blocks + Math.ceil(blocks / BLOCK)) : 0;
};

/** y [outer, inner] = sum of x [outer, n, inner] over the middle axis; `spare` is as many bytes as spareBytes says. */
function sumMiddle(engine: Engine, x: number, y: number, [outer, n, inner]: readonly number[], spare: number): void {
  if (n === 0) engine.heap.f32(y, outer * inner).fill(0);
  // Each pass leaves a block of what the pass before left; the last one writes y.
  for (let rows = n, from = x, free = spare; rows > 0;) {
    const left = Math.ceil(rows / BLOCK);
    const to = left === 1 ? y : free;
    spread(engine, 'sumBlocks', outer * left, outer * rows * inner, [from, to, rows, inner]);
    free += 4 * outer * inner * left;
    from = to;
    rows = left === 1 ? 0 : left;
  }
}

/**
 * Sums over rows of several [rows, n] arrays that a kernel meets on its way: `write` gets memory for each sum of each BLOCK
 * rows, [sums, blocks, n], and fills it; then the blocks are added up into the n floats at each of `to`.
 */
export function sumParts(
  engine: Engine,
  rows: number,
  n: number,
  to: readonly number[],
  write: (partial: number, blocks: number) => void,
): void {
  const blocks = Math.ceil(rows / BLOCK);
  const bytes = 4 * blocks * n;
  const partial = engine.workspace(to.length * bytes + spareBytes(1, blocks, n));
  if (blocks > 0) write(partial, blocks);
  to.forEach((sum, i) => sumMiddle(engine, partial + i * bytes, sum, [1, blocks, n], partial + to.length * bytes));
}

export const reduceNatives: Natives = {
  sum: (engine, call) => {
    const extents = call.dims('x');
    const [outer, n, inner] = extents;
    if (inner === 1) spread(engine, 'sumRows', outer, outer * n, [call.at('x'), call.at('y'), n]);
    else sumMiddle(engine, call.at('x'), call.at('y'), extents, engine.workspace(spareBytes(outer, n, inner)));
  },
  max: (engine, call) => {
    const [outer, n, inner] = call.dims('x');
    if (inner === 1) spread(engine, 'maxRows', outer, outer * n, [call.at('x'), call.at('y'), n]);
    else spread(engine, 'maxColumns', outer, outer * n * inner, [call.at('x'), call.at('y'), n, inner]);
  },
};
