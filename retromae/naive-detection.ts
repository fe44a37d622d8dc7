// The detection of replaced tokens written naively: see naive.ts.
import type { Tensor } from '../core/index.js';
import type { BertConfig, BertForMaskedLM } from '../nn/index.js';
import { toPadded, type MaskedBatch } from './batch.js';
import type { Detector } from './detection.js';
import { behind, constant, embed, layer, logSoftmax } from './naive.js';

/** Mean over positions, padding among them or not, of -log softmax(logits)[whether it was replaced]; z [B, H]. */
export function naiveDetection(
  config: BertConfig,
  { discriminator, electra_head: head }: Detector,
  z: Tensor,
  batch: MaskedBatch & { readonly generated?: Int32Array },
  countPadding: boolean,
): Tensor {
  const pad = config.pad_token_id ?? 0;
  const { input_ids, attention_mask, encoder_input_ids } = toPadded({ ...batch, encoderIds: batch.generated! }, pad);
  const ids = encoder_input_ids.map((row, b) => [input_ids[b][0], ...row.slice(1)]);
  const model = { bert: discriminator, config } as BertForMaskedLM;
  let x = behind(model, z.reshape([z.shape[0], 1, z.shape[1]]), embed(model, ids));
  const seen = attention_mask.map((row) => [row]);
  for (const parts of discriminator.encoder.layer) x = layer(model, parts, x, x, seen);
  const counted = attention_mask.map((row) => row.map((mask) => (countPadding ? 1 : mask)));
  const count = counted.flat().reduce((a, b) => a + b);
  const chosen = ids.map((row, b) =>
    row.map((id, p) => {
      const share = counted[b][p] / count;
      return id === input_ids[b][p] ? [share, 0] : [0, share];
    }),
  );
  return logSoftmax(head.forward(x)).mul(constant(model, chosen)).sum().neg();
}
