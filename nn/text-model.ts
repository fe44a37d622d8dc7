// What retrieval trains and uses: a model that makes a vector of a text, whatever is inside.
import type { Ids, Random, Sequences, Tensor } from '../core/index.js';
import type { BertForMaskedLM } from './bert.js';
import { modesOf, poolingModes, type Pooling } from './pooling.js';

/** Makes vectors of texts. What of it is trained are fields: their paths are names in files. */
export interface TextModel {
  /** Numbers in a vector. */
  readonly dim: number;
  /** Tokens of the longest text that it takes, [CLS] and [SEP] included. */
  readonly maxLength: number;
  /**
   * Vectors [B, dim] of texts laid end to end, each `[CLS] text [SEP]`, before they are scaled.
   */
  encode(
    ids: Ids,
    sequences: Sequences,
    options?: {
      /** Rows at the beginning of each text that are not pooled: a prompt. */
      skip?: number;
      /** Where dropout's randomness comes from; none: no dropout. */
      random?: Random;
    },
  ): Tensor;
}

/** A BERT under a pooling of its hidden states. @throws if the pooling is none of `poolingModes` */
export function pooledBert(model: BertForMaskedLM, pooling: Pooling = 'cls'): TextModel {
  const modes = modesOf(pooling);
  const wrong = modes.find((mode) => !poolingModes.includes(mode));
  if (modes.length === 0 || wrong !== undefined)
    throw new Error(`encoder: pooling is ${JSON.stringify(pooling)}; it must be one of ${poolingModes.join(', ')}.`);
  const { hidden_size, max_position_embeddings } = model.config;
  return {
    dim: hidden_size * modes.length,
    maxLength: max_position_embeddings,
    encode: (ids, sequences, options) => model.encode(ids, sequences, { ...options, pooling }),
  };
}
