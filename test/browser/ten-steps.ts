// Ten steps of RetroMAE on toy texts by the public API: one function, called in Node and sent to a page as source text.
import type * as Retromae from '../../pure.js';

export interface Course {
  /** What computed, in the backend's words. */
  readonly description: string;
  readonly losses: readonly number[];
}

/**
 * Trains a vocabulary and a small BERT on the `wasm` backend. `library` is all that the package exports; the page gets this
 * function by `toString`, so it may refer to nothing outside itself.
 */
export async function tenSteps(library: typeof Retromae, threads?: number): Promise<Course> {
  const { AdamW, Batches, bertConfig, Collator, openBackend, packText, Random, RetroMae, setBackend } = library;
  const backend = await openBackend('wasm', { threads });
  setBackend(backend);

  const [who, does, what] = [
    'river mill miller bridge boat',
    'turns feeds crosses carries',
    'wheel grain town bread',
  ].map((words) => words.split(' '));
  const texts = Array.from({ length: 40 }, (_, i) =>
    Array.from({ length: 6 }, (_, j) => {
      const n = 7 * i + 3 * j;
      return `The ${who[n % 5]} ${does[(n + i) % 4]} the ${what[(n + j) % 4]}.`;
    }).join(' '),
  );
  const tokenizer = await library.trainWordPiece(texts, { vocabSize: 90 });
  const maxLength = 48;
  const blocks = texts.flatMap((text) => [...packText(text, tokenizer, { maxTokens: maxLength - 2 })]);

  const config = bertConfig({
    vocab_size: tokenizer.size,
    hidden_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    intermediate_size: 256,
    max_position_embeddings: maxLength,
    pad_token_id: tokenizer.pad,
  });
  const model = new RetroMae(config, new Random(1));
  const batches = new Batches(blocks, new Collator({ tokenizer, maxLength }), 8, 1);
  const optimizer = new AdamW(model, { lr: 2e-3, clip: 1 });
  const losses: number[] = [];
  for (let step = 0; step < 10; step++) {
    const { loss } = await optimizer.step(() => model.losses(batches.at(step), batches.dropout(step)));
    losses.push(loss);
  }
  const { description } = backend;
  await backend.close();
  return { description, losses };
}
