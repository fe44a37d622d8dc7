// From the hidden states of a text to one vector: the poolings of sentence-transformers (Reimers and Gurevych, 2019).
import { Sequences, tensor, type Tensor } from '../core/index.js';

/** The poolings there are, by sentence-transformers' names, in the order in which its older files concatenate them. */
export const poolingModes = ['cls', 'max', 'mean', 'mean_sqrt_len_tokens', 'weightedmean', 'lasttoken'] as const;
export type PoolingMode = (typeof poolingModes)[number];
/** One pooling, or several whose vectors are concatenated. */
export type Pooling = PoolingMode | readonly PoolingMode[];

export const modesOf = (pooling: Pooling): readonly PoolingMode[] =>
  typeof pooling === 'string' ? [pooling] : pooling;

/** The hidden states that are pooled. */
interface Pooled {
  /** [N, H] */
  readonly x: Tensor;
  readonly sequences: Sequences;
  /** The place of each row in its text, 1 for the first, whether that is pooled or not. */
  readonly places: Float64Array;
  /** [N] what a mean weighs each row by; 1 if not given. */
  readonly weights?: Tensor;
}

type Pool = (pooled: Pooled) => Tensor;

const firstRow = ({ offsets: { values } }: Sequences, b: number): number => values[b];
const lastRow = ({ offsets: { values } }: Sequences, b: number): number => values[b + 1] - 1;
const ofEach = (sequences: Sequences, row: typeof firstRow): Int32Array =>
  Int32Array.from({ length: sequences.count }, (_, b) => row(sequences, b));

const pools: Readonly<Record<PoolingMode, Pool>> = {
  cls: ({ x, sequences }) => x.gather(ofEach(sequences, firstRow)),
  lasttoken: ({ x, sequences }) => x.gather(ofEach(sequences, lastRow)),
  mean: ({ x, sequences, weights }) => x.pool(sequences, weights),
  // sum / sqrt(n) = mean * sqrt(n)
  mean_sqrt_len_tokens: ({ x, sequences }) => {
    const roots = Float64Array.from({ length: sequences.count }, (_, b) =>
      Math.sqrt(lastRow(sequences, b) + 1 - firstRow(sequences, b)),
    );
    return x.pool(sequences).mul(tensor(roots, [sequences.count, 1], { backend: x.backend }));
  },
  weightedmean: ({ x, sequences, places }) => x.pool(sequences, tensor(places, undefined, { backend: x.backend })),
  // Sequences are filled up to the longest with their last row, which is no larger than their largest.
  max: ({ x, sequences }) => {
    const { count, longest } = sequences;
    const rows = Int32Array.from({ length: count * longest }, (_, i) => {
      const b = Math.floor(i / longest);
      return Math.min(firstRow(sequences, b) + (i % longest), lastRow(sequences, b));
    });
    return x.gather(rows).reshape([count, longest, x.shape[1]]).max(1);
  },
};

/** All rows of packed sequences but the first `skip` of each, of which one is left always. */
function keptRows(sequences: Sequences, skip: number): { rows: Int32Array; kept: Sequences; places: Float64Array } {
  const skipped = ofEach(sequences, (all, b) => Math.min(skip, lastRow(all, b) - firstRow(all, b)));
  const kept = Sequences.ofLengths(skipped.map((n, b) => lastRow(sequences, b) + 1 - firstRow(sequences, b) - n));
  const places = Float64Array.from({ length: kept.rows }, (_, i) => {
    const b = kept.ofRow.values[i];
    return kept.positions.values[i] + skipped[b] + 1;
  });
  const rows = Int32Array.from(places, (place, i) => firstRow(sequences, kept.ofRow.values[i]) + place - 1);
  return { rows, kept, places };
}

/**
 * Hidden states x [N, H] of packed sequences -> [B, H], or [B, kH] of k poolings.
 */
export function poolStates(
  x: Tensor,
  sequences: Sequences,
  pooling: Pooling,
  {
    skip = 0,
    weights,
  }: {
    /** Rows at the beginning of each sequence (a prompt) that are left out, but never all of them. */
    skip?: number;
    /** [N, 1] what the mean weighs each row by, where not all alike: sentence-transformers' WordWeights. */
    weights?: Tensor;
  } = {},
): Tensor {
  const { rows, kept, places } = keptRows(sequences, skip);
  const some = (all: Tensor) => (skip > 0 ? all.gather(rows) : all);
  const pooled = { x: some(x), sequences: kept, places, weights: weights && some(weights).reshape([kept.rows]) };
  const [first, ...others] = modesOf(pooling).map((mode) => pools[mode](pooled));
  return others.reduce((all, each) => all.concat(each, 1), first);
}

/** The one row of each sequence that a pooling is, where it is one. */
export function singleRows(sequences: Sequences, pooling: Pooling, skip = 0): Int32Array | undefined {
  const [mode, ...others] = modesOf(pooling);
  if (others.length > 0) return undefined;
  if (mode === 'lasttoken') return ofEach(sequences, lastRow);
  const first: typeof firstRow = (all, b) => Math.min(firstRow(all, b) + skip, lastRow(all, b));
  return mode === 'cls' ? ofEach(sequences, first) : undefined;
}
