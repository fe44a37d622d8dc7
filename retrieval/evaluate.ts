// An encoder, or BM25, on a retrieval set: encode, search exactly, score.
import { documentText, type RetrievalSet } from '../data/pure.js';
import type { BertForMaskedLM, Similarity } from '../nn/index.js';
import { Bm25 } from './bm25.js';
import { BertEncoder, indexTexts, type EncodeOptions, type Encoder } from './encode.js';
import { evaluateRun, type Evaluation } from './metrics.js';
import type { BatchingOptions, TextTokenizer } from './text-batches.js';
import type { Hit } from './types.js';

/** How many documents are ranked for each query. */
const DEPTH = 1000;
/** Queries that are encoded and searched at once: a vector may have as many numbers as the vocabulary has words. */
const QUERIES = 1024;

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
  const index = await indexTexts(encoder, idsOf(corpus), corpus.map(documentText), { ...options, similarity });
  const found: Hit[][] = [];
  for (let begin = 0; begin < queries.length; begin += QUERIES) {
    const texts = queries.slice(begin, begin + QUERIES).map(({ text }) => text);
    const vectors = await encoder.encode(texts, { ...options, role: 'query', onProgress: undefined });
    found.push(...index.search(vectors, depth(dropSelf)));
  }
  return evaluateRun(runOf(queries, found), qrels, { dropSelf });
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
