// Cross-attention to one vector a text: what the decoders of TSDAE and SEED see of the encoder.
import type { Random, Sequences, Tensor } from '../core/index.js';
import type { BertConfig } from './config.js';
import { Dropout, LayerNorm, Linear } from './layers.js';

/**
 * Post-norm, as in Hugging Face's BERT decoder. A softmax over one key is 1, whatever the query: so there are no queries and
 * keys here, which such files have and nothing depends on.
 */
export class CrossAttention {
  readonly self: { readonly value: Linear };
  readonly output: { readonly dense: Linear; readonly LayerNorm: LayerNorm };

  constructor(
    readonly config: BertConfig,
    random: Random,
  ) {
    const { hidden_size: width, initializer_range: deviation, layer_norm_eps } = config;
    this.self = { value: new Linear(width, width, random, deviation) };
    this.output = {
      dense: new Linear(width, width, random, deviation),
      LayerNorm: new LayerNorm(width, layer_norm_eps),
    };
  }

  /** x [R, H], packed as `sequences` say, and a vector of each of them, h [B, H] -> [R, H]. */
  forward(x: Tensor, h: Tensor, { ofRow }: Sequences, random?: Random): Tensor {
    const { p, key } = new Dropout(this.config.hidden_dropout_prob, random).draw();
    const seen = this.output.dense.forward(this.self.value.forward(h)).gather(ofRow);
    return this.output.LayerNorm.forward((p > 0 ? seen.dropout(p, key) : seen).add(x));
  }

  /** The same for padded texts, without dropout: x [B, T, H], h [B, 1, H]. */
  naive(x: Tensor, h: Tensor): Tensor {
    return this.output.LayerNorm.forward(this.output.dense.forward(this.self.value.forward(h)).add(x));
  }
}
