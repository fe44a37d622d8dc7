// Texts to vectors: windows of texts, in them batches by length, one scope a batch.
import { Ids, noGrad, scope, Sequences, type Random } from '../core/index.js';
import { packSequences, type PackedSequences } from '../data/pure.js';
import { modesOf, poolingModes, unitLength, type BertForMaskedLM, type Pooling, type VectorStep } from '../nn/index.js';

/** Turns texts into vectors that are near each other where the texts are about the same. */
export interface Encoder {
  /** Numbers in a vector. */
  readonly dim: number;
  /** Longest sequence in tokens, [CLS] and [SEP] included; longer texts lose their end. */
  readonly maxLength: number;
  /** Vectors [texts.length, dim], row-major, in the texts' order; each (without dropout) depends on its text alone. */
  encode(texts: readonly string[], options?: BatchingOptions): Promise<Float32Array>;
}

/** What a text is to the model: some put another prompt before queries than before documents. */
export type Role = 'query' | 'document';

export interface BatchingOptions {
  /** Default 'document'. */
  role?: Role;
  /** Tokens computed at once; a text that is longer has a batch of its own. Default 4096. */
  tokensPerBatch?: number;
  /** Called after each batch, with the numbers of texts and tokens done so far. */
  onProgress?: (texts: number, tokens: number) => void;
}

export interface EncoderOptions {
  /** Longest sequence in tokens, [CLS] and [SEP] included. Default, and at most: the model's positions. */
  maxLength?: number;
  /** Which of the last hidden states the vector is made of, and how. Default 'cls': that of [CLS]. */
  pooling?: Pooling;
  /** What is done with the pooled vector, in order. Default: `unitLength`, so that inner products are cosines. */
  steps?: readonly VectorStep[];
  /** Put before each text. Default: nothing. */
  prompts?: Readonly<Partial<Record<Role, string>>>;
  /** Whether the prompt's tokens, and [CLS] with them, are pooled too. Default true. */
  includePrompt?: boolean;
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
  private readonly options: Required<Pick<EncoderOptions, 'pooling' | 'steps' | 'prompts' | 'includePrompt'>>;
  private readonly random: Random | undefined;

  /** @throws if a pooling is none of `poolingModes` */
  constructor(
    private readonly model: BertForMaskedLM,
    private readonly tokenizer: TextTokenizer,
    {
      maxLength = Infinity,
      pooling = 'cls',
      steps = [unitLength],
      prompts = {},
      includePrompt = true,
      random,
    }: EncoderOptions = {},
  ) {
    const modes = modesOf(pooling);
    const wrong = modes.find((mode) => !poolingModes.includes(mode));
    if (modes.length === 0 || wrong !== undefined)
      throw new Error(`encoder: pooling is ${JSON.stringify(pooling)}; it must be one of ${poolingModes.join(', ')}.`);
    const { hidden_size, max_position_embeddings } = model.config;
    this.options = { pooling, steps, prompts, includePrompt };
    this.random = random;
    this.dim = this.finish(new Float64Array(hidden_size * modes.length)).length;
    this.maxLength = Math.min(maxLength, max_position_embeddings);
  }

  /** @throws if maxLength leaves no room for text, or the tokenizer's ids are not the model's */
  async encode(
    texts: readonly string[],
    { role = 'document', tokensPerBatch = 4096, onProgress }: BatchingOptions = {},
  ): Promise<Float32Array> {
    const { dim, maxLength, tokenizer } = this;
    const { prompts, includePrompt } = this.options;
    const prompt = prompts[role] ?? '';
    // [CLS] and the prompt.
    const skip = includePrompt || prompt === '' ? 0 : 1 + this.tokenize(prompt).length;
    const vectors = new Float32Array(texts.length * dim);
    let done = 0;
    let tokens = 0;
    for (let begin = 0; begin < texts.length; begin += WINDOW) {
      const window = texts.slice(begin, begin + WINDOW).map((text) => this.tokenize(prompt + text));
      for (const batch of batchesByLength(window, tokensPerBatch)) {
        const packed = packSequences(
          batch.map((i) => window[i]),
          tokenizer,
          maxLength,
        );
        const pooled = await this.compute(packed, skip);
        const width = pooled.length / batch.length;
        batch.forEach((i, b) => {
          const vector = this.finish(Float64Array.from(pooled.subarray(b * width, (b + 1) * width)));
          vectors.set(vector, (begin + i) * dim);
        });
        done += batch.length;
        tokens += packed.ids.length;
        onProgress?.(done, tokens);
      }
    }
    return vectors;
  }

  private finish(pooled: Float64Array): Float64Array {
    return this.options.steps.reduce((x, step) => step(x), pooled);
  }

  /** The ids of a text as far as they count, so that a window of long texts holds no more than that. */
  private tokenize(text: string): Int32Array {
    return Int32Array.from(this.tokenizer.encode(text)).slice(0, this.maxLength - 2);
  }

  /** One batch of B texts: [B, width of what is pooled]. */
  private async compute({ offsets, ids }: PackedSequences, skip: number): Promise<Float32Array | Float64Array> {
    const sequences = new Sequences(offsets);
    // The reading is enqueued inside the scope and awaited outside.
    const choices = { pooling: this.options.pooling, skip, random: this.random };
    const [reading] = noGrad(() => scope(() => [this.model.encode(new Ids(ids), sequences, choices).read()]));
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
