// The kernels of library/topk.ts on the engine's heap, in plain TypeScript: one pass over each row, the best so far in order.
import type { Natives } from '../native.js';

export const topKNatives: Natives = {
  topK: (engine, call) => {
    const [rows, n] = call.dims('x');
    const [, count] = call.dims('y');
    const x = engine.heap.f32(call.at('x'), rows * n);
    const y = engine.heap.f32(call.at('y'), rows * count);
    const ids = engine.heap.f32(call.at('ids'), rows * count);
    for (let row = 0; row < rows; row++) {
      const first = row * count;
      for (let i = 0; i < n; i++) {
        const value = x[row * n + i];
        // Cells come from left to right, so that of equal ones the first stays in front.
        if (i >= count && !(value > y[first + count - 1])) continue;
        let at = first + Math.min(i, count - 1);
        for (; at > first && value > y[at - 1]; at--) {
          y[at] = y[at - 1];
          ids[at] = ids[at - 1];
        }
        y[at] = value;
        ids[at] = i;
      }
    }
  },
  topKGradient: (engine, call) => {
    const [rows, n] = call.dims('dx');
    const [, count] = call.dims('dy');
    const dy = engine.heap.f32(call.at('dy'), rows * count);
    const ids = engine.heap.f32(call.at('ids'), rows * count);
    const dx = engine.heap.f32(call.at('dx'), rows * n).fill(0);
    for (let i = 0; i < rows * count; i++) dx[Math.floor(i / count) * n + ids[i]] += dy[i];
  },
};
