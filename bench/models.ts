// The models that the benchmarks train, by size.
import { bertConfig, type BertConfig } from '../nn/index.js';

export interface Size {
  layers: number;
  hidden: number;
  heads: number;
}

export const sizes: Record<string, Size> = {
  tiny: { layers: 2, hidden: 128, heads: 2 },
  mini: { layers: 4, hidden: 256, heads: 4 },
  small: { layers: 4, hidden: 512, heads: 8 },
  base: { layers: 12, hidden: 768, heads: 12 },
};

/** A BERT of that size, its feed-forward layer four times as wide. */
export function configOf({ layers, hidden, heads }: Size, vocab: number, seq: number, dropout: number): BertConfig {
  return bertConfig({
    vocab_size: vocab,
    hidden_size: hidden,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    intermediate_size: 4 * hidden,
    max_position_embeddings: seq,
    hidden_dropout_prob: dropout,
    attention_probs_dropout_prob: dropout,
  });
}
