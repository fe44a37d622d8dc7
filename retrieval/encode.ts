// Texts to vectors: a pooling of hidden states, one scope a batch.
import { Ids, noGrad, scope, Sequences, type Random } from '../core/index.js';
import type { PackedSequences } from '../data/pure.js';
import {
  pooledBert,
  unitLength,
  type BertForMaskedLM,
  type Pooling,
  type TextModel,
  type VectorStep,
} from '../nn/index.js';
import type { DupmaeIndex } from './dupmae-index.js';
import { FlatIndex, type FlatIndexOptions } from './search.js';
import { packVectors, type VectorFormat, type VectorStore } from './vector-store.js';
import { eachBatch, idsOf, type BatchingOptions, type Role, type TextTokenizer } from './text-batches.js';

/** Turns texts into vectors that are near each other where the texts are about the same. */
export interface Encoder {
  /** Numbers in a vector. */
  readonly dim: number;
  /** Longest sequence in tokens, [CLS] and [SEP] included; longer texts lose their end. */
  readonly maxLength: number;
  /** Vectors [texts.length, dim], row-major, in the texts' order; each (without dropout) depends on its text alone. */
  encode(texts: readonly string[], options?: BatchingOptions): Promise<Float32Array>;
  /** Documents as an index, of an encoder whose vectors of documents are best kept in a way of their own. */
  index?(ids: readonly string[], texts: readonly string[], options?: IndexingOptions): Promise<FlatIndex | DupmaeIndex>;
}

/** How vectors are kept; an index of DupMAE's representation has its own way. */
export interface KeepingOptions {
  /** Default 'f32'. */
  readonly format?: VectorFormat;
  /** How many numbers of each vector, from the first (Matryoshka). Default: all. */
  readonly dim?: number;
}

/** How documents are encoded and kept, and what the index remembers. */
export interface IndexingOptions extends Omit<BatchingOptions, 'role'>, FlatIndexOptions, KeepingOptions {}

export interface ModelEncoderOptions {
  /** Longest sequence in tokens, [CLS] and [SEP] included. Default, and at most: the model's. */
  maxLength?: number;
  /** What is done with the pooled vector, in order. Default: `unitLength`, so that inner products are cosines. */
  steps?: readonly VectorStep[];
  /** Put before each text. Default: nothing. */
  prompts?: Readonly<Partial<Record<Role, string>>>;
  /** Whether the prompt's tokens, and [CLS] with them, are pooled too. Default true. */
  includePrompt?: boolean;
  /** Where dropout's randomness comes from, for a text to have another vector every time. Default: no dropout. */
  random?: Random;
}

export interface EncoderOptions extends ModelEncoderOptions {
  /** Which of the last hidden states the vector is made of, and how. Default 'cls': that of [CLS]. */
  pooling?: Pooling;
}

export interface EncodeOptions extends EncoderOptions, BatchingOptions {}

/** A model of texts as an encoder. */
export class ModelEncoder implements Encoder {
  readonly dim: number;
  readonly maxLength: number;
  private readonly options: Required<Pick<ModelEncoderOptions, 'steps' | 'prompts' | 'includePrompt'>>;
  private readonly random: Random | undefined;

  constructor(
    private readonly model: TextModel,
    private readonly tokenizer: TextTokenizer,
    {
      maxLength = Infinity,
      steps = [unitLength],
      prompts = {},
      includePrompt = true,
      random,
    }: ModelEncoderOptions = {},
  ) {
    this.options = { steps, prompts, includePrompt };
    this.random = random;
    this.dim = this.finish(new Float64Array(model.dim)).length;
    this.maxLength = Math.min(maxLength, model.maxLength);
  }

  /** @throws if maxLength leaves no room for text, or the tokenizer's ids are not the model's */
  async encode(
    texts: readonly string[],
    { role = 'document', ...batching }: BatchingOptions = {},
  ): Promise<Float32Array> {
    const { dim, maxLength, tokenizer } = this;
    const { prompts, includePrompt } = this.options;
    const prompt = prompts[role] ?? '';
    // [CLS] and the prompt.
    const skip = includePrompt || prompt === '' ? 0 : 1 + idsOf(prompt, { tokenizer, maxLength }).length;
    const vectors = new Float32Array(texts.length * dim);
    await eachBatch(texts, { tokenizer, maxLength, prompt }, batching, async (packed, places) => {
      const pooled = await this.compute(packed, skip);
      const width = pooled.length / places.length;
      places.forEach((place, b) => {
        const vector = this.finish(new Float64Array(pooled.subarray(b * width, (b + 1) * width)));
        vectors.set(vector, place * dim);
      });
    });
    return vectors;
  }

  private finish(pooled: Float64Array): Float64Array {
    return this.options.steps.reduce((x, step) => step(x), pooled);
  }

  /** One batch of B texts: [B, width of what is pooled]. */
  private compute({ offsets, ids }: PackedSequences, skip: number): Promise<Float32Array | Float64Array> {
    const sequences = new Sequences(offsets);
    // The reading is enqueued inside the scope and awaited outside.
    const { model, random } = this;
    const [reading] = noGrad(() => scope(() => [model.encode(new Ids(ids), sequences, { skip, random }).read()]));
    return reading;
  }
}

/** A BERT as an encoder. */
export class BertEncoder extends ModelEncoder {
  /** @throws if a pooling is none of `poolingModes` */
  constructor(model: BertForMaskedLM, tokenizer: TextTokenizer, { pooling, ...options }: EncoderOptions = {}) {
    super(pooledBert(model, pooling), tokenizer, options);
  }
}

/** `encode` of a `BertEncoder` that is used once. */
export const encodeTexts = (
  model: BertForMaskedLM,
  tokenizer: TextTokenizer,
  texts: readonly string[],
  options: EncodeOptions = {},
): Promise<Float32Array> => new BertEncoder(model, tokenizer, options).encode(texts, options);

/** An index of documents, as the encoder keeps them: by default their vectors. */
export async function indexTexts(
  encoder: Encoder,
  ids: readonly string[],
  texts: readonly string[],
  options: IndexingOptions = {},
): Promise<FlatIndex | DupmaeIndex> {
  if (encoder.index) return encoder.index(ids, texts, options);
  const vectors = await encoder.encode(texts, { ...options, role: 'document' });
  return new FlatIndex(ids, keepVectors(vectors, encoder.dim, options), encoder.dim, options);
}

/**
 * Vectors [n, width] as they are to be kept. Where they are compared by the cosine, they are brought to length 1 before
 * they are made coarse, so that long ones do not rule the scales.
 * @throws if more numbers are asked for than there are
 */
export function keepVectors(
  vectors: Float32Array,
  width: number,
  { format = 'f32', dim = width, similarity }: KeepingOptions & Pick<FlatIndexOptions, 'similarity'>,
): VectorStore {
  if (!Number.isInteger(dim) || dim < 1 || dim > width)
    throw new Error(`index: dim = ${dim}, expected a whole number from 1 to the ${width} that the model makes.`);
  if (format === 'f32' && dim === width) return packVectors(vectors, dim, format);
  const kept = new Float32Array((vectors.length / width) * dim);
  for (let from = 0, to = 0; from < vectors.length; from += width, to += dim) {
    const row = vectors.subarray(from, from + dim);
    kept.set(format !== 'f32' && similarity === 'cosine' ? unitLength(Float64Array.from(row)) : row, to);
  }
  return packVectors(kept, dim, format);
}
