// Texts to vectors: windows of texts, in them batches by length, one scope a batch.
import { Ids, noGrad, scope, Sequences, type Random } from '../core/index.js';
import { packSequences, type PackedSequences } from '../data/pure.js';
import type { BertForMaskedLM } from '../nn/index.js';

/** Turns texts into vectors that are near each other where the texts are about the same. */
export interface Encoder {
  /** Numbers in a vector. */
  readonly dim: number;
  /** Longest sequence in tokens, [CLS] and [SEP] included; longer texts lose their end. */
  readonly maxLength: number;
  /** Vectors [texts.length, dim], row-major, in the texts' order; each (without dropout) depends on its text alone. */
  encode(texts: readonly string[], options?: BatchingOptions): Promise<Float32Array>;
}

export interface BatchingOptions {
  /** Tokens computed at once; a text that is longer has a batch of its own. Default 4096. */
  tokensPerBatch?: number;
  /** Called after each batch, with the numbers of texts and tokens done so far. */
  onProgress?: (texts: number, tokens: number) => void;
}

export interface EncoderOptions {
  /** Longest sequence in tokens, [CLS] and [SEP] included. Default, and at most: the model's positions. */
  maxLength?: number;
  /** Scale each vector to length 1, so that inner products are cosines. Default true. */
  normalize?: boolean;
  /** Which of the last hidden states the vector is: that of [CLS], or the mean of all. Default 'cls'. */
  pooling?: 'cls' | 'mean';
  /** Where dropout's randomness comes from, for a text to have another vector every time. Default: no dropout. */
  random?: Random;
}

export interface EncodeOptions extends EncoderOptions, BatchingOptions {}

/** What encoding needs to know of a tokenizer. */
export interface TextTokenizer {
  readonly cls: number;
  readonly sep: number;
  encode(text: string): ArrayLike<number>;
}

/** Texts that are tokenised ahead and sorted by length: many batches, and little memory. */
const WINDOW = 4096;

/** A BERT as an encoder. */
export class BertEncoder implements Encoder {
  readonly dim: number;
  readonly maxLength: number;
  private readonly normalize: boolean;
  private readonly choices: Pick<EncoderOptions, 'pooling' | 'random'>;

  /** @throws if pooling is neither 'cls' nor 'mean' */
  constructor(
    private readonly model: BertForMaskedLM,
    private readonly tokenizer: TextTokenizer,
    { maxLength = Infinity, normalize = true, pooling, random }: EncoderOptions = {},
  ) {
    if (pooling !== undefined && pooling !== 'cls' && pooling !== 'mean')
      throw new Error(`encoder: pooling is ${JSON.stringify(pooling)}; it must be "cls" or "mean".`);
    this.dim = model.config.hidden_size;
    this.maxLength = Math.min(maxLength, model.config.max_position_embeddings);
    this.normalize = normalize;
    this.choices = { pooling, random };
  }

  /** @throws if maxLength leaves no room for text, or the tokenizer's ids are not the model's */
  async encode(
    texts: readonly string[],
    { tokensPerBatch = 4096, onProgress }: BatchingOptions = {},
  ): Promise<Float32Array> {
    const { dim, maxLength, tokenizer } = this;
    const vectors = new Float32Array(texts.length * dim);
    let done = 0;
    let tokens = 0;
    for (let begin = 0; begin < texts.length; begin += WINDOW) {
      const window = texts.slice(begin, begin + WINDOW).map((text) => this.tokenize(text));
      for (const batch of batchesByLength(window, tokensPerBatch)) {
        const packed = packSequences(
          batch.map((i) => window[i]),
          tokenizer,
          maxLength,
        );
        const rows = await this.compute(packed);
        batch.forEach((i, b) => {
          const vector = rows.subarray(b * dim, (b + 1) * dim);
          vectors.set(this.normalize ? unit(vector) : vector, (begin + i) * dim);
        });
        done += batch.length;
        tokens += packed.ids.length;
        onProgress?.(done, tokens);
      }
    }
    return vectors;
  }

  /** The ids of a text as far as they count, so that a window of long texts holds no more than that. */
  private tokenize(text: string): Int32Array {
    return Int32Array.from(this.tokenizer.encode(text)).slice(0, this.maxLength - 2);
  }

  /** One batch of B texts: [B, dim]. */
  private async compute({ offsets, ids }: PackedSequences): Promise<Float32Array | Float64Array> {
    const sequences = new Sequences(offsets);
    // The reading is enqueued inside the scope and awaited outside.
    const [reading] = noGrad(() => scope(() => [this.model.encode(new Ids(ids), sequences, this.choices).read()]));
    const rows = await reading;
    // The wasm backend never waits, so nothing else (Ctrl-C) would be heard until the end.
    await new Promise((resolve) => setTimeout(resolve));
    return rows;
  }
}

/** `encode` of a `BertEncoder` that is used once. */
export const encodeTexts = (
  model: BertForMaskedLM,
  tokenizer: TextTokenizer,
  texts: readonly string[],
  options: EncodeOptions = {},
): Promise<Float32Array> => new BertEncoder(model, tokenizer, options).encode(texts, options);

/**
 * Indices of texts in batches of at most `limit` tokens, one text at least. Texts of like length share a batch, so that
 * nothing waits for the longest; there is no padding anyway.
 */
function* batchesByLength(texts: readonly Int32Array[], limit: number): Generator<number[]> {
  const order = [...texts.keys()].sort((a, b) => texts[a].length - texts[b].length || a - b);
  let batch: number[] = [];
  let size = 0;
  for (const i of order) {
    const length = texts[i].length + 2;
    if (batch.length > 0 && size + length > limit) {
      yield batch;
      batch = [];
      size = 0;
    }
    batch.push(i);
    size += length;
  }
  if (batch.length > 0) yield batch;
}

/** A vector scaled to length 1 (a zero vector stays). */
function unit(vector: ArrayLike<number>): Float32Array {
  let squares = 0;
  for (let i = 0; i < vector.length; i++) squares += vector[i] * vector[i];
  const factor = squares > 0 ? 1 / Math.sqrt(squares) : 0;
  return Float32Array.from(vector, (value) => value * factor);
}
