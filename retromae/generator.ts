// A frozen BERT that fills in masked texts, as ELECTRA's generator does (Clark et al., 2020, arXiv 2003.10555).
import { Ids, noGrad, ops, scope, Sequences } from '../core/index.js';
import type { BertForMaskedLM } from '../nn/index.js';
import type { MaskedBatch } from './batch.js';

/** Rows whose logits are in memory at once. */
const ROWS = 256;

/** The word that the model thinks most likely at every position of masked texts: [N]. */
export async function mostLikely(
  generator: BertForMaskedLM,
  { encoderIds, offsets }: MaskedBatch,
): Promise<Int32Array> {
  const { bert, cls } = generator;
  const reads = noGrad(() =>
    scope(() => {
      const hidden = bert.forward(new Ids(encoderIds), new Sequences(offsets));
      return Array.from({ length: Math.ceil(encoderIds.length / ROWS) }, (_, i) => {
        const rows = hidden.slice(0, i * ROWS, Math.min(encoderIds.length, (i + 1) * ROWS));
        const { ids } = scope(() => {
          const logits = cls.logits(rows, bert.embeddings.word_embeddings);
          return ops.topK.applyAll({ x: logits }, { k: 1 });
        });
        return ids.read();
      });
    }),
  );
  return Int32Array.from((await Promise.all(reads)).flatMap((ids) => Array.from(ids)));
}
