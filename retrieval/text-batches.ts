// Texts as batches of ids: windows that are tokenised ahead, in them batches of like length.
import { packSequences, type PackedSequences } from '../data/pure.js';

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

/** What encoding needs to know of a tokenizer. */
export interface TextTokenizer {
  readonly cls: number;
  readonly sep: number;
  encode(text: string): ArrayLike<number>;
}

/** How texts come to a model. */
export interface Reading {
  readonly tokenizer: TextTokenizer;
  /** Longest sequence in tokens, [CLS] and [SEP] included. */
  readonly maxLength: number;
  /** Put before each text. */
  readonly prompt: string;
}

/** Texts that are tokenised ahead and sorted by length: many batches, and little memory. */
const WINDOW = 4096;

/** Milliseconds for which other work of the host may have to wait. */
const DEAF = 20;

/** The ids of a text as far as they count, so that a window of long texts holds no more than that. */
export const idsOf = (text: string, { tokenizer, maxLength }: Omit<Reading, 'prompt'>): Int32Array =>
  new Int32Array(tokenizer.encode(text)).slice(0, maxLength - 2);

/**
 * Calls `use` for one batch of texts after another, with their places among the texts.
 * @throws if maxLength leaves no room for text
 */
export async function eachBatch(
  texts: readonly string[],
  reading: Reading,
  { tokensPerBatch = 4096, onProgress }: Omit<BatchingOptions, 'role'>,
  use: (packed: PackedSequences, places: readonly number[]) => Promise<void>,
): Promise<void> {
  const { tokenizer, maxLength, prompt } = reading;
  let done = 0;
  let tokens = 0;
  let heard = performance.now();
  for (let begin = 0; begin < texts.length; begin += WINDOW) {
    const window = texts.slice(begin, begin + WINDOW).map((text) => idsOf(prompt + text, reading));
    for (const batch of batchesByLength(window, tokensPerBatch)) {
      const own = batch.map((i) => window[i]);
      const packed = packSequences(own, tokenizer, maxLength);
      const places = batch.map((i) => begin + i);
      await use(packed, places);
      // The wasm backend never waits, so nothing else (Ctrl-C) would be heard until the end. A turn takes a millisecond,
      // in which a static encoder does a batch.
      if (performance.now() - heard > DEAF) {
        await new Promise((resolve) => setTimeout(resolve));
        heard = performance.now();
      }
      done += batch.length;
      tokens += packed.ids.length;
      onProgress?.(done, tokens);
    }
  }
}

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
