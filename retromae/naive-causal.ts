// Auto-regressive decoding written naively: see naive.ts.
import { Ids, type Tensor } from '../core/index.js';
import type { BertForMaskedLM, BertLayer, CrossAttention } from '../nn/index.js';
import { IGNORE, toPadded, type Batch } from './batch.js';
import { seesBefore } from './causal.js';
import { attend, behind, crossEntropy, embed, labelledLoss, layer } from './naive.js';
import type { SeedDecoder } from './seed-decoder.js';

/** Decoder inputs and labels [B, T], the next ids, and who sees whom [T][T]. */
function decoderOf(encoder: BertForMaskedLM, { offsets, ids }: Batch, reach: number) {
  const padded = toPadded({ offsets, ids, encoderIds: ids, encoderLabels: ids }, encoder.config.pad_token_id ?? 0);
  const { input_ids, attention_mask } = padded;
  const labels = input_ids.map((row, b) => row.map((_, p) => (attention_mask[b][p + 1] ? row[p + 1] : IGNORE)));
  const seen = [input_ids[0].map((_, i) => input_ids[0].map((_, j) => Number(seesBefore(i, j, reach))))];
  return { input_ids, labels, seen };
}

/** One post-norm layer over [h, E(x_1), E(x_2), …]; h [B, 1, H]. */
export function naiveAutoregressive(
  encoder: BertForMaskedLM,
  parts: BertLayer,
  batch: Batch,
  h: Tensor,
  reach: number,
): Tensor {
  const { input_ids, labels, seen } = decoderOf(encoder, batch, reach);
  const x = behind(encoder, h, embed(encoder, input_ids));
  return crossEntropy(encoder, layer(encoder, parts, x, x, seen), labels);
}

/** SEED's decoder: pre-norm layers that see h [B, 1, H] alone of the encoder. */
export function naiveSeed(
  encoder: BertForMaskedLM,
  decoder: SeedDecoder,
  batch: Batch,
  h: Tensor,
  reach: number,
): Tensor {
  const { input_ids, labels, seen } = decoderOf(encoder, batch, reach);
  const table = encoder.bert.embeddings.word_embeddings;
  const words = table.forward(new Ids(input_ids.flat()).padded(encoder.config.pad_token_id));
  const positions = decoder.embed_positions.forward(new Ids(input_ids[0].map((_, p) => p + 1))); // [T, H]
  const shape = [input_ids.length, input_ids[0].length, h.shape[2]];
  let x = decoder.layernorm_embedding.forward(words.reshape(shape).add(positions));
  for (const parts of decoder.layers) {
    const y = parts.self_attn_layer_norm.forward(x);
    const { q_proj, k_proj, v_proj, out_proj } = parts.self_attn;
    const [q, k, v] = [q_proj, k_proj, v_proj].map((dense) => dense.forward(y));
    x = x.add(out_proj.forward(attend(encoder, q, k, v, seen)));
    // All the weight is on h, the only key.
    x = x.add(parts.encoder_attn.out_proj.forward(parts.encoder_attn.v_proj.forward(h)));
    x = x.add(parts.fc2.forward(parts.fc1.forward(parts.final_layer_norm.forward(x)).gelu()));
  }
  return labelledLoss(encoder, decoder.layer_norm.forward(x).linear(table.weight), labels);
}

/**
 * TSDAE's decoder: post-norm layers that see h [B, 1, H] alone of the encoder.
 * @param model whose embeddings, layers and head it has
 * @param cross the cross-attention of each layer
 */
export function naiveTsdae(model: BertForMaskedLM, cross: readonly CrossAttention[], batch: Batch, h: Tensor): Tensor {
  const { input_ids, labels, seen } = decoderOf(model, batch, 0);
  let x = embed(model, input_ids);
  model.bert.encoder.layer.forEach((parts, i) => {
    x = layer(model, parts, x, x, seen, (y) => cross[i].naive(y, h));
  });
  return crossEntropy(model, x, labels);
}
