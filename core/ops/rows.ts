// Ops along rows: softmax, dropout, GELU with its bias, each a composition of plain ops by definition; and the largest cells.
import { dropoutFactor, kernels } from '../../kernels/index.js';
import { asRows, defineOp, launch, mismatch } from '../op.js';
import { sizeOf, type Shape } from '../shape.js';
import { tensor, type Tensor } from '../tensor.js';

export const rowCount = (shape: Shape): number => sizeOf(shape.slice(0, -1));

/** Computes several gradients at once, when the first of them is asked for. */
export function together<K extends string>(compute: () => Record<K, Tensor>): (name: K) => () => Tensor {
  let results: Record<K, Tensor> | undefined;
  return (name) => () => (results ??= compute())[name];
}

/**
 * The exact GELU of x + bias: feed-forward layers leave their bias to this op, whose backward pass sums its gradient up on
 * the way. While recording, the slope is computed beside the value, and nothing else is kept.
 */
export const biasGelu = defineOp({
  name: 'biasGelu',
  inputs: ['x', 'bias'],
  shape: ({ x, bias }) => {
    if (x.length === 0 || sizeOf(bias) !== x.at(-1))
      throw mismatch('biasGelu', { x, bias }, 'Wanted x [..., H], bias [H].');
    return x;
  },
  run: ({ x, bias }, _, shape) => launch(kernels.biasGelu, { x: asRows(x), bias }, { y: shape }),
  runRecording: ({ x, bias }, _, shape) =>
    launch(kernels.biasGeluSlope, { x: asRows(x), bias }, { y: shape, slope: shape }),
  saves: ['slope'],
  vjp: ({ slope, dy }) => {
    const gradient = together(() =>
      launch(
        kernels.biasGeluGradient,
        { dy: asRows(dy), slope: asRows(slope), rows: rowCount(slope.shape) },
        { dx: slope.shape, dbias: slope.shape.slice(-1) },
      ),
    );
    return { x: gradient('dx'), bias: gradient('dbias') };
  },
  composition: ({ x, bias }) => x.add(bias).gelu(),
  samples: [
    { shapes: { x: [3, 5], bias: [5] } },
    { shapes: { x: [2, 2, 3], bias: [3] } },
    { shapes: { x: [0, 2], bias: [2] } },
  ],
});

/** Softmax over the last axis. */
export const softmax = defineOp({
  name: 'softmax',
  inputs: ['x'],
  shape: ({ x }) => {
    if (x.length === 0) throw mismatch('softmax', { x }, 'It needs an axis to run along.');
    return x;
  },
  run: ({ x }, _, shape) => launch(kernels.softmax, { x: asRows(x), n: shape[shape.length - 1] }, { y: shape }),
  saves: ['y'],
  vjp: ({ y, dy }) => ({
    x: () => {
      const n = y.shape[y.rank - 1];
      return launch(kernels.softmaxGradient, { y: asRows(y), dy: asRows(dy), n }, { dx: y.shape }).dx;
    },
  }),
  composition: ({ x }) => {
    const e = x.sub(x.detach().max(-1, true)).exp();
    return e.div(e.sum(-1, true));
  },
  samples: [{ shapes: { x: [3, 5] } }, { shapes: { x: [2, 2, 1] } }, { shapes: { x: [7] } }, { shapes: { x: [0, 3] } }],
});

/**
 * The k largest cells along the last axis, the largest first, and `ids` where they are; of equal ones the first comes first.
 * The gradient goes to the cells that were taken. Of a row with NaN any may be taken.
 */
export const topK = defineOp({
  name: 'topK',
  inputs: ['x'],
  shape: ({ x }, { k }: { k: number }) => {
    const n = x.at(-1) ?? 0;
    if (!Number.isInteger(k) || k < 1 || k > n) throw mismatch('topK', { x }, `k is ${k}; take one from 1 to ${n}.`);
    return [...x.slice(0, -1), k];
  },
  run: ({ x }, _, shape) => launch(kernels.topK, { x: asRows(x), n: x.shape[x.rank - 1] }, { y: shape, ids: shape }),
  saves: ['ids'],
  vjp: ({ ids, dy }, { k }, { x }) => ({
    x: () => launch(kernels.topKGradient, { dy: asRows(dy), ids: asRows(ids), count: k }, { dx: x }).dx,
  }),
  samples: [
    { shapes: { x: [3, 5] }, attributes: { k: 2 } },
    { shapes: { x: [2, 2, 3] }, attributes: { k: 3 } },
    { shapes: { x: [4] }, attributes: { k: 1 } },
    { shapes: { x: [0, 3] }, attributes: { k: 2 } },
  ],
});

export interface Drop {
  p: number;
  key: number;
}

/** The dropout factors of rows of numbers, as the kernels draw them. */
export function dropoutMask(like: Tensor, { p, key }: Drop): Tensor {
  const width = like.shape[like.rank - 1];
  const values = Float64Array.from({ length: like.size }, (_, i) =>
    dropoutFactor(p, key, Math.floor(i / width), i % width),
  );
  return tensor(values, like.shape, { backend: like.backend });
}

/** Inverted dropout: cells become 0 with probability p, the others are divided by 1 - p. */
export const dropout = defineOp({
  name: 'dropout',
  inputs: ['x'],
  shape: ({ x }, _: Drop) => x,
  run: ({ x }, { p, key }, shape) => launch(kernels.dropout, { x: asRows(x), p, key }, { y: shape }),
  saves: [],
  vjp: ({ dy }, { p, key }) => ({ x: () => dy.dropout(p, key) }),
  composition: ({ x }, drop) => x.mul(dropoutMask(x, drop)),
  samples: [
    { shapes: { x: [6, 7] }, attributes: { p: 0.3, key: 12345 } },
    { shapes: { x: [0, 7] }, attributes: { p: 0.3, key: 12345 } },
  ],
});
