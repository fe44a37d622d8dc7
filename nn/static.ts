// Words alone: a text's vector is the mean of its tokens' vectors. After sentence-transformers' StaticEmbedding and model2vec.
import { Ids, ops, randn, scope, Sequences, tensor, type Random, type Tensor } from '../core/index.js';
import type { TextModel } from './text-model.js';

export interface StaticConfig {
  /** Tokens of the vocabulary, V. */
  readonly words: number;
  /** Numbers of a vector, D. */
  readonly dim: number;
  /** The id of [UNK]: its row is never trained, so that it stays what it is (zeros, in a model that was made here). */
  readonly unk: number;
}

/** A table of vectors, a row a token. No position, no context, no limit of length: hence fast, and short of order. */
export class StaticModel implements TextModel {
  /** `embedding.weight` [V, D], the name that sentence-transformers has for it. */
  readonly embedding: { readonly weight: Tensor };
  readonly maxLength = LONGEST;

  /** @param random what the rows are drawn from, with deviation 1 / sqrt(D): vectors of length 1, near to orthogonal */
  constructor(
    readonly config: StaticConfig,
    random: Random,
  ) {
    const { words, dim } = config;
    this.embedding = { weight: randn([words, dim], random, 1 / Math.sqrt(dim), { requiresGrad: true }) };
  }

  get dim(): number {
    return this.config.dim;
  }

  /** The mean of the rows of a text's tokens, [CLS] and [SEP] left out; zeros of a text without others. */
  encode(ids: Ids, sequences: Sequences, { skip = 1 }: { skip?: number } = {}): Tensor {
    const { words, lengths } = between(ids, sequences, Math.max(1, skip));
    const { weight: table } = this.embedding;
    const shares = Float64Array.from(lengths, (length) => (length > 0 ? 1 / length : 0));
    return scope(() => {
      const bags = { ids: new Ids(words).padded(this.config.unk), sequences: Sequences.ofLengths(lengths) };
      const each = tensor(shares, [shares.length, 1], { backend: table.backend });
      return ops.bagSum.apply({ table }, bags).mul(each);
    });
  }
}

/** As many tokens as model2vec says a text may have (`seq_length`): more than any has. */
const LONGEST = 1_000_000;

/** What of each text lies between its first `skip` tokens, [CLS] among them, and [SEP]. */
function between({ values }: Ids, { offsets, count }: Sequences, skip: number) {
  const lengths = new Int32Array(count);
  const words = new Int32Array(values.length);
  let filled = 0;
  for (let b = 0; b < count; b++) {
    const [from, to] = [offsets.values[b] + skip, offsets.values[b + 1] - 1];
    for (let row = from; row < to; row++) words[filled++] = values[row];
    lengths[b] = Math.max(0, to - from);
  }
  return { words: words.subarray(0, filled), lengths };
}
