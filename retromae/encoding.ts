// The encoder's half of every masked objective: which rows are read, h, and the masked-language-model loss.
import { Ids, Sequences, type Random, type Tensor } from '../core/index.js';
import type { BertForMaskedLM, Needed } from '../nn/index.js';
import { IGNORE, type MaskedBatch } from './batch.js';

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
  /** The sentence vectors [B, H]: last hidden states of [CLS]. */
  readonly h: Tensor;
  /** Where in `hidden` the masked tokens are, and what they were. */
  readonly masked: Ids;
  readonly labels: Ids;
}

/** Encodes the masked text. Of the last layer [CLS] and the masked positions are computed, or all if they are asked for. */
export function encodeMasked(
  { bert }: BertForMaskedLM,
  { offsets, encoderIds, encoderLabels }: MaskedBatch,
  { all = false, random }: { all?: boolean; random?: Random } = {},
): Encoded {
  const sequences = new Sequences(offsets);
  const { rows: masked, labels } = labelled(encoderLabels);
  const ids = new Ids(encoderIds);
  const firsts = offsets.slice(0, -1);
  if (all) {
    const hidden = bert.forward(ids, sequences, { random });
    return { sequences, hidden, h: hidden.gather(firsts), masked: new Ids(masked), labels };
  }
  const rows = Int32Array.from(new Set([...firsts, ...masked])).sort();
  const needed: Needed = { rows: new Ids(rows), sequences: sequencesOf(rows, sequences) };
  const hidden = bert.forward(ids, sequences, { needed, random });
  const at = new Map(Array.from(rows, (row, i) => [row, i]));
  const places = (wanted: Int32Array) => new Ids(wanted.map((row) => at.get(row)!));
  return { sequences, hidden, h: hidden.gather(places(firsts)), masked: places(masked), labels };
}

/** Mean cross-entropy of labels, one for each of the states [R, H], and the share predicted right, by the MLM head. */
export const predict = ({ bert, cls }: BertForMaskedLM, states: Tensor, labels: Ids): Predicted =>
  cls.loss(cls.transform(states), bert.embeddings.word_embeddings, labels);

export interface Predicted {
  loss: Tensor;
  accuracy: Tensor;
}
