// The objectives written naively, as one reads them in the paper: padded, every row computed, plain ops, no dropout.
//
// Shapes: B texts of T positions, H wide, V words. What stands beside a reshape or a product is the shape of the result.
import { Ids, tensor, type Tensor } from '../core/index.js';
import type { BertForMaskedLM, BertLayer } from '../nn/index.js';
import { IGNORE, toPadded, type Batch, type DecoderBatch, type MaskedBatch } from './batch.js';
import type { Comparison } from './info-nce.js';

/** Added to the scores of keys that may not be seen. */
export const HIDDEN = -1e9;

/** Numbers in nested arrays as a constant on the encoder's backend. */
export const constant = ({ bert }: BertForMaskedLM, values: Parameters<typeof tensor>[0]): Tensor =>
  tensor(values, undefined, { backend: bert.embeddings.word_embeddings.weight.backend });

/** Embeddings of padded ids, or of the vectors [B, T, H] given instead of words: [B, T, H]. */
export function embed({ bert, config }: BertForMaskedLM, words: number[][] | Tensor): Tensor {
  const { word_embeddings, position_embeddings, token_type_embeddings, LayerNorm } = bert.embeddings;
  const [batch, length] = Array.isArray(words) ? [words.length, words[0].length] : words.shape;
  const shape = [batch, length, config.hidden_size];
  const rows = Array.isArray(words)
    ? word_embeddings.forward(new Ids(words.flat()).padded(config.pad_token_id)).reshape(shape)
    : words;
  const positions = position_embeddings.forward(new Ids(Array.from({ length }, (_, position) => position))); // [T, H]
  return LayerNorm.forward(rows.add(positions).add(token_type_embeddings.forward(new Ids([0]))));
}

/**
 * Attention, head by head: q [B, R, H], k and v [B, T, H] -> [B, R, H].
 * @param seen [B, R, T], or fewer rows or texts where all are alike: 1 where a key may be seen
 */
export function attend(encoder: BertForMaskedLM, q: Tensor, k: Tensor, v: Tensor, seen: number[][][]): Tensor {
  const { num_attention_heads: heads, hidden_size: width } = encoder.config;
  // [B, h, ., H/h]
  const split = (y: Tensor) => y.reshape([...y.shape.slice(0, 2), heads, width / heads]).permute(0, 2, 1, 3);
  const scores = split(q)
    .matmul(split(k).transpose())
    .mul(Math.sqrt(heads / width)); // [B, h, R, T]
  const mask = constant(
    encoder,
    seen.map((rows) => [rows.map((row) => row.map((sees) => (sees ? 0 : HIDDEN)))]),
  );
  return scores.add(mask).softmax().matmul(split(v)).permute(0, 2, 1, 3).reshape(q.shape);
}

/**
 * One post-norm layer over x [B, R, H] and its context [B, T, H].
 * @param seen as `attend`
 * @param between what comes between attention and the feed-forward part, of a decoder's layer
 */
export function layer(
  encoder: BertForMaskedLM,
  parts: Omit<BertLayer, 'forward'>,
  x: Tensor,
  context: Tensor,
  seen: number[][][],
  between = (y: Tensor) => y,
): Tensor {
  const { self, output } = parts.attention;
  const [q, k, v] = [self.query.forward(x), self.key.forward(context), self.value.forward(context)];
  const attended = output.dense.forward(attend(encoder, q, k, v, seen));
  const middle = between(output.LayerNorm.forward(attended.add(x)));
  const wide = parts.intermediate.dense.forward(middle).gelu();
  return parts.output.LayerNorm.forward(parts.output.dense.forward(wide).add(middle));
}

/** Logits over the vocabulary [B, T, V], by the MLM head. */
export function logitsOf({ bert, cls }: BertForMaskedLM, x: Tensor): Tensor {
  const { dense, LayerNorm } = cls.predictions.transform;
  const transformed = LayerNorm.forward(dense.forward(x).gelu());
  return transformed.linear(bert.embeddings.word_embeddings.weight, cls.predictions.bias);
}

/** log softmax over the last axis. */
export function logSoftmax(x: Tensor): Tensor {
  const shifted = x.sub(x.detach().max(-1, true));
  return shifted.sub(shifted.exp().sum(-1, true).log());
}

/** Mean over the labelled positions of -log softmax(logits)[label], by the MLM head. Where nothing is labelled: 0. */
export const crossEntropy = (encoder: BertForMaskedLM, x: Tensor, labels: number[][]): Tensor =>
  labelledLoss(encoder, logitsOf(encoder, x), labels);

/** The same, of logits [B, T, V]. */
export function labelledLoss(encoder: BertForMaskedLM, logits: Tensor, labels: number[][]): Tensor {
  const count = labels.flat().filter((label) => label !== IGNORE).length;
  const words = Array.from({ length: encoder.config.vocab_size }, (_, word) => word);
  const chosen = labels.map((row) => row.map((label) => words.map((word) => (word === label ? 1 / count : 0))));
  return logSoftmax(logits).mul(constant(encoder, chosen)).sum().neg();
}

/** All hidden states of padded ids [B, T]: of the embeddings, and of each layer, [B, T, H]. */
function hiddenStates(encoder: BertForMaskedLM, ids: number[][], attention_mask: number[][]): Tensor[] {
  const seen = attention_mask.map((row) => [row]);
  const states = [embed(encoder, ids)];
  for (const parts of encoder.bert.encoder.layer)
    states.push(layer(encoder, parts, states.at(-1)!, states.at(-1)!, seen));
  return states;
}

/** Masked-language modelling: its loss, all hidden states and the last ones [B, T, H], and of these [CLS]'s: h [B, 1, H]. */
export function maskedLoss(encoder: BertForMaskedLM, batch: MaskedBatch) {
  const { encoder_input_ids, encoder_labels, attention_mask } = toPadded(batch, encoder.config.pad_token_id ?? 0);
  const states = hiddenStates(encoder, encoder_input_ids, attention_mask);
  const hidden = states.at(-1)!;
  return { loss: crossEntropy(encoder, hidden, encoder_labels), states, hidden, h: at(hidden, 0, encoder) };
}

/** The last hidden states of unmasked texts [B, T, H], and 1 where there is a token [B][T]. */
export function naiveStates(encoder: BertForMaskedLM, { offsets, ids }: Batch) {
  const padded = toPadded({ offsets, ids, encoderIds: ids, encoderLabels: ids }, encoder.config.pad_token_id ?? 0);
  const { input_ids, attention_mask } = padded;
  return { hidden: hiddenStates(encoder, input_ids, attention_mask).at(-1)!, attention_mask };
}

/** The sentence vectors of unmasked texts: h [B, 1, H]. */
export const naiveEncode = (encoder: BertForMaskedLM, batch: Batch): Tensor =>
  at(naiveStates(encoder, batch).hidden, 0, encoder);

/** InfoNCE of pairs, each row by itself: vectors [B, D], texts 2i and 2i + 1 being partners. */
export function naiveComparison(vectors: Tensor, documents: ArrayLike<number>, how: Comparison): Tensor {
  const count = documents.length;
  const length = vectors.mul(vectors).sum(-1, true).sqrt();
  const z = how.similarity === 'cosine' ? vectors.div(length) : vectors;
  const products = z.matmul((how.passages?.(z) ?? z).transpose()).mul(1 / how.temperature); // [B, B]
  const cells = (f: (text: number, other: number) => number) =>
    tensor(
      Array.from({ length: count }, (_, text) => Array.from({ length: count }, (_, other) => f(text, other))),
      undefined,
      { backend: vectors.backend },
    );
  // The first texts of pairs are queries; the second ones are passages, also where they look back.
  const asks = cells((text) => 1 - (text % 2));
  const scores = products.mul(asks).add(products.transpose().mul(asks.neg().add(1)));
  /** Mean over the texts of one kind, of -log of the share that the partner has among candidates. */
  const direction = (
    isRow: (text: number) => boolean,
    isCandidate: (text: number, other: number) => boolean,
  ): Tensor => {
    const isFoe = (text: number, other: number) =>
      isCandidate(text, other) && (other === (text ^ 1) || documents[other] !== documents[text]);
    const shares = scores.add(cells((text, other) => (isFoe(text, other) ? 0 : HIDDEN)));
    const rows = documents.length / (how.among === 'all' ? 1 : 2);
    const chosen = cells((text, other) => (isRow(text) && other === (text ^ 1) ? 1 / rows : 0));
    return logSoftmax(shares).mul(chosen).sum().neg();
  };
  const isFirst = (text: number) => text % 2 === 0;
  if (how.among === 'all')
    return direction(
      () => true,
      (text, other) => text !== other,
    );
  const across = (text: number, other: number) => isFirst(text) !== isFirst(other);
  const there = direction(isFirst, across);
  if (!how.symmetric) return there;
  return there.add(direction((text) => !isFirst(text), across)).mul(0.5);
}

/** Condenser's head: the sentence vectors before an inner layer's states [B, T, H], through layers of its own. */
export function condenserLoss(
  encoder: BertForMaskedLM,
  layers: readonly BertLayer[],
  batch: MaskedBatch,
  h: Tensor,
  inner: Tensor,
): Tensor {
  const { encoder_labels, attention_mask } = toPadded(batch, encoder.config.pad_token_id ?? 0);
  const seen = attention_mask.map((row) => [row]);
  let x = behind(encoder, h, inner);
  for (const parts of layers) x = layer(encoder, parts, x, x, seen);
  return crossEntropy(encoder, x, encoder_labels);
}

/** x [B, 1, H] with texts 2i and 2i + 1 in each other's places. */
export function swapped(x: Tensor): Tensor {
  const [count] = x.shape;
  const from = new Ids(Array.from({ length: count }, (_, text) => text ^ 1));
  return x
    .reshape([count, x.size / count])
    .gather(from)
    .reshape(x.shape);
}

/** Position p of x [B, T, H]: [B, 1, H]. */
export function at(x: Tensor, p: number, { config }: BertForMaskedLM): Tensor {
  const [batch, length] = x.shape;
  const rows = x.reshape([batch * length, config.hidden_size]);
  const ids = new Ids(Array.from({ length: batch }, (_, b) => b * length + p));
  return rows.gather(ids).reshape([batch, 1, config.hidden_size]);
}

/** x [B, T, H] with h [B, 1, H] in the place of position 0. */
export function behind(encoder: BertForMaskedLM, h: Tensor, x: Tensor): Tensor {
  const first = constant(encoder, [Array.from({ length: x.shape[1] }, (_, p) => [p === 0 ? 1 : 0])]); // [1, T, 1]
  return h.mul(first).add(x.mul(first.neg().add(1)));
}

/** Enhanced decoding (section 3.3): every position a query, which sees the positions where its row of the matrix M is 0. */
export function enhancedLoss(
  encoder: BertForMaskedLM,
  c_head: BertLayer,
  batch: DecoderBatch,
  h: Tensor,
  query: 'A' | 'B',
): Tensor {
  const { input_ids, decoder_visible, decoder_labels } = toPadded(batch, encoder.config.pad_token_id ?? 0);
  const { length } = input_ids[0];
  const positions = encoder.bert.embeddings.position_embeddings.forward(new Ids(input_ids[0].map((_, p) => p)));
  const sentence = h.expand([h.shape[0], length, h.shape[2]]);
  const h1 = query === 'A' ? sentence.add(positions) : embed(encoder, sentence);
  const h2 = behind(encoder, h, embed(encoder, input_ids));
  return crossEntropy(encoder, layer(encoder, c_head, h1, h2, decoder_visible!), decoder_labels!);
}

/** Basic decoding (section 3.2). */
export function basicLoss(
  encoder: BertForMaskedLM,
  layers: readonly BertLayer[],
  batch: DecoderBatch,
  h: Tensor,
): Tensor {
  const padded = toPadded(batch, encoder.config.pad_token_id ?? 0);
  const seen = padded.attention_mask.map((row) => [row]);
  let x = behind(encoder, h, embed(encoder, padded.basic_decoder_input_ids!));
  for (const parts of layers) x = layer(encoder, parts, x, x, seen);
  return crossEntropy(encoder, x, padded.basic_decoder_labels!);
}

/** DupMAE's bag of words, from the last hidden states [B, T, H]. */
export function bagOfWordsLoss(encoder: BertForMaskedLM, batch: MaskedBatch, hidden: Tensor): Tensor {
  const { input_ids, attention_mask } = toPadded(batch, encoder.config.pad_token_id ?? 0);
  const outside = attention_mask.map((row) => row.map((mask, p) => [mask && p > 0 ? 0 : HIDDEN]));
  const top = logitsOf(encoder, hidden).add(constant(encoder, outside)).max(1); // [B, V]
  const weights = input_ids.map((row, b) => {
    const content = row.slice(1, attention_mask[b].lastIndexOf(1));
    return Array.from({ length: top.shape[1] }, (_, word) => (content.includes(word) ? 1 / content.length : 0));
  });
  return logSoftmax(top).mul(constant(encoder, weights)).sum(-1).neg().mean();
}
