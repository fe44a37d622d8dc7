// BERT (Devlin et al., 2019), post-norm, over packed sequences. Field names are Hugging Face's: a path is a name there.
import {
  crossEntropy,
  Ids,
  ops,
  recompute,
  scope,
  Sequences,
  zeros,
  type HostArray,
  type Random,
  type Tensor,
} from '../core/index.js';
import type { BertConfig } from './config.js';
import { Dropout, Embedding, LayerNorm, Linear } from './layers.js';
import { poolStates, singleRows, type Pooling } from './pooling.js';

/** Which rows of the last layer somebody reads; all others are not computed there. */
export interface Needed {
  /** Rows of the packed batch, ascending. */
  readonly rows: Ids;
  /** The same rows as sequences: how many of each sequence. */
  readonly sequences: Sequences;
}

/** Who may look at whom, and where dropout's randomness comes from (none: evaluation). */
export interface Pass {
  readonly queries: Sequences;
  readonly keys: Sequences;
  readonly visible?: HostArray;
  readonly random?: Random;
  /** The projected queries [R, H], where the caller has a shorter way to them. */
  readonly projected?: Tensor;
}

/** Word + position + type 0, layer norm, dropout. */
export class BertEmbeddings {
  readonly word_embeddings: Embedding;
  readonly position_embeddings: Embedding;
  readonly token_type_embeddings: Embedding;
  readonly LayerNorm: LayerNorm;

  constructor(
    readonly config: BertConfig,
    random: Random,
  ) {
    const { vocab_size, max_position_embeddings, type_vocab_size, hidden_size, layer_norm_eps } = config;
    const { initializer_range: deviation } = config;
    this.word_embeddings = new Embedding(vocab_size, hidden_size, random, deviation);
    this.position_embeddings = new Embedding(max_position_embeddings, hidden_size, random, deviation);
    this.token_type_embeddings = new Embedding(type_vocab_size, hidden_size, random, deviation);
    this.LayerNorm = new LayerNorm(hidden_size, layer_norm_eps);
  }

  /**
   * ids [N] -> [N, H]. The row of [PAD] gets no gradient from here.
   * @param types [N] token types, where not all are 0
   */
  forward(ids: Ids, { positions }: Sequences, random?: Random, types?: ArrayLike<number>): Tensor {
    const words = this.word_embeddings.weight;
    const padded = ids.padded(this.config.pad_token_id);
    if (!types) return this.place(words, padded, positions, random);
    // A table of positions for each type, one below the other: row P t + p is position p + type t - type 0.
    const { weight: table } = this.position_embeddings;
    const { weight } = this.token_type_embeddings;
    const [length] = table.shape;
    const first = weight.slice(0, 0, 1);
    const [, ...others] = Array.from({ length: weight.shape[0] }, (_, type) => type);
    const all = others.reduce(
      (above, type) => above.concat(table.add(weight.slice(0, type, type + 1).sub(first))),
      table,
    );
    const places = new Ids(Int32Array.from(positions.values, (p, row) => length * types[row] + p));
    return this.place(words, padded, places, random, all);
  }

  /** The same with the rows of any table [V, H] in the place of words: those chosen by ids, at these positions. */
  place(words: Tensor, ids: Ids, places: Ids, random?: Random, positions = this.position_embeddings.weight): Tensor {
    const { weight: gain, bias, eps } = this.LayerNorm;
    const { weight: types } = this.token_type_embeddings;
    const drop = new Dropout(this.config.hidden_dropout_prob, random).draw();
    return ops.embedNorm.apply({ words, positions, types, gain, bias }, { ids, places, eps, ...drop });
  }
}

class SelfAttention {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;

  constructor(
    readonly config: BertConfig,
    random: Random,
  ) {
    const { hidden_size: hidden, initializer_range: deviation } = config;
    this.query = new Linear(hidden, hidden, random, deviation);
    this.key = new Linear(hidden, hidden, random, deviation);
    this.value = new Linear(hidden, hidden, random, deviation);
  }

  /** Queries from x [R, H], keys and values from context [S, H] -> [R, H]. */
  forward(x: Tensor, context: Tensor, { queries, keys, visible, random, projected }: Pass): Tensor {
    const { num_attention_heads: heads, attention_probs_dropout_prob } = this.config;
    const drop = new Dropout(attention_probs_dropout_prob, random).draw();
    const streams = {
      q: projected ?? this.query.forward(x),
      k: this.key.forward(context),
      v: this.value.forward(context),
    };
    return ops.attention.apply(streams, { heads, queries, keys, visible, ...drop });
  }
}

/** A dense layer, then layer norm of its dropout plus the residual. */
class Output {
  readonly dense: Linear;
  readonly LayerNorm: LayerNorm;

  constructor(
    inputs: number,
    readonly config: BertConfig,
    random: Random,
  ) {
    this.dense = new Linear(inputs, config.hidden_size, random, config.initializer_range);
    this.LayerNorm = new LayerNorm(config.hidden_size, config.layer_norm_eps);
  }

  forward(x: Tensor, residual: Tensor, random?: Random): Tensor {
    const dropout = new Dropout(this.config.hidden_dropout_prob, random);
    return this.LayerNorm.forwardResidual(x, this.dense, residual, dropout);
  }
}

/** One post-norm layer: attention from x to a context (usually x itself), then the feed-forward part. */
export class BertLayer {
  readonly attention: { readonly self: SelfAttention; readonly output: Output };
  readonly intermediate: { readonly dense: Linear };
  readonly output: Output;

  constructor(config: BertConfig, random: Random) {
    const { hidden_size, intermediate_size, initializer_range } = config;
    this.attention = { self: new SelfAttention(config, random), output: new Output(hidden_size, config, random) };
    this.intermediate = { dense: new Linear(hidden_size, intermediate_size, random, initializer_range) };
    this.output = new Output(intermediate_size, config, random);
  }

  /**
   * x [R, H], context [S, H] -> [R, H]. What the gradient does not need is freed on the way out.
   * @param between what comes between attention and the feed-forward part: a decoder's cross-attention
   */
  forward(x: Tensor, context: Tensor, pass: Pass, between = (y: Tensor) => y): Tensor {
    return scope(() => {
      const attended = this.attention.self.forward(x, context, pass);
      const seen = between(this.attention.output.forward(attended, x, pass.random));
      return this.output.forward(this.intermediate.dense.forwardGelu(seen), seen, pass.random);
    });
  }
}

export class BertModel {
  readonly embeddings: BertEmbeddings;
  readonly encoder: { readonly layer: readonly BertLayer[] };

  constructor(
    readonly config: BertConfig,
    random: Random,
    /** Whether the backward pass computes each layer's activations again instead of keeping them: the same gradients. */
    readonly recompute = false,
  ) {
    this.embeddings = new BertEmbeddings(config, random);
    this.encoder = { layer: Array.from({ length: config.num_hidden_layers }, () => new BertLayer(config, random)) };
  }

  /**
   * Hidden states of the last layer for packed ids [N]: [N, H], or [R, H] if only `needed` rows are asked for. Of layer `to`
   * where that is given: 0 are the embeddings, 1 the output of the first layer, and so on.
   * @throws if a sequence is longer than the position table
   */
  forward(
    ids: Ids,
    sequences: Sequences,
    {
      to,
      needed,
      random,
      types,
    }: {
      to?: number;
      needed?: Needed;
      random?: Random;
      /** [N] token types, where not all are 0. */
      types?: ArrayLike<number>;
    } = {},
  ): Tensor {
    const { max_position_embeddings: limit } = this.config;
    if (sequences.longest > limit)
      throw new Error(
        `BERT: a sequence of ${sequences.longest} tokens is longer than the model's ${limit} positions. Cut it.`,
      );
    return scope(() => {
      const x = this.embeddings.forward(ids, sequences, random, types);
      return this.through(x, sequences, { to, needed, random });
    });
  }

  /**
   * Hidden states x [N, H] led through the layers from .. to - 1, by default all: in two parts, for whoever reads an inner
   * layer too. Of the last of them, only `needed` rows are computed if they are given.
   */
  through(
    x: Tensor,
    sequences: Sequences,
    {
      from = 0,
      to,
      needed,
      visible,
      random,
    }: {
      from?: number;
      to?: number;
      needed?: Needed;
      /** Which positions each row may see, as of `ops.attention`, where not all of its sequence; not with `needed`. */
      visible?: HostArray;
      random?: Random;
    } = {},
  ): Tensor {
    const all: Pass = { queries: sequences, keys: sequences, visible, random };
    const layers = this.encoder.layer.slice(from, to);
    return scope(() => {
      let hidden = x;
      layers.forEach((layer, i) => {
        const some = i === layers.length - 1 ? needed : undefined;
        const pass = some ? { ...all, queries: some.sequences } : all;
        const run = (rows: Tensor, context: Tensor) => layer.forward(rows, context, pass);
        const rows = some ? hidden.gather(some.rows) : hidden;
        hidden = this.recompute ? recompute(run, [rows, hidden], random) : run(rows, hidden);
      });
      return hidden;
    });
  }
}

/** The masked-language-model head: dense, GELU, layer norm, then the word table (tied) with a bias of its own. */
export class BertHead {
  readonly predictions: {
    readonly transform: { readonly dense: Linear; readonly LayerNorm: LayerNorm };
    readonly bias: Tensor;
  };

  constructor(config: BertConfig, random: Random) {
    const { hidden_size, vocab_size, layer_norm_eps, initializer_range } = config;
    const dense = new Linear(hidden_size, hidden_size, random, initializer_range);
    const transform = { dense, LayerNorm: new LayerNorm(hidden_size, layer_norm_eps) };
    this.predictions = { transform, bias: zeros([vocab_size], { requiresGrad: true }) };
  }

  /** [R, H] -> [R, H]: what is multiplied with the word table. */
  transform(x: Tensor): Tensor {
    const { dense, LayerNorm } = this.predictions.transform;
    return scope(() => LayerNorm.forward(dense.forwardGelu(x)));
  }

  /** Mean cross-entropy of the labels, one for each of the transformed rows, and the share predicted right; 0 of none. */
  loss(transformed: Tensor, table: Embedding, labels: Ids): { loss: Tensor; accuracy: Tensor } {
    if (labels.length === 0) {
      // A zero that is on the tape, so that a batch without labels can be trained on.
      const none = transformed.sum().mul(0);
      return { loss: none, accuracy: none.detach() };
    }
    const { bias } = this.predictions;
    return scope(() => crossEntropy(transformed, table.weight, labels, { bias }));
  }

  /** Logits over the vocabulary, [R, V]. */
  logits(x: Tensor, table: Embedding): Tensor {
    return this.transform(x).linear(table.weight, this.predictions.bias);
  }
}

export class BertForMaskedLM {
  readonly bert: BertModel;
  readonly cls: BertHead;
  /** What pooling by the mean weighs each word by, [V, 1] by id, where not all alike. */
  readonly word_weights?: Tensor;

  constructor(
    readonly config: BertConfig,
    random: Random,
    recompute = false,
  ) {
    this.bert = new BertModel(config, random, recompute);
    this.cls = new BertHead(config, random);
  }

  /**
   * Sentence vectors [B, H], or [B, 2H] … of several poolings: by default the last hidden state of [CLS]. Of the last layer
   * nothing is computed that a pooling does not read.
   */
  encode(
    ids: Ids,
    sequences: Sequences,
    {
      pooling = 'cls',
      skip = 0,
      random,
    }: {
      pooling?: Pooling;
      /** Rows at the beginning of each sequence that are not pooled. */
      skip?: number;
      /** Where dropout's randomness comes from; none: no dropout. */
      random?: Random;
    } = {},
  ): Tensor {
    const single = singleRows(sequences, pooling, skip);
    if (!single)
      return scope(() => {
        const weights = this.word_weights?.gather(ids);
        return poolStates(this.bert.forward(ids, sequences, { random }), sequences, pooling, { skip, weights });
      });
    const each = Sequences.ofLengths(Array.from(single, () => 1));
    return this.bert.forward(ids, sequences, { needed: { rows: new Ids(single), sequences: each }, random });
  }
}
