// Layer norm and the two ways in which BERT uses it: after a residual connection and after the sum of embeddings.
import { kernels } from '../../kernels/index.js';
import { asRows, defineOp, launch, mismatch } from '../op.js';
import { Ids } from '../host.js';
import { sameShape, sizeOf, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { scatterRule } from './movement.js';
import { dropoutMask, rowCount, together, type Drop } from './rows.js';

interface Norm {
  eps: number;
}

function checkNorm(name: string, shapes: Readonly<Record<'x' | 'gain' | 'bias', Shape>>): Shape {
  const { x, gain, bias } = shapes;
  if (x.length === 0 || sizeOf(gain) !== x.at(-1) || sizeOf(bias) !== x.at(-1))
    throw mismatch(name, { x, gain, bias }, 'Wanted x [..., H], gain [H], bias [H].');
  return x;
}

/** What the gradients of all norms read beside their input. */
function operands(saved: Readonly<Record<'dy' | 'mean' | 'inverse' | 'gain', Tensor>>) {
  const { dy, mean, inverse, gain } = saved;
  return { dy: asRows(dy), mean, inverse, gain, n: dy.shape[dy.rank - 1], rows: rowCount(dy.shape) };
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
    return launch(kernels.layerNorm, { x: asRows(x), gain, bias, n, eps }, { y: shape, mean: count, inverse: count });
  },
  saves: ['x', 'mean', 'inverse', 'gain'],
  vjp: (saved) => {
    const { x, gain } = saved;
    const shapes = { dx: x.shape, dgain: gain.shape, dbias: gain.shape };
    const gradient = together(() => launch(kernels.layerNormGradient, { ...operands(saved), x: asRows(x) }, shapes));
    return { x: gradient('dx'), gain: gradient('dgain'), bias: gradient('dbias') };
  },
  composition: ({ x, gain, bias }, { eps }) => normComposition(x, gain, bias, eps),
  samples: [
    { shapes: { x: [3, 8], gain: [8], bias: [8] }, attributes: { eps: 1e-12 } },
    { shapes: { x: [2, 2, 5], gain: [5], bias: [5] }, attributes: { eps: 1e-5 } },
    { shapes: { x: [0, 3], gain: [3], bias: [3] }, attributes: { eps: 1e-5 } },
  ],
});

/** BERT's residual connection, layer norm of dropout(x + shift) + residual; shift is the bias of the layer that made x. */
export const dropoutAddNorm = defineOp({
  name: 'dropoutAddNorm',
  inputs: ['x', 'shift', 'residual', 'gain', 'bias'],
  shape: ({ x, shift, residual, gain, bias }, _: Norm & Drop) => {
    if (!sameShape(x, residual)) throw mismatch('dropoutAddNorm', { x, residual }, 'Both must have one shape.');
    if (sizeOf(shift) !== x.at(-1)) throw mismatch('dropoutAddNorm', { x, shift }, 'Wanted x [..., H], shift [H].');
    return checkNorm('dropoutAddNorm', { x, gain, bias });
  },
  run: ({ x, shift, residual, gain, bias }, { eps, p, key }, shape) => {
    const n = shape[shape.length - 1];
    const count = [rowCount(shape)];
    return launch(
      kernels.dropoutAddNorm,
      { x: asRows(x), shift, residual: asRows(residual), gain, bias, n, eps, p, key },
      { y: shape, total: shape, mean: count, inverse: count },
    );
  },
  saves: ['total', 'mean', 'inverse', 'gain'],
  vjp: (saved, { p, key }) => {
    const { total, gain } = saved;
    const [line, table] = [gain.shape, total.shape];
    const gradient = together(() =>
      launch(
        kernels.dropoutAddNormGradient,
        { ...operands(saved), total: asRows(total), p, key },
        { dresidual: table, dx: table, dshift: line, dgain: line, dbias: line },
      ),
    );
    return {
      x: gradient('dx'),
      shift: gradient('dshift'),
      residual: gradient('dresidual'),
      gain: gradient('dgain'),
      bias: gradient('dbias'),
    };
  },
  composition: ({ x, shift, residual, gain, bias }, { eps, p, key }) =>
    normComposition(x.add(shift).mul(dropoutMask(x, { p, key })).add(residual), gain, bias, eps),
  samples: [
    {
      shapes: { x: [3, 8], shift: [8], residual: [3, 8], gain: [8], bias: [8] },
      attributes: { eps: 1e-12, p: 0.2, key: 99 },
    },
    {
      shapes: { x: [2, 4], shift: [4], residual: [2, 4], gain: [4], bias: [4] },
      attributes: { eps: 1e-12, p: 0, key: 0 },
    },
    {
      shapes: { x: [0, 3], shift: [3], residual: [0, 3], gain: [3], bias: [3] },
      attributes: { eps: 1e-12, p: 0.1, key: 5 },
    },
  ],
});

/**
 * BERT's embeddings: dropout of the layer norm of words[ids] + positions[places] + types[0], [N, H]. words [V, H] is any
 * table whose rows stand for words; positions [P, H], types [T, H].
 */
export const embedNorm = defineOp({
  name: 'embedNorm',
  inputs: ['words', 'positions', 'types', 'gain', 'bias'],
  shape: ({ words, positions, types, gain, bias }, { ids, places }: Norm & Drop & { ids: Ids; places: Ids }) => {
    const [width] = words.slice(-1);
    if ([words, positions, types].some((table) => table.length !== 2 || table[1] !== width) || types[0] === 0)
      throw mismatch(
        'embedNorm',
        { words, positions, types },
        'Wanted words [V, H], positions [P, H], types [T, H], T > 0.',
      );
    if (ids.length !== places.length)
      throw mismatch(
        'embedNorm',
        { words },
        `There are ${ids.length} ids and ${places.length} places; wanted one each a row.`,
      );
    ids.check('embedNorm ids', words[0]);
    places.check('embedNorm places', positions[0]);
    return checkNorm('embedNorm', { x: [ids.length, width], gain, bias });
  },
  run: ({ words, positions, types, gain, bias }, { ids, places, eps, p, key }, shape) => {
    const [count, n] = shape;
    const chosen = { ids: ids.view(words.backend), places: places.view(words.backend) };
    return launch(
      kernels.embedNorm,
      { words, positions, types, ...chosen, gain, bias, n, eps, p, key },
      { y: shape, total: shape, mean: [count], inverse: [count] },
    );
  },
  saves: ['total', 'mean', 'inverse', 'gain'],
  vjp: (saved, { ids, places, p, key }, { words, positions, types }) => {
    const { total, gain } = saved;
    const shapes = { dx: total.shape, dtypes: types, dgain: gain.shape, dbias: gain.shape };
    const gradient = together(() => launch(kernels.embedNormGradient, { ...operands(saved), total, p, key }, shapes));
    return {
      words: scatterRule(gradient('dx'), ids, words),
      positions: scatterRule(gradient('dx'), places, positions),
      types: gradient('dtypes'),
      gain: gradient('dgain'),
      bias: gradient('dbias'),
    };
  },
  composition: ({ words, positions, types, gain, bias }, { ids, places, eps, p, key }) => {
    const total = words
      .gather(ids)
      .add(positions.gather(places))
      .add(types.gather([0]));
    return normComposition(total, gain, bias, eps).mul(dropoutMask(total, { p, key }));
  },
  samples: [
    {
      shapes: { words: [5, 4], positions: [3, 4], types: [2, 4], gain: [4], bias: [4] },
      attributes: { ids: new Ids([4, 1, 1, 0]), places: new Ids([0, 1, 2, 0]), eps: 1e-12, p: 0.3, key: 77 },
    },
    {
      shapes: { words: [2, 3], positions: [1, 3], types: [1, 3], gain: [3], bias: [3] },
      attributes: { ids: new Ids([1]), places: new Ids([0]), eps: 1e-5, p: 0, key: 0 },
    },
    {
      shapes: { words: [2, 3], positions: [2, 3], types: [1, 3], gain: [3], bias: [3] },
      attributes: { ids: new Ids([]), places: new Ids([]), eps: 1e-5, p: 0.1, key: 3 },
    },
  ],
});
