// Texts to DupMAE's representation (Xiao et al., 2023, arXiv 2305.02564).
import { Ids, noGrad, scope, Sequences, type Tensor } from '../core/index.js';
import type { PackedSequences } from '../data/pure.js';
import type { BertForMaskedLM, Representation } from '../nn/index.js';
import { DupmaeIndex, type DupmaeDocuments } from './dupmae-index.js';
import type { Encoder, EncoderOptions, IndexingOptions } from './encode.js';
import { eachBatch, type BatchingOptions, type TextTokenizer } from './text-batches.js';

/** A BERT with its MLM head and a representation, as an encoder: a query is dense numbers and a weight for every word. */
export class DupmaeEncoder implements Encoder {
  readonly maxLength: number;
  private readonly prompts: NonNullable<EncoderOptions['prompts']>;

  constructor(
    private readonly model: BertForMaskedLM,
    private readonly tokenizer: TextTokenizer,
    readonly representation: Representation,
    { maxLength = Infinity, prompts = {} }: Pick<EncoderOptions, 'maxLength' | 'prompts'> = {},
  ) {
    this.maxLength = Math.min(maxLength, model.config.max_position_embeddings);
    this.prompts = prompts;
  }

  get dim(): number {
    return this.representation.width;
  }

  /**
   * Vectors [texts.length, dim]; of documents, words that are not kept are 0. For many documents take `index`, which has
   * none of these zeros.
   */
  async encode(texts: readonly string[], options: BatchingOptions = {}): Promise<Float32Array> {
    const { dim, representation } = this;
    const vectors = new Float32Array(texts.length * dim);
    const made = (all: Tensor) => [options.role === 'query' ? all : representation.kept(all)];
    await this.each(texts, options, made, ([rows], places) =>
      places.forEach((place, b) => vectors.set(rows.subarray(b * dim, (b + 1) * dim), place * dim)),
    );
    return vectors;
  }

  /** Documents as an index: of each its dense numbers, and the words that are kept. */
  async index(
    ids: readonly string[],
    texts: readonly string[],
    { model, ...options }: IndexingOptions = {},
  ): Promise<DupmaeIndex> {
    const { representation } = this;
    const { dense, k, words: vocabulary } = representation;
    const documents: DupmaeDocuments = {
      vectors: new Float32Array(texts.length * dense),
      words: new Int32Array(texts.length * k),
      weights: new Float32Array(texts.length * k),
    };
    const made = (all: Tensor) => {
      const { values, ids: words } = representation.top(all);
      return [all.slice(1, 0, dense), words, values];
    };
    await this.each(texts, { ...options, role: 'document' }, made, ([a, words, values], places) =>
      places.forEach((place, b) => {
        documents.vectors.set(a.subarray(b * dense, (b + 1) * dense), place * dense);
        const own = Array.from({ length: k }, (_, i) => b * k + i).sort((i, j) => words[i] - words[j]);
        own.forEach((from, i) => {
          documents.words[place * k + i] = words[from];
          documents.weights[place * k + i] = values[from];
        });
      }),
    );
    return new DupmaeIndex(ids, documents, { dense, k, vocabulary }, model);
  }

  /** Computes batch after batch: `made` of its vectors is read, and goes to `use` with the places of the texts. */
  private each(
    texts: readonly string[],
    { role = 'document', ...batching }: BatchingOptions,
    made: (vectors: Tensor) => Tensor[],
    use: (read: (Float32Array | Float64Array)[], places: readonly number[]) => void,
  ): Promise<void> {
    const { tokenizer, maxLength, prompts } = this;
    const reading = { tokenizer, maxLength, prompt: prompts[role] ?? '' };
    return eachBatch(texts, reading, batching, async (packed, places) => {
      // The reading is enqueued inside the scope and awaited outside.
      const reads = noGrad(() => scope(() => made(this.vectors(packed)).map((x) => x.read())));
      use(await Promise.all(reads), places);
    });
  }

  private vectors({ offsets, ids }: PackedSequences): Tensor {
    return this.representation.vectors(this.model, new Ids(ids), new Sequences(offsets));
  }
}
