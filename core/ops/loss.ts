// Losses over a vocabulary whose output table is the input embedding (tied), without keeping logits where avoidable.
import { kernels } from '../../kernels/index.js';
import { defineOp, flat, launch, mismatch, update } from '../op.js';
import { Ids } from '../host.js';
import { Sequences } from '../sequences.js';
import { sizeOf, type Shape } from '../shape.js';
import type { Rule } from '../tape.js';
import { tensor, type Tensor } from '../tensor.js';
import { together } from './rows.js';

const checkHead = (name: string, shapes: Readonly<Record<'x' | 'table' | 'bias', Shape>>) => {
  const { x, table, bias } = shapes;
  if (x.length !== 2 || table.length !== 2 || x[1] !== table[1] || sizeOf(bias) !== table[0])
    throw mismatch(name, { x, table, bias }, 'Wanted x [R, H], table [V, H], bias [V].');
};

/** The rule of a gradient that only the tape holds and that is known up to the factor dy []: no copy of a whole table. */
const scaled = (gradient: Tensor, dy: Tensor): Rule => ({
  dense: (sum) => {
    const factor = flat(dy);
    if (sum) return update(kernels.addScaled, sum, { x: flat(gradient), factor }, [sum.size]);
    return update(kernels.scaleBy, gradient, { factor }, [gradient.size]);
  },
});

const crossEntropyOperands = (inputs: Readonly<Record<'x' | 'table' | 'bias', Tensor>>, labels: Ids) => {
  const { x, table } = inputs;
  return { ...inputs, labels: labels.view(x.backend), width: x.shape[1], words: table.shape[0] };
};

/**
 * Mean cross-entropy of logits x table^T + bias against labels, one a row: y is a number, `hit` [R] is 1 where the label
 * scores best. While recording, gradients are computed in the same sweep, so that logits are never kept.
 */
export const linearCrossEntropy = defineOp({
  name: 'linearCrossEntropy',
  inputs: ['x', 'table', 'bias'],
  shape: (shapes, { labels }: { labels: Ids }): Shape => {
    checkHead('linearCrossEntropy', shapes);
    labels.check('linearCrossEntropy labels', shapes.table[0]);
    if (labels.length !== shapes.x[0] || labels.length === 0)
      throw mismatch(
        'linearCrossEntropy',
        shapes,
        `There are ${labels.length} labels; wanted one for each row, at least one.`,
      );
    return [];
  },
  run: (inputs, { labels }) => {
    const [rows] = inputs.x.shape;
    const results = launch(kernels.crossEntropy, crossEntropyOperands(inputs, labels), { nll: [rows], hit: [rows] });
    return { ...results, y: results.nll.mean() };
  },
  runRecording: (inputs, { labels }) => {
    const { x, table, bias } = inputs;
    const [rows] = x.shape;
    const results = launch(
      kernels.crossEntropyGradient,
      { ...crossEntropyOperands(inputs, labels), rows, scale: 1 / rows },
      { nll: [rows], hit: [rows], dx: x.shape, dtable: table.shape, dbias: bias.shape },
    );
    return { ...results, y: results.nll.mean() };
  },
  saves: ['dx', 'dtable', 'dbias'],
  vjp: ({ dx, dtable, dbias, dy }) => ({ x: scaled(dx, dy), table: scaled(dtable, dy), bias: scaled(dbias, dy) }),
  composition: ({ x, table, bias }, { labels }) => {
    const logits = x.matmul(table.transpose()).add(bias);
    const shifted = logits.sub(logits.detach().max(-1, true));
    const words = table.shape[0];
    const chosen = new Float64Array(labels.length * words);
    for (let i = 0; i < labels.length; i++) chosen[i * words + labels.values[i]] = 1;
    const own = shifted.mul(tensor(chosen, logits.shape, { backend: x.backend })).sum(-1);
    return shifted.exp().sum(-1).log().sub(own).mean();
  },
  samples: [
    { shapes: { x: [3, 4], table: [7, 4], bias: [7] }, attributes: { labels: new Ids([6, 0, 3]) } },
    { shapes: { x: [1, 2], table: [1, 2], bias: [1] }, attributes: { labels: new Ids([0]) } },
  ],
});

/**
 * For each sequence and word, the largest logit over the sequence's rows but its first `skip` (DupMAE's pooling, Liu et
 * al., 2023, section 3.2, leaves out [CLS]): y [B, V]. The gradient goes to the row where the maximum is.
 */
export const vocabularyMax = defineOp({
  name: 'vocabularyMax',
  inputs: ['x', 'table', 'bias'],
  shape: (shapes, { sequences, skip }: { sequences: Sequences; skip: number }): Shape => {
    checkHead('vocabularyMax', shapes);
    const { offsets, count, rows } = sequences;
    for (let b = 0; b < count; b++)
      if (rows !== shapes.x[0] || offsets.values[b + 1] - offsets.values[b] <= skip)
        throw mismatch('vocabularyMax', shapes, `Sequence ${b} of ${rows} rows needs more than ${skip} rows.`);
    return [count, shapes.table[0]];
  },
  run: ({ x, table, bias }, { sequences, skip }, shape) => {
    const offsets = sequences.offsets.view(x.backend);
    const { top, row } = launch(
      kernels.vocabularyMax,
      { x, table, bias, offsets, skip, width: x.shape[1] },
      { top: shape, row: shape },
    );
    return { y: top, row };
  },
  saves: ['x', 'table', 'row'],
  vjp: ({ x, table, row, dy }, { sequences }) => {
    const gradient = together(() =>
      launch(
        kernels.vocabularyMaxGradient,
        {
          dtop: dy,
          row,
          x,
          table,
          sequence: sequences.ofRow.view(x.backend),
          words: table.shape[0],
          sequences: sequences.count,
        },
        { dx: x.shape, dtable: table.shape, dbias: [table.shape[0]] },
      ),
    );
    return { x: gradient('dx'), table: gradient('dtable'), bias: gradient('dbias') };
  },
  composition: ({ x, table, bias }, { sequences, skip }) => {
    const logits = x.matmul(table.transpose()).add(bias);
    const tops = Array.from({ length: sequences.count }, (_, b) => {
      const start = sequences.offsets.values[b] + skip;
      const length = sequences.offsets.values[b + 1] - start;
      return logits.gather(Int32Array.from({ length }, (_, i) => start + i)).max(0, true);
    });
    return tops.reduce((all, top) => all.concat(top), logits.gather([]));
  },
  samples: [
    {
      shapes: { x: [7, 3], table: [5, 3], bias: [5] },
      attributes: { sequences: Sequences.ofLengths([4, 3]), skip: 1 },
    },
    { shapes: { x: [0, 2], table: [3, 2], bias: [3] }, attributes: { sequences: Sequences.ofLengths([]), skip: 1 } },
  ],
});
