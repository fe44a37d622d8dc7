// Multi-head attention over packed sequences, with separate query and key/value streams.
import { dropoutFactor, kernels } from '../../kernels/index.js';
import { defineOp, launch, mismatch } from '../op.js';
import { HostArray, Ids } from '../host.js';
import { Sequences } from '../sequences.js';
import { sameShape, sizeOf } from '../shape.js';
import { tensor, type Tensor } from '../tensor.js';
import { together } from './rows.js';

export interface Attention {
  heads: number;
  /** Whose rows the queries are; may be fewer than the keys. */
  queries: Sequences;
  keys: Sequences;
  /** [rows of queries, ceil(longest / 16)], where bit j & 15 of word j >> 4 says that the row may see key j of its sequence. */
  visible?: HostArray;
  /** Dropout of the attention weights. */
  p: number;
  key: number;
}

const noMask = new HostArray([0], [1, 1]);

/** What both kernels read beside q, k and v. */
function operands(q: Tensor, { heads, queries, keys, visible, p, key }: Attention) {
  const { backend } = q;
  const width = q.shape[1] / heads;
  return {
    qSequence: queries.ofRow.view(backend),
    kSequence: keys.ofRow.view(backend),
    qOffsets: queries.offsets.view(backend),
    kOffsets: keys.offsets.view(backend),
    visible: (visible ?? noMask).view(backend),
    masked: visible ? 1 : 0,
    heads,
    width,
    keys: keys.longest,
    scale: 1 / Math.sqrt(width),
    p,
    key,
  };
}

const sample = (heads: number, width: number, q: number[], k: number[], p: number, masked: boolean) => {
  const queries = Sequences.ofLengths(q);
  const keys = Sequences.ofLengths(k);
  // Every row sees key 0 and every other key of its own pattern.
  const bits = Uint16Array.from({ length: queries.rows }, (_, i) => 1 | (0x5b6d >> (i % 3)));
  const visible = masked ? new HostArray(bits, [queries.rows, 1]) : undefined;
  const [rows, columns] = [keys.rows, heads * width];
  return {
    shapes: { q: [queries.rows, columns], k: [rows, columns], v: [rows, columns] },
    attributes: { heads, queries, keys, visible, p, key: 4242 },
  };
};

/**
 * y = dropout(softmax(q k^T / sqrt(width))) v, head by head, each sequence on its own (Vaswani et al., 2017).
 * q, y [R, H]; k, v [S, H]; rows packed as `queries` and `keys` say. Weights are never stored: the backward pass computes
 * them again from the log of their sum (Dao et al., 2022).
 */
export const attention = defineOp({
  name: 'attention',
  inputs: ['q', 'k', 'v'],
  shape: ({ q, k, v }, { heads, queries, keys, visible }: Attention) => {
    if (q.length !== 2 || k.length !== 2 || !sameShape(k, v) || q[1] !== k[1] || q[1] % heads !== 0)
      throw mismatch('attention', { q, k, v }, `Wanted q [R, H], k and v [S, H], H divisible by ${heads} heads.`);
    if (q[0] !== queries.rows || k[0] !== keys.rows || queries.count !== keys.count)
      throw mismatch(
        'attention',
        { q, k },
        `The sequences say ${queries.rows} query rows of ${queries.count} and ${keys.rows} key rows of ${keys.count} sequences.`,
      );
    if (visible && (visible.dims[0] !== q[0] || visible.dims[1] * 16 < keys.longest))
      throw mismatch(
        'attention',
        { q, visible: visible.dims },
        `Wanted visible [${q[0]}, ceil(${keys.longest} / 16)].`,
      );
    return q;
  },
  run: ({ q, k, v }, attributes, shape) =>
    launch(kernels.attention, { q, k, v, ...operands(q, attributes) }, { y: shape, lse: [shape[0], attributes.heads] }),
  saves: ['q', 'k', 'v', 'y', 'lse'],
  vjp: ({ q, k, v, y, lse, dy }, attributes) => {
    const gradient = together(() =>
      launch(
        kernels.attentionGradient,
        { dy, y, lse, q, k, v, ...operands(q, attributes) },
        { dq: q.shape, dk: k.shape, dv: v.shape },
      ),
    );
    return { q: gradient('dq'), k: gradient('dk'), v: gradient('dv') };
  },
  composition: ({ q, k, v }, attributes) => {
    const { queries, keys } = attributes;
    let y: Tensor | undefined;
    for (let b = 0; b < queries.count; b++) {
      const part = attendSequence(q, k, v, attributes, b);
      if (queries.offsets.values[b + 1] > queries.offsets.values[b] && keys.rows > 0) y = y ? y.concat(part) : part;
    }
    // Without a query y has no cell, whatever the keys and values are.
    return y ?? q.add(k.add(v).sum(0));
  },
  samples: [
    sample(2, 3, [4, 2], [4, 2], 0, false),
    sample(2, 3, [4, 2], [4, 2], 0, true),
    sample(1, 4, [2, 1, 3], [5, 1, 3], 0.25, true),
    sample(3, 2, [1], [1], 0, false),
    sample(1, 2, [0], [2], 0, false),
  ],
});

/** Attention of sequence b alone, in plain ops. */
function attendSequence(q: Tensor, k: Tensor, v: Tensor, attributes: Attention, b: number): Tensor {
  const { heads, queries, keys, visible, p, key } = attributes;
  const range = ({ offsets }: Sequences) => {
    const start = offsets.values[b];
    return Int32Array.from({ length: offsets.values[b + 1] - start }, (_, i) => start + i);
  };
  const [qRows, kRows] = [range(queries), range(keys)];
  const [n, m, width] = [qRows.length, kRows.length, q.shape[1] / heads];
  const split = (x: Tensor, ids: Int32Array) =>
    x.gather(new Ids(ids)).reshape([ids.length, heads, width]).permute(1, 0, 2);
  const cells = (f: (head: number, row: number, column: number) => number) =>
    tensor(
      Float64Array.from({ length: heads * n * m }, (_, i) => f(Math.floor(i / (n * m)), Math.floor(i / m) % n, i % m)),
      [heads, n, m],
      { backend: q.backend },
    );
  const words = visible ? sizeOf(visible.dims) / visible.dims[0] : 0;
  const sees = (row: number, j: number) => !visible || (visible.values[row * words + (j >> 4)] >> (j & 15)) & 1;
  const mask = cells((_, i, j) => (sees(qRows[i], j) ? 0 : -1e9));
  const drop = cells((h, i, j) => dropoutFactor(p, key, qRows[i] * heads + h, j));
  const scores = split(q, qRows)
    .matmul(split(k, kRows).transpose())
    .mul(1 / Math.sqrt(width));
  const weights = scores.add(mask).softmax().mul(drop);
  return weights.matmul(split(v, kRows)).permute(1, 0, 2).reshape([n, q.shape[1]]);
}
