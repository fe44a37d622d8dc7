// A cross-encoder (Nogueira and Cho, 2019, arXiv 1901.04085): query and passage in one sequence, and one number of them.
import { Ids, scope, Sequences, type Random, type Tensor } from '../core/index.js';
import { BertModel } from './bert.js';
import type { BertConfig } from './config.js';
import { Linear } from './layers.js';
import { singleRows } from './pooling.js';

/** BERT with the pooler that its first authors have: tanh of a layer over the last hidden state of [CLS]. */
class PooledBertModel extends BertModel {
  readonly pooler: { readonly dense: Linear };

  constructor(config: BertConfig, random: Random, recompute: boolean) {
    super(config, random, recompute);
    const { hidden_size: width, initializer_range } = config;
    this.pooler = { dense: new Linear(width, width, random, initializer_range) };
  }
}

/** Pairs laid end to end, as `packPairs` of retromae/data makes them. */
export interface Pairs {
  readonly ids: Int32Array;
  /** [pairs + 1] */
  readonly offsets: Int32Array;
  /** [N] token types. */
  readonly types: Int32Array;
}

/** Hugging Face's BertForSequenceClassification with one label. Its fields are the names in files. */
export class CrossEncoder {
  readonly bert: PooledBertModel;
  readonly classifier: Linear;

  /** @throws if there is no second token type */
  constructor(
    readonly config: BertConfig,
    random: Random,
    recompute = false,
  ) {
    if (config.type_vocab_size < 2)
      throw new Error(
        `cross-encoder: type_vocab_size is ${config.type_vocab_size}; query and passage need two token types. Begin with another encoder.`,
      );
    this.bert = new PooledBertModel(config, random, recompute);
    this.classifier = new Linear(config.hidden_size, 1, random, config.initializer_range);
  }

  /** How well each passage answers its query: [pairs], any numbers. @param random of dropout; none: no dropout */
  scores({ ids, offsets, types }: Pairs, random?: Random): Tensor {
    const sequences = new Sequences(offsets);
    const rows = new Ids(singleRows(sequences, 'cls')!);
    const needed = { rows, sequences: Sequences.ofLengths(Array.from({ length: sequences.count }, () => 1)) };
    return scope(() => {
      const h = this.bert.forward(new Ids(ids), sequences, { needed, random, types });
      return this.classifier.forward(this.bert.pooler.dense.forward(h).tanh()).reshape([sequences.count]);
    });
  }
}
