// Fused row-wise ops: each is one kernel forward and one backward, and a composition of plain ops by definition.
import * as kernels from '../../kernels/library/index.js';
import { keep } from '../../kernels/library/random.js';
import { contiguous, defineOp, launch, mismatch, rows } from '../op.js';
import { sameShape, sizeOf, type Shape } from '../shape.js';
import { tensor, type Tensor } from '../tensor.js';

const rowCount = (shape: Shape): number => sizeOf(shape.slice(0, -1));

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
  run: ({ x, bias }, _, shape, recording) => {
    if (recording) return launch(kernels.biasGeluSlope, { x: rows(x), bias }, { y: shape, slope: shape });
    const { y } = launch(kernels.biasGelu, { x: rows(x), bias }, { y: shape });
    return { y, slope: y };
  },
  saves: ['slope'],
  vjp: ({ slope, dy }) => {
    const gradient = together(() =>
      launch(
        kernels.biasGeluGradient,
        { dy: rows(contiguous(dy)), slope: rows(slope), rows: rowCount(slope.shape) },
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
  run: ({ x }, _, shape) => launch(kernels.softmax, { x: rows(x), n: shape[shape.length - 1] }, { y: shape }),
  saves: ['y'],
  vjp: ({ y, dy }) => ({
    x: () => {
      const n = y.shape[y.rank - 1];
      return launch(kernels.softmaxGradient, { y: rows(y), dy: rows(contiguous(dy)), n }, { dx: y.shape }).dx;
    },
  }),
  composition: ({ x }) => {
    const e = x.sub(x.detach().max(-1, true)).exp();
    return e.div(e.sum(-1, true));
  },
  samples: [{ shapes: { x: [3, 5] } }, { shapes: { x: [2, 2, 1] } }, { shapes: { x: [7] } }],
});

interface Norm {
  eps: number;
}

function checkNorm(name: string, shapes: Readonly<Record<'x' | 'gain' | 'bias', Shape>>): Shape {
  const { x, gain, bias } = shapes;
  if (x.length === 0 || sizeOf(gain) !== x.at(-1) || sizeOf(bias) !== x.at(-1))
    throw mismatch(name, { x, gain, bias }, 'Wanted x [..., H], gain [H], bias [H].');
  return x;
}

/** Gradients of a layer norm at `x` from what its kernel kept. */
function normGradient(s: Readonly<Record<'dy' | 'x' | 'mean' | 'inverse' | 'gain', Tensor>>) {
  const n = s.x.shape[s.x.rank - 1];
  return launch(
    kernels.layerNormGradient,
    {
      dy: rows(contiguous(s.dy)),
      x: rows(s.x),
      mean: s.mean,
      inverse: s.inverse,
      gain: s.gain,
      n,
      rows: rowCount(s.x.shape),
    },
    { dx: s.x.shape, dgain: [n], dbias: [n] },
  );
}

const normComposition = (x: Tensor, gain: Tensor, bias: Tensor, eps: number): Tensor => {
  const centred = x.sub(x.mean(-1, true));
  const deviation = centred.mul(centred).mean(-1, true).add(eps).sqrt();
  return centred.div(deviation).mul(gain).add(bias);
};

/** Layer norm over the last axis with biased variance (Ba et al., 2016). */
export const layerNorm = defineOp({
  name: 'layerNorm',
  inputs: ['x', 'gain', 'bias'],
  shape: (shapes, _: Norm) => checkNorm('layerNorm', shapes),
  run: ({ x, gain, bias }, { eps }, shape) => {
    const n = shape[shape.length - 1];
    const count = [rowCount(shape)];
    return launch(kernels.layerNorm, { x: rows(x), gain, bias, n, eps }, { y: shape, mean: count, inverse: count });
  },
  saves: ['x', 'mean', 'inverse', 'gain'],
  vjp: (saved) => {
    const gradient = together(() => normGradient(saved));
    return { x: gradient('dx'), gain: gradient('dgain'), bias: gradient('dbias') };
  },
  composition: ({ x, gain, bias }, { eps }) => normComposition(x, gain, bias, eps),
  samples: [
    { shapes: { x: [3, 8], gain: [8], bias: [8] }, attributes: { eps: 1e-12 } },
    { shapes: { x: [2, 2, 5], gain: [5], bias: [5] }, attributes: { eps: 1e-5 } },
  ],
});

interface Drop {
  p: number;
  key: number;
}

/** The dropout factors of rows of numbers, as the kernels draw them. */
function dropoutMask(like: Tensor, { p, key }: Drop): Tensor {
  const width = like.shape[like.rank - 1];
  const values = Float64Array.from({ length: like.size }, (_, i) => keep(p, key, Math.floor(i / width), i % width));
  return tensor(values, like.shape, { backend: like.backend });
}

/** Inverted dropout: cells become 0 with probability p, the others are divided by 1 - p. */
export const dropout = defineOp({
  name: 'dropout',
  inputs: ['x'],
  shape: ({ x }, _: Drop) => x,
  run: ({ x }, { p, key }, shape) => launch(kernels.dropout, { x: rows(x), p, key }, { y: shape }),
  saves: [],
  vjp: ({ dy }, { p, key }) => ({ x: () => dy.dropout(p, key) }),
  composition: ({ x }, drop) => x.mul(dropoutMask(x, drop)),
  samples: [{ shapes: { x: [6, 7] }, attributes: { p: 0.3, key: 12345 } }],
});

/** BERT's residual connection, layer norm of dropout(x) + residual. */
export const dropoutAddNorm = defineOp({
  name: 'dropoutAddNorm',
  inputs: ['x', 'residual', 'gain', 'bias'],
  shape: ({ x, residual, gain, bias }, _: Norm & Drop) => {
    if (!sameShape(x, residual)) throw mismatch('dropoutAddNorm', { x, residual }, 'Both must have one shape.');
    return checkNorm('dropoutAddNorm', { x, gain, bias });
  },
  run: ({ x, residual, gain, bias }, { eps, p, key }, shape) => {
    const n = shape[shape.length - 1];
    const count = [rowCount(shape)];
    return launch(
      kernels.dropoutAddNorm,
      { x: rows(x), residual: rows(residual), gain, bias, n, eps, p, key },
      { y: shape, total: shape, mean: count, inverse: count },
    );
  },
  saves: ['total', 'mean', 'inverse', 'gain'],
  vjp: ({ dy, total, mean, inverse, gain }, { p, key }) => {
    const gradient = together(() => normGradient({ dy, x: total, mean, inverse, gain }));
    return {
      x: () => gradient('dx')().dropout(p, key),
      residual: gradient('dx'),
      gain: gradient('dgain'),
      bias: gradient('dbias'),
    };
  },
  composition: ({ x, residual, gain, bias }, { eps, p, key }) =>
    normComposition(x.mul(dropoutMask(x, { p, key })).add(residual), gain, bias, eps),
  samples: [
    { shapes: { x: [3, 8], residual: [3, 8], gain: [8], bias: [8] }, attributes: { eps: 1e-12, p: 0.2, key: 99 } },
    { shapes: { x: [2, 4], residual: [2, 4], gain: [4], bias: [4] }, attributes: { eps: 1e-12, p: 0, key: 0 } },
  ],
});
