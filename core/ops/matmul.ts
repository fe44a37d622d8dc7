// Matrix products.
import { kernels } from '../../kernels/index.js';
import { sumTo } from './movement.js';
import { asRows, defineOp, launch, mismatch, shaped, update, withRank } from '../op.js';
import { broadcast, isRowMajor, show, sizeOf } from '../shape.js';
import type { Pullback } from '../tape.js';
import type { Tensor } from '../tensor.js';

/** Whether a matrix (or batch of them) lies in memory as its transpose: read it as it lies, and say so to the kernel. */
const isTransposed = (x: Tensor): boolean => {
  const axes = x.shape.map((_, i) => i);
  [axes[x.rank - 2], axes[x.rank - 1]] = [x.rank - 1, x.rank - 2];
  return (
    !x.isContiguous &&
    isRowMajor(
      axes.map((axis) => x.shape[axis]),
      axes.map((axis) => x.strides[axis]),
    )
  );
};

/** A matrix operand as the kernels take it: three axes, in memory order, and whether it is transposed. */
function operand(x: Tensor) {
  const transposed = isTransposed(x);
  const batch = x.shape.slice(0, -2);
  const [m, n] = x.shape.slice(-2);
  const view = transposed ? x.memory(withRank([...batch, n, m], 3)) : shaped(x, withRank([...batch, m, n], 3));
  return { transposed, view };
}

/** y = a b over the last two axes; leading axes broadcast. Permuted operands are read in place. */
export const matmul = defineOp({
  name: 'matmul',
  inputs: ['a', 'b'],
  takesViews: true,
  shape: ({ a, b }) => {
    if (a.length < 2 || b.length < 2) throw mismatch('matmul', { a, b }, 'Both need two axes; reshape.');
    if (a.at(-1) !== b.at(-2)) {
      const hint =
        a.at(-1) === b.at(-1)
          ? 'Did you mean b.transpose()?'
          : 'The last axis of a must equal the one before the last of b.';
      throw new Error(`matmul: inner dimensions differ: a is ${show(a)}, b is ${show(b)}. ${hint}`);
    }
    return [...broadcast('matmul', a.slice(0, -2), b.slice(0, -2)), a[a.length - 2], b[b.length - 1]];
  },
  run: ({ a, b }, _, shape) => {
    const batch = shape.slice(0, -2);
    const left = operand(a.expand([...batch, ...a.shape.slice(-2)]));
    const right = operand(b.expand([...batch, ...b.shape.slice(-2)]));
    const { matmulNN, matmulNT, matmulTN, matmulTT } = kernels;
    const kernel = left.transposed
      ? right.transposed ? matmulTT : matmulTN
      : right.transposed ? matmulNT : matmulNN; // prettier-ignore
    return launch(kernel, { a: left.view, b: right.view, k: a.shape[a.rank - 1] }, { y: shape });
  },
  saves: ['a', 'b'],
  // dA = dY B^T, dB = A^T dY, summed over the axes that were broadcast
  vjp: ({ a, b, dy }) => ({
    a: () => sumTo(dy.matmul(b.transpose()), a.shape),
    b: () => sumTo(a.transpose().matmul(dy), b.shape),
  }),
  samples: [
    { shapes: { a: [3, 4], b: [4, 2] } },
    { shapes: { a: [2, 3, 4], b: [2, 4, 5] } },
    { shapes: { a: [2, 3, 4], b: [4, 5] } },
    { shapes: { a: [1, 1], b: [1, 1] } },
    { shapes: { a: [0, 3], b: [3, 2] } },
    { shapes: { a: [2, 0], b: [0, 3] } },
  ],
});

/** Gradients of x w^T: dx = dy w, dw = dy^T x. */
function productGradients(saved: Readonly<Record<'x' | 'w' | 'dy', Tensor>>): Required<Pullback<'x' | 'w'>> {
  const { w, dy } = saved;
  const [outputs, inputs] = w.shape;
  const n = dy.size / outputs;
  const [x, a] = [saved.x.view([1, n, inputs]), shaped(dy, [1, n, outputs])];
  return {
    x: {
      dense: (sum) => {
        const operands = { a, b: w.view([1, outputs, inputs]), k: outputs };
        if (sum) return update(kernels.addMatmulNN, sum, operands, [1, n, inputs]);
        return launch(kernels.matmulNN, operands, { y: [1, n, inputs] }).y.reshape(saved.x.shape);
      },
    },
    w: {
      dense: (sum) => {
        const operands = { a, b: x, k: n };
        return sum ? update(kernels.addMatmulTN, sum, operands) : launch(kernels.matmulTN, operands, { y: w.shape }).y;
      },
    },
  };
}

/** y = x w^T + bias. x [..., K], w [M, K], bias [M]. dbias = sum over rows of dy. */
export const linear = defineOp({
  name: 'linear',
  inputs: ['x', 'w', 'bias'],
  shape: ({ x, w, bias }) => {
    if (x.length < 1 || w.length !== 2 || x.at(-1) !== w[1] || sizeOf(bias) !== w[0])
      throw mismatch('linear', { x, w, bias }, 'Wanted x [..., K], w [M, K], bias [M].');
    return [...x.slice(0, -1), w[0]];
  },
  run: ({ x, w, bias }, _, shape) => launch(kernels.linear, { x: asRows(x), w, bias, k: w.shape[1] }, { y: shape }),
  saves: ['x', 'w'],
  vjp: (saved) => ({ ...productGradients(saved), bias: () => sumTo(saved.dy, [saved.w.shape[0]]) }),
  composition: ({ x, w, bias }) => x.matmul(w.transpose()).add(bias),
  samples: [
    { shapes: { x: [3, 4], w: [5, 4], bias: [5] } },
    { shapes: { x: [2, 3, 4], w: [2, 4], bias: [2] } },
    { shapes: { x: [1, 1], w: [1, 1], bias: [1] } },
    { shapes: { x: [0, 3], w: [2, 3], bias: [2] } },
  ],
});

/** y = x w^T. x [..., K], w [M, K]. For layers whose bias is added by the op that follows, together with its gradient. */
export const product = defineOp({
  name: 'product',
  inputs: ['x', 'w'],
  shape: ({ x, w }) => {
    if (x.length < 1 || w.length !== 2 || x.at(-1) !== w[1])
      throw mismatch('product', { x, w }, 'Wanted x [..., K], w [M, K].');
    return [...x.slice(0, -1), w[0]];
  },
  run: ({ x, w }, _, shape) => {
    const [outputs, inputs] = w.shape;
    const n = sizeOf(x.shape) / inputs;
    const operands = { a: x.view([1, n, inputs]), b: w.view([1, outputs, inputs]), k: inputs };
    const { y } = launch(kernels.matmulNT, operands, { y: [1, n, outputs] });
    return { y: y.reshape(shape) };
  },
  saves: ['x', 'w'],
  vjp: productGradients,
  composition: ({ x, w }) => x.matmul(w.transpose()),
  samples: [
    { shapes: { x: [3, 4], w: [5, 4] } },
    { shapes: { x: [2, 3, 4], w: [2, 4] } },
    { shapes: { x: [0, 3], w: [2, 3] } },
  ],
});
