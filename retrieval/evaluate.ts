// A model, or BM25, on a retrieval set: encode, search exactly, score.
import { documentText, type RetrievalSet } from '../data/pure.js';
import type { BertForMaskedLM } from '../nn/index.js';
import { Bm25 } from './bm25.js';
import { encodeTexts, type EncodeOptions, type TextTokenizer } from './encode.js';
import { evaluateRun, type Evaluation } from './metrics.js';
import { FlatIndex } from './search.js';
import type { Hit, Run } from './types.js';

/** How many documents are ranked for each query. */
const DEPTH = 1000;

const judge = (set: RetrievalSet, hits: (query: number) => readonly Hit[]): Evaluation => {
  const run: Run = new Map(set.queries.map(({ id }, i) => [id, hits(i)]));
  return evaluateRun(run, set.qrels);
};

/** Encodes documents and queries with a model and ranks by inner product. */
export async function evaluateModel(
  model: BertForMaskedLM,
  tokenizer: TextTokenizer,
  set: RetrievalSet,
  options: EncodeOptions = {},
): Promise<Evaluation> {
  const documents = await encodeTexts(model, tokenizer, set.corpus.map(documentText), options);
  const index = new FlatIndex(
    set.corpus.map(({ id }) => id),
    documents,
    model.config.hidden_size,
  );
  const queries = await encodeTexts(
    model,
    tokenizer,
    set.queries.map(({ text }) => text),
    { ...options, onProgress: undefined },
  );
  const found = index.search(queries, DEPTH);
  return judge(set, (query) => found[query]);
}

/** The lexical baseline: BM25 as Lucene has it, k1 0.9, b 0.4. */
export function evaluateBm25(set: RetrievalSet): Evaluation {
  const bm25 = new Bm25(set.corpus.map((document) => ({ id: document.id, text: documentText(document) })));
  return judge(set, (query) => bm25.search(set.queries[query].text, DEPTH));
}
