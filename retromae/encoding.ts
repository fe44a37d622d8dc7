// The encoder's half of every masked objective: which rows are read, h, and the masked-language-model loss.
import { Ids, Sequences, type Random, type Tensor } from '../core/index.js';
import { poolStates, type BertForMaskedLM, type Needed } from '../nn/index.js';
import { IGNORE, shareOf, type MaskedBatch } from './batch.js';

/** Rows of the packed batch that carry a label, and these labels. */
export function labelled(labels: Int32Array): { rows: Int32Array; labels: Ids } {
  const rows = Int32Array.from(labels.keys()).filter((row) => labels[row] !== IGNORE);
  return { rows, labels: pick(labels, rows) };
}

/** How many of the given rows (ascending) lie in each sequence. */
export function sequencesOf(rows: Int32Array, { count, ofRow }: Sequences): Sequences {
  const lengths = new Int32Array(count);
  for (const row of rows) lengths[ofRow.values[row]]++;
  return Sequences.ofLengths(lengths);
}

export const pick = (from: ArrayLike<number>, rows: Int32Array): Ids => new Ids(rows.map((row) => from[row]));

/** What the encoder says of a masked text. */
export interface Encoded {
  readonly sequences: Sequences;
  /** Last hidden states, of the rows that are read. */
  readonly hidden: Tensor;
  /** The sentence vectors [B, H]: last hidden states of [CLS], or the mean of all where the encoder has weights of words. */
  readonly h: Tensor;
  /** Where in `hidden` the masked tokens are, and what they were. */
  readonly masked: Ids;
  readonly labels: Ids;
  /** The share of the labels of a larger batch that these are; 1 of a whole one. */
  readonly share: number;
  /** All hidden states [N, H] of the inner layer that was asked for. */
  readonly inner?: Tensor;
}

/**
 * Encodes the masked text. Of the last layer [CLS] and the masked positions are computed, or all if they are asked for.
 */
export function encodeMasked(
  { bert, word_weights: weights }: BertForMaskedLM,
  batch: MaskedBatch,
  {
    all: every = false,
    inner,
    random,
  }: {
    all?: boolean;
    /** Also the hidden states of this layer: 0 are the embeddings, 1 the output of the first one … */
    inner?: number;
    random?: Random;
  } = {},
): Encoded {
  const { offsets, encoderIds, encoderLabels } = batch;
  const sequences = new Sequences(offsets);
  const { rows: masked, labels } = labelled(encoderLabels);
  const share = shareOf(batch, 'encoderLabels');
  const ids = new Ids(encoderIds);
  const firsts = offsets.slice(0, -1);
  // A mean is of all rows.
  const all = every || weights !== undefined;
  const rows = Int32Array.from(new Set([...firsts, ...masked])).sort();
  const needed: Needed | undefined = all ? undefined : { rows: new Ids(rows), sequences: sequencesOf(rows, sequences) };
  const lower = inner === undefined ? undefined : bert.forward(ids, sequences, { to: inner, random });
  const hidden = lower
    ? bert.through(lower, sequences, { from: inner, needed, random })
    : bert.forward(ids, sequences, { needed, random });
  const at = new Map(Array.from(rows, (row, i) => [row, i]));
  const places = (wanted: Int32Array) => new Ids(all ? wanted : wanted.map((row) => at.get(row)!));
  const h = weights
    ? poolStates(hidden, sequences, 'mean', { weights: weights.gather(ids) })
    : hidden.gather(places(firsts));
  return { sequences, hidden, h, masked: places(masked), labels, share, inner: lower };
}

export interface Predicted {
  loss: Tensor;
  accuracy: Tensor;
}

/**
 * Mean cross-entropy of labels, one for each of the states [R, H], and the share predicted right, by the MLM head.
 * @param share both are multiplied with: of the labels of a larger batch
 */
export function predict(encoder: BertForMaskedLM, states: Tensor, labels: Ids, share = 1): Predicted {
  const { bert, cls } = encoder;
  return scaled(cls.loss(cls.transform(states), bert.embeddings.word_embeddings, labels), share);
}

/** What was predicted of a part of a batch, by its share of the whole. */
export const scaled = (all: Predicted, share: number): Predicted =>
  share === 1 ? all : { loss: all.loss.mul(share), accuracy: all.accuracy.mul(share) };
