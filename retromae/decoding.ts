// RetroMAE's two ways to rebuild a text from its sentence vector h (Xiao et al., 2022, sections 3.2 and 3.3).
import { HostArray, Ids, scope, type Random, type Sequences, type Tensor } from '../core/index.js';
import type { BertForMaskedLM, BertLayer } from '../nn/index.js';
import { shareOf, type DecoderBatch } from './batch.js';
import { labelled, pick, sequencesOf, type Encoded } from './encoding.js';

/** What a decoder knows of the encoder. */
type Sentences = Pick<Encoded, 'h' | 'sequences'>;

/** Last hidden states [R, H] of the rows that predict, and what they should; which share they are of a larger batch's. */
export interface Decoded {
  states: Tensor;
  labels: Ids;
  share: number;
}

/** States x [N, H] with the sentence vectors h [B, H] in the place of each sequence's first row. */
export function behindSentence(h: Tensor, x: Tensor, { positions, ofRow, count, rows }: Sequences): Tensor {
  const from = Int32Array.from({ length: rows }, (_, row) =>
    positions.values[row] === 0 ? ofRow.values[row] : count + row,
  );
  return h.concat(x).gather(from);
}

/** The context stream: embeddings of the ids, with h itself (no position, no norm) in the place of [CLS]. */
export function context(
  { bert }: BertForMaskedLM,
  ids: Int32Array,
  sequences: Sequences,
  h: Tensor,
  random?: Random,
): Tensor {
  return behindSentence(h, bert.embeddings.forward(new Ids(ids), sequences, random), sequences);
}

/** States x [N, H] led through layers: of the last, the given rows, ascending, alone. [R, H] */
export function throughLayers(
  layers: readonly BertLayer[],
  x: Tensor,
  rows: Int32Array,
  sequences: Sequences,
  random?: Random,
): Tensor {
  return scope(() => {
    let states = x;
    for (const layer of layers.slice(0, -1))
      states = layer.forward(states, states, { queries: sequences, keys: sequences, random });
    const pass = { queries: sequencesOf(rows, sequences), keys: sequences, random };
    return layers.at(-1)!.forward(states.gather(new Ids(rows)), states, pass);
  });
}

/**
 * Enhanced decoding: one layer, in which every labelled row is a query H1 with its own visible part of the context H2.
 * @param query A: H1 = h + position; B: layer norm of h + type 0 + position
 * @throws if the batch has no `visible`
 */
export function decodeEnhanced(
  encoder: BertForMaskedLM,
  layer: BertLayer,
  batch: DecoderBatch,
  { h, sequences }: Sentences,
  { query, random }: { query: 'A' | 'B'; random?: Random },
): Decoded {
  const { ids, decoderLabels, visible } = batch;
  if (!visible || !decoderLabels)
    throw new Error('RetroMAE: the batch has no enhanced decoder targets. Collate with decoder: "enhanced".');
  const { rows, labels } = labelled(decoderLabels);
  return scope(() => {
    const sentences = pick(sequences.ofRow.values, rows);
    const positions = pick(sequences.positions.values, rows);
    const { embeddings } = encoder.bert;
    const { queries, projected } =
      query === 'A'
        ? plainQueries(encoder, layer, h, { longest: sequences.longest, sentences, positions })
        : { queries: embeddings.place(h, sentences, positions, random), projected: undefined };
    const words = visible.length / ids.length;
    const seen = new Uint16Array(rows.length * words);
    rows.forEach((row, i) => seen.set(visible.subarray(row * words, (row + 1) * words), i * words));
    const pass = {
      queries: sequencesOf(rows, sequences),
      keys: sequences,
      visible: new HostArray(seen, [rows.length, words]),
      random,
      projected,
    };
    const states = layer.forward(queries, context(encoder, ids, sequences, h, random), pass);
    return { states, labels, share: shareOf(batch, 'decoderLabels') };
  });
}

/**
 * Queries h + p, one a row. W (h + p) + b is (W h + b) + W p: the projection is of the sentences and of the positions, which
 * are few, and not of their sums.
 */
function plainQueries(
  { bert }: BertForMaskedLM,
  { attention }: BertLayer,
  h: Tensor,
  { longest, sentences, positions }: { longest: number; sentences: Ids; positions: Ids },
) {
  const { query } = attention.self;
  const all = new Ids(Array.from({ length: longest }, (_, position) => position));
  const places = bert.embeddings.position_embeddings.forward(all);
  return {
    queries: h.gather(sentences).add(places.gather(positions)),
    projected: query.forward(h).gather(sentences).add(places.linear(query.weight).gather(positions)),
  };
}

/**
 * Basic decoding: the text masked again, behind h, through ordinary layers; only labelled rows of the last are computed.
 * @throws if the batch has no `basicIds`
 */
export function decodeBasic(
  encoder: BertForMaskedLM,
  layers: readonly BertLayer[],
  batch: DecoderBatch,
  { h, sequences }: Sentences,
  random?: Random,
): Decoded {
  const { basicIds, basicLabels } = batch;
  if (!basicIds || !basicLabels)
    throw new Error('RetroMAE: the batch has no basic decoder targets. Collate with decoder: "basic".');
  const { rows, labels } = labelled(basicLabels);
  const x = context(encoder, basicIds, sequences, h, random);
  const states = throughLayers(layers, x, rows, sequences, random);
  return { states, labels, share: shareOf(batch, 'basicLabels') };
}
