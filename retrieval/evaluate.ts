// An encoder, or BM25, on a retrieval set: encode, search exactly, score.
import { documentText, type RetrievalSet } from '../data/pure.js';
import type { BertForMaskedLM, Similarity } from '../nn/index.js';
import { Bm25 } from './bm25.js';
import { BertEncoder } from './encode.js';
import type { BatchingOptions, EncodeOptions, Encoder, TextTokenizer } from './encode.js';
import { evaluateRun, type Evaluation } from './metrics.js';
import { FlatIndex } from './search.js';
import type { Hit } from './types.js';

/** How many documents are ranked for each query. */
const DEPTH = 1000;

export interface RankingOptions {
  /** Leave out of each ranking the document whose id is that of the query: right where queries are documents. */
  readonly dropSelf?: boolean;
}

export interface EvaluateOptions extends BatchingOptions, RankingOptions {
  /** How vectors are compared. Default 'dot'. */
  similarity?: Similarity;
}

/** Encodes documents and queries, each with its prompt, and ranks all. `onProgress` hears of the documents. */
export async function evaluateEncoder(
  encoder: Encoder,
  { corpus, queries, qrels }: RetrievalSet,
  { similarity, dropSelf = false, ...options }: EvaluateOptions = {},
): Promise<Evaluation> {
  const documents = await encoder.encode(corpus.map(documentText), { ...options, role: 'document' });
  const index = new FlatIndex(idsOf(corpus), documents, encoder.dim, { similarity });
  const texts = queries.map(({ text }) => text);
  const vectors = await encoder.encode(texts, { ...options, role: 'query', onProgress: undefined });
  return evaluateRun(runOf(queries, index.search(vectors, depth(dropSelf))), qrels, { dropSelf });
}

/** `evaluateEncoder` of a model and its tokenizer. */
export const evaluateModel = (
  model: BertForMaskedLM,
  tokenizer: TextTokenizer,
  set: RetrievalSet,
  options: EncodeOptions & EvaluateOptions = {},
): Promise<Evaluation> => evaluateEncoder(new BertEncoder(model, tokenizer, options), set, options);

/** The lexical baseline: BM25 as Lucene has it, k1 0.9, b 0.4. */
export function evaluateBm25(
  { corpus, queries, qrels }: RetrievalSet,
  { dropSelf = false }: RankingOptions = {},
): Evaluation {
  const bm25 = new Bm25(corpus.map((document) => ({ id: document.id, text: documentText(document) })));
  const found = queries.map(({ text }) => bm25.search(text, depth(dropSelf)));
  return evaluateRun(runOf(queries, found), qrels, { dropSelf });
}

/** One more where one may be dropped. */
const depth = (dropSelf: boolean): number => DEPTH + Number(dropSelf);

const idsOf = (all: readonly { readonly id: string }[]): string[] => all.map(({ id }) => id);

const runOf = (queries: readonly { readonly id: string }[], found: readonly Hit[][]) =>
  new Map(queries.map(({ id }, i) => [id, found[i]]));
