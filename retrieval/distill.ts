// A static encoder out of any other: each token's vector by itself, in fewer numbers, rare ones weighing more. After model2vec's
// `distill` (Tulkens and van Dongen, 2024) and, for the weights, SIF (Arora, Liang and Ma, 2017).
import { Random } from '../core/index.js';
import type { WordPiece } from '../data/pure.js';
import { assign, StaticModel, unitLength, type TextModel, type VectorStep } from '../nn/index.js';
import { ModelEncoder } from './encode.js';
import { principalComponents } from './pca.js';

export interface DistillOptions {
  /** Numbers of a vector; all that the encoder has, where these are fewer. Default 256. */
  dims?: number;
  /**
   * How often each token occurs in text, by id: [V] counts. Default 'zipf': by Zipf's law, where a vocabulary has its tokens
   * from the most frequent to the rarest, as BERT's and those that are learnt here.
   */
  frequencies?: 'zipf' | ArrayLike<number>;
  /** a, above 0, in the weight a / (a + p) of a token of probability p. Default 1e-4. */
  sif?: number;
  /** Called after each batch, with the numbers of tokens that are encoded and that shall be. */
  onProgress?: (tokens: number, all: number) => void;
}

export interface Distilled {
  readonly model: StaticModel;
  /** Tokens that have a vector; the rows of all others are zeros. */
  readonly tokens: number;
  /** The share of the variance of their vectors that is left, 0 .. 1. */
  readonly kept: number;
}

/**
 * The table of a static encoder, [V, dims]: of every token, `[CLS] token [SEP]` through the encoder and its pooling; then
 * principal components, which take the mean away; then the weight a / (a + p). Special tokens, `[UNK]` among them, and
 * BERT's `[unused0]` and so on get zeros, and count neither for the components nor for p. A last scaling to length 1 is left
 * out, as in model2vec: the length of a token's vector is what it weighs in a mean. So are prompts.
 * @throws if dims or sif is out of bounds, counts are not one a token, no token is left, or a vector is not of numbers
 */
export async function distillStatic(
  { model, steps = [] }: { readonly model: TextModel; readonly steps?: readonly VectorStep[] },
  tokenizer: WordPiece,
  { dims = 256, frequencies = 'zipf', sif = 1e-4, onProgress = () => undefined }: DistillOptions = {},
): Promise<Distilled> {
  check(tokenizer, { dims, frequencies, sif });
  const ids = [...tokenizer.vocab.keys()].filter((id) => isText(tokenizer, id));
  if (ids.length === 0)
    throw new Error(`distillStatic: the vocabulary of ${tokenizer.size} tokens has none that texts are made of.`);
  const { cls, sep } = tokenizer;
  const alone = { cls, sep, encode: (id: string) => [Number(id)] };
  const before = steps.at(-1) === unitLength ? steps.slice(0, -1) : steps;
  const encoder = new ModelEncoder(model, alone, { steps: before });
  const vectors = await encoder.encode(ids.map(String), { onProgress: (done) => onProgress(done, ids.length) });
  const wrong = vectors.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0)
    throw new Error(
      `distillStatic: the vector of ${tokenizer.token(ids[Math.floor(wrong / encoder.dim)])} has a number that is ${vectors[wrong]}; the weights of the model are damaged or too large. Check it with another text, or take another model.`,
    );
  const { rows, count: dim, kept } = principalComponents(vectors, encoder.dim, dims);
  const weights = weightsOf(ids, frequencies, sif);
  const table = new Float32Array(tokenizer.size * dim);
  ids.forEach((id, n) => {
    for (let i = 0; i < dim; i++) table[id * dim + i] = weights[n] * rows[n * dim + i];
  });
  const distilled = new StaticModel({ words: tokenizer.size, dim, unk: tokenizer.unk }, new Random(0));
  assign(distilled.embedding.weight, table);
  return { model: distilled, tokens: ids.length, kept };
}

function check({ size }: WordPiece, { dims, frequencies, sif }: Required<Omit<DistillOptions, 'onProgress'>>): void {
  if (!(Number.isInteger(dims) && dims >= 1))
    throw new Error(`distillStatic: dims is ${dims}, expected a whole number of at least 1.`);
  if (!(sif > 0 && sif < Infinity)) throw new Error(`distillStatic: sif is ${sif}, expected a number above 0.`);
  if (frequencies !== 'zipf' && frequencies.length !== size)
    throw new Error(
      `distillStatic: there are ${frequencies.length} counts, but the tokenizer has ${size} tokens. Give one for each.`,
    );
}

const UNUSED = /^\[unused\d+\]$/;

const isText = (tokenizer: WordPiece, id: number): boolean =>
  id !== tokenizer.unk && !tokenizer.isSpecial(id) && !UNUSED.test(tokenizer.token(id));

/** a / (a + p) of each token; 1, where it was never seen. By Zipf's law the n-th of them has 1 / (n + 2), as in model2vec. */
function weightsOf(ids: readonly number[], frequencies: 'zipf' | ArrayLike<number>, a: number): Float64Array {
  const counts = Float64Array.from(ids, (id, n) => (frequencies === 'zipf' ? 1 / (n + 2) : frequencies[id]));
  const total = counts.reduce((all, count) => all + count, 0);
  return counts.map((count) => (total > 0 ? a / (a + count / total) : 1));
}
