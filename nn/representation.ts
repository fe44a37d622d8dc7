// DupMAE's representation (Xiao et al., 2023, arXiv 2305.02564): half a dense vector, and the words that the text predicts.
//
//   a = W_cls h;   mu[t] = max over the positions of the text but [CLS] of the MLM head's logit of word t;
//   m = mu, or log(1 + relu(mu));   of a passage only the k greatest of m stay.
//   S[q][p] = a_q . a_p + sum over words t kept in p of m_q[t] m_p[t].
//
// Whether mu passes through an activation, the paper does not say; nobody released this part.
import { launch, ones, ops, randn, scope, type Ids, type Random, type Sequences, type Tensor } from '../core/index.js';
import { kernels } from '../kernels/index.js';
import type { BertForMaskedLM } from './bert.js';
import type { BertConfig } from './config.js';
import { singleRows } from './pooling.js';

/** What a text can be made of: a pooling of its hidden states, or DupMAE's. */
export const representations = ['cls', 'mean', 'dupmae'] as const;
export type RepresentationName = (typeof representations)[number];

/** What becomes of the greatest logits: nothing, or log(1 + relu(mu)). */
export const wordActivations = ['log1p_relu', 'raw'] as const;

export interface RepresentationOptions {
  /** Words that are kept of a passage. */
  readonly k: number;
  readonly activation: (typeof wordActivations)[number];
}

/**
 * W_cls, and how words are weighed. As a field `cls_projection` of what is trained it has its name in files:
 * `cls_projection.weight`, [floor(H / 2), H].
 */
export class Representation implements RepresentationOptions {
  readonly weight: Tensor;
  readonly k: number;
  readonly activation: RepresentationOptions['activation'];
  /** Of a: floor(H / 2). */
  readonly dense: number;
  readonly words: number;

  /** @throws unless k is a whole number from 1 to the size of the vocabulary */
  constructor(
    { hidden_size, vocab_size, initializer_range }: BertConfig,
    random: Random,
    { k, activation }: RepresentationOptions,
  ) {
    if (!(Number.isInteger(k) && k >= 1 && k <= vocab_size))
      throw new Error(
        `representation: k is ${k}; it must be a whole number from 1 to ${vocab_size}, the words of the vocabulary. Ask for fewer (--kept-words, keptWords).`,
      );
    this.dense = Math.floor(hidden_size / 2);
    this.words = vocab_size;
    this.weight = randn([this.dense, hidden_size], random, initializer_range, { requiresGrad: true });
    this.k = k;
    this.activation = activation;
  }

  /** Numbers of a vector. */
  get width(): number {
    return this.dense + this.words;
  }

  /**
   * The vectors [a | m] of packed texts, [B, width], all words kept: those of queries, and what `kept` takes.
   */
  vectors(
    { bert, cls }: Pick<BertForMaskedLM, 'bert' | 'cls'>,
    ids: Ids,
    sequences: Sequences,
    {
      random,
    }: {
      /** Where dropout's randomness comes from; none: no dropout. */
      random?: Random;
    } = {},
  ): Tensor {
    return scope(() => {
      const hidden = bert.forward(ids, sequences, { random });
      const a = hidden.gather(singleRows(sequences, 'cls')!).linear(this.weight);
      const head = { table: bert.embeddings.word_embeddings.weight, bias: cls.predictions.bias };
      const mu = ops.vocabularyMax.apply({ x: cls.transform(hidden), ...head }, { sequences, skip: 1 });
      return a.concat(this.activation === 'raw' ? mu : mu.maximum(mu.detach().mul(0)).add(1).log(), 1);
    });
  }

  /**
   * The vectors of passages: all but the k greatest words are 0, and no gradient goes there. So S = queries kept(passages)^T.
   * @param vectors [B, width]
   */
  kept(vectors: Tensor): Tensor {
    return scope(() => {
      const { ids } = this.top(vectors.detach());
      const chosen = launch(
        kernels.topKGradient,
        { dy: ones(ids.shape, { backend: ids.backend }), ids, count: this.k },
        { dx: [vectors.shape[0], this.words] },
      ).dx;
      const all = ones([vectors.shape[0], this.dense], { backend: ids.backend });
      return vectors.mul(all.concat(chosen, 1));
    });
  }

  /** The k greatest words, the greatest first, and their weights: both [B, k]. Of equal ones, the first. */
  top(vectors: Tensor): { values: Tensor; ids: Tensor } {
    return scope(() => vectors.slice(1, this.dense, this.width).topK(this.k));
  }
}
