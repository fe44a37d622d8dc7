// Texts to vectors: batches by length, one scope a batch, [CLS] of the last layer.
import { Ids, noGrad, scope, Sequences } from '../core/index.js';
import type { BertForMaskedLM } from '../nn/index.js';

/** What encoding needs to know of a tokenizer. */
export interface TextTokenizer {
  readonly cls: number;
  readonly sep: number;
  encode(text: string): ArrayLike<number>;
}

export interface EncodeOptions {
  /** Longest sequence in tokens, [CLS] and [SEP] included; longer texts lose their end. Default: the model's positions. */
  maxLength?: number;
  /** Scale each vector to length 1, so that inner products are cosines. Default true. */
  normalize?: boolean;
  /** Tokens computed at once. */
  tokensPerBatch?: number;
  /** Called after each batch, with the numbers of texts and tokens done so far. */
  onProgress?: (texts: number, tokens: number) => void;
}

/**
 * Sentence vectors [texts.length, hidden], row-major, in the order of the texts. Texts of like length share a batch, so
 * nothing waits for the longest; there is no padding anyway.
 */
export async function encodeTexts(
  model: BertForMaskedLM,
  tokenizer: TextTokenizer,
  texts: readonly string[],
  { maxLength, normalize = true, tokensPerBatch = 4096, onProgress }: EncodeOptions = {},
): Promise<Float32Array> {
  const { hidden_size: width, max_position_embeddings } = model.config;
  const limit = Math.min(maxLength ?? max_position_embeddings, max_position_embeddings) - 2;
  const tokens = texts.map((text) => Int32Array.from(tokenizer.encode(text)).subarray(0, limit));
  const order = [...texts.keys()].sort((a, b) => tokens[a].length - tokens[b].length || a - b);
  const vectors = new Float32Array(texts.length * width);
  let done = 0;
  let doneTokens = 0;
  while (done < order.length) {
    const batch: number[] = [];
    let size = 0;
    for (const i of order.slice(done)) {
      const length = tokens[i].length + 2;
      if (batch.length > 0 && size + length > tokensPerBatch) break;
      batch.push(i);
      size += length;
    }
    const ids = new Int32Array(size);
    let at = 0;
    for (const i of batch) {
      ids[at] = tokenizer.cls;
      ids.set(tokens[i], at + 1);
      at += tokens[i].length + 2;
      ids[at - 1] = tokenizer.sep;
    }
    const sequences = Sequences.ofLengths(batch.map((i) => tokens[i].length + 2));
    // The reading is enqueued inside the scope and awaited outside.
    const [reading] = noGrad(() => scope(() => [model.encode(new Ids(ids), sequences).read()]));
    const rows = await reading;
    // The wasm backend never waits, so nothing else (Ctrl-C) would be heard until the end.
    await new Promise((resolve) => setTimeout(resolve));
    batch.forEach((i, row) => {
      const vector = rows.subarray(row * width, (row + 1) * width);
      vectors.set(normalize ? unit(vector) : vector, i * width);
    });
    done += batch.length;
    doneTokens += size;
    onProgress?.(done, doneTokens);
  }
  return vectors;
}

/** A vector scaled to length 1 (a zero vector stays). */
function unit(vector: ArrayLike<number>): Float32Array {
  let squares = 0;
  for (let i = 0; i < vector.length; i++) squares += vector[i] * vector[i];
  const factor = squares > 0 ? 1 / Math.sqrt(squares) : 0;
  return Float32Array.from(vector, (value) => value * factor);
}
