// SEED's decoder (microsoft/SEED-Encoder), by the names of its files: pre-norm, auto-regressive, blind to all but h.
import { Ids, ops, scope, type HostArray, type Random, type Sequences, type Tensor } from '../core/index.js';
import { Dropout, Embedding, LayerNorm, Linear, type BertConfig } from '../nn/index.js';

/** fairseq's. */
const EPS = 1e-5;

class Layer {
  readonly self_attn: Readonly<Record<'q_proj' | 'k_proj' | 'v_proj' | 'out_proj', Linear>>;
  /** A softmax over h alone is 1, whatever the query: queries and keys, and the norm before them, would do nothing. */
  readonly encoder_attn: Readonly<Record<'v_proj' | 'out_proj', Linear>>;
  readonly self_attn_layer_norm: LayerNorm;
  readonly final_layer_norm: LayerNorm;
  readonly fc1: Linear;
  readonly fc2: Linear;

  constructor(
    readonly config: BertConfig,
    random: Random,
  ) {
    const { hidden_size: width, intermediate_size: wide, initializer_range: deviation } = config;
    const square = () => new Linear(width, width, random, deviation);
    this.self_attn = { q_proj: square(), k_proj: square(), v_proj: square(), out_proj: square() };
    this.encoder_attn = { v_proj: square(), out_proj: square() };
    this.self_attn_layer_norm = new LayerNorm(width, EPS);
    this.final_layer_norm = new LayerNorm(width, EPS);
    this.fc1 = new Linear(width, wide, random, deviation);
    this.fc2 = new Linear(wide, width, random, deviation);
  }

  /** x [R, H] -> [R, H], h [B, H] being all that is seen of the encoder. */
  forward(x: Tensor, h: Tensor, sequences: Sequences, visible: HostArray, random?: Random): Tensor {
    const { num_attention_heads: heads, attention_probs_dropout_prob, hidden_dropout_prob } = this.config;
    const dropped = (y: Tensor) => {
      const { p, key } = new Dropout(hidden_dropout_prob, random).draw();
      return p > 0 ? y.dropout(p, key) : y;
    };
    return scope(() => {
      const { q_proj, k_proj, v_proj, out_proj } = this.self_attn;
      const y = this.self_attn_layer_norm.forward(x);
      const streams = { q: q_proj.forward(y), k: k_proj.forward(y), v: v_proj.forward(y) };
      const drop = new Dropout(attention_probs_dropout_prob, random).draw();
      const own = ops.attention.apply(streams, { heads, queries: sequences, keys: sequences, visible, ...drop });
      const seen = x.add(dropped(out_proj.forward(own)));
      const text = this.encoder_attn.out_proj.forward(this.encoder_attn.v_proj.forward(h));
      const told = seen.add(dropped(text.gather(sequences.ofRow)));
      return told.add(dropped(this.fc2.forward(this.fc1.forwardGelu(this.final_layer_norm.forward(told)))));
    });
  }
}

export class SeedDecoder {
  readonly embed_positions: Embedding;
  readonly layernorm_embedding: LayerNorm;
  readonly layers: readonly Layer[];
  readonly layer_norm: LayerNorm;

  constructor(config: BertConfig, layers: number, random: Random) {
    const { hidden_size: width, max_position_embeddings: positions, initializer_range: deviation } = config;
    // Row 0 is that of padding, which fairseq counts from.
    this.embed_positions = new Embedding(positions + 1, width, random, deviation);
    this.layernorm_embedding = new LayerNorm(width, EPS);
    this.layers = Array.from({ length: layers }, () => new Layer(config, random));
    this.layer_norm = new LayerNorm(width, EPS);
  }

  /** Word vectors [R, H] of texts packed as `sequences` -> states [R, H]. */
  forward(words: Tensor, h: Tensor, sequences: Sequences, visible: HostArray, random?: Random): Tensor {
    const places = new Ids(Int32Array.from(sequences.positions.values, (position) => position + 1));
    return scope(() => {
      const positions = this.embed_positions.forward(places);
      let x = this.layernorm_embedding.forward(words.add(positions));
      for (const layer of this.layers) x = layer.forward(x, h, sequences, visible, random);
      return this.layer_norm.forward(x);
    });
  }
}
