// The kernels of library/matmul.ts on the engine's matrix multiply.
import type { Native, Natives } from '../native.js';

const product =
  (transA: boolean, transB: boolean, accumulate = false): Native =>
  (engine, call) => {
    const [batch, m, n] = call.dims('y');
    const k = call.number('k');
    engine.gemm({ a: call.at('a'), b: call.at('b'), c: call.at('y'), m, n, k, transA, transB, batch, accumulate });
  };

export const matmulNatives: Natives = {
  matmulNN: product(false, false),
  matmulNT: product(false, true),
  matmulTN: product(true, false),
  matmulTT: product(true, true),
  addMatmulNN: product(false, false, true),
  addMatmulTN: product(true, false, true),
  linear: (engine, call) => {
    const [m, n] = call.dims('y');
    const pointers = { a: call.at('x'), b: call.at('w'), c: call.at('y'), bias: call.at('bias') };
    engine.gemm({ ...pointers, m, n, k: call.number('k'), transB: true });
  },
};
