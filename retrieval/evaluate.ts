// An encoder, BM25, or both fused, on a retrieval set: encode, search exactly, score.
import { documentText, type Query, type RetrievalSet } from '../data/pure.js';
import type { BertForMaskedLM, Similarity } from '../nn/index.js';
import { Bm25 } from './bm25.js';
import type { DupmaeIndex } from './dupmae-index.js';
import { BertEncoder, indexTexts, type EncodeOptions, type Encoder, type KeepingOptions } from './encode.js';
import { fuse, searchBoth, type FusionOptions, type Sides } from './fusion.js';
import { learnFusionWeight, type LearntWeight } from './fusion-weight.js';
import { evaluateRun, type Evaluation } from './metrics.js';
import type { FlatIndex } from './search.js';
import type { BatchingOptions, TextTokenizer } from './text-batches.js';
import type { Hit, Run } from './types.js';

/** How many documents are ranked for each query. */
const DEPTH = 1000;
/** Queries that are encoded and searched at once: a vector may have as many numbers as the vocabulary has words. */
const QUERIES = 1024;

export interface RankingOptions {
  /** Leave out of each ranking the document whose id is that of the query: right where queries are documents. */
  readonly dropSelf?: boolean;
}

export interface EvaluateOptions extends BatchingOptions, RankingOptions, KeepingOptions {
  /** How vectors are compared. Default 'dot'. */
  similarity?: Similarity;
}

export interface EvaluateFusionOptions extends EvaluateOptions {
  readonly fusion: FusionOptions;
  /** Judged queries over the same documents, other than those that are reported, on which the weight of BM25 is learnt. */
  readonly learnOn?: Pick<RetrievalSet, 'queries' | 'qrels'>;
}

/** BM25 and an encoder, alone and together. */
export interface FusedEvaluation {
  readonly own: Evaluation;
  readonly bm25: Evaluation;
  readonly fused: Evaluation;
  /** How they were fused, a weight that was learnt included. */
  readonly fusion: FusionOptions;
  /** Where the weight was to be learnt. */
  readonly learnt?: LearntWeight;
}

/** Encodes documents and queries, each with its prompt, and ranks all. `onProgress` hears of the documents. */
export async function evaluateEncoder(
  encoder: Encoder,
  set: RetrievalSet,
  { similarity, dropSelf = false, ...batching }: EvaluateOptions = {},
): Promise<Evaluation> {
  const index = await indexOf(encoder, set, { ...batching, similarity });
  const run = new Map<string, Hit[]>();
  for await (const { queries, vectors } of encoded(encoder, set.queries, batching))
    index.search(vectors, depth(dropSelf)).forEach((hits, q) => run.set(queries[q].id, hits));
  return evaluateRun(run, set.qrels, { dropSelf });
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
  const bm25 = bm25Of(corpus);
  const run = new Map(queries.map(({ id, text }) => [id, bm25.search(text, depth(dropSelf))]));
  return evaluateRun(run, qrels, { dropSelf });
}

/**
 * As `evaluateEncoder` and `evaluateBm25`, and the two fused; documents are encoded once.
 * @throws if a weight is to be learnt for a method that has none, or as `fuse` and `learnFusionWeight`
 */
export async function evaluateFusion(
  encoder: Encoder,
  set: RetrievalSet,
  { fusion, learnOn, similarity, dropSelf = false, ...batching }: EvaluateFusionOptions,
): Promise<FusedEvaluation> {
  if (learnOn && fusion.method !== 'weighted')
    throw new Error(
      `fusion: ${fusion.method} has no weight to be learnt; choose weighted, or give no queries to learn on.`,
    );
  const bm25 = bm25Of(set.corpus);
  const index = await indexOf(encoder, set, { ...batching, similarity });
  const sidesOf = async (asked: readonly Query[]): Promise<Map<string, Sides>> => {
    const found = new Map<string, Sides>();
    for await (const { queries, texts, vectors } of encoded(encoder, asked, batching))
      searchBoth(bm25, index, { texts, vectors }, depth(dropSelf)).forEach((sides, q) => {
        const { id } = queries[q];
        // Before fusing: the best score, which others are scaled by, must not be that of the query itself.
        found.set(id, dropSelf ? without(id, sides) : sides);
      });
    return found;
  };
  const learnt = learnOn && learnFusionWeight(await sidesOf(learnOn.queries), learnOn.qrels, fusion);
  const sides = await sidesOf(set.queries);
  const how = learnt ? { ...fusion, weight: learnt.weight } : fusion;
  const scored = (hitsOf: (sides: Sides) => readonly Hit[]): Evaluation => {
    const run: Run = new Map(Array.from(sides, ([query, found]) => [query, hitsOf(found)]));
    return evaluateRun(run, set.qrels, { dropSelf });
  };
  return {
    own: scored(({ dense }) => dense),
    bm25: scored((found) => found.bm25),
    fused: scored((found) => fuse(found, how).slice(0, DEPTH)),
    fusion: how,
    ...(learnt && { learnt }),
  };
}

/** One more where one may be dropped. */
const depth = (dropSelf: boolean): number => DEPTH + Number(dropSelf);

function without(query: string, { bm25, dense, rest }: Sides): Sides {
  const others = (hits: readonly Hit[]): Hit[] => hits.filter(({ id }) => id !== query);
  return { bm25: others(bm25), dense: others(dense), rest: others(rest) };
}

const bm25Of = (corpus: RetrievalSet['corpus']): Bm25 =>
  new Bm25(corpus.map((document) => ({ id: document.id, text: documentText(document) })));

const indexOf = (
  encoder: Encoder,
  { corpus }: RetrievalSet,
  options: EvaluateOptions,
): Promise<FlatIndex | DupmaeIndex> =>
  indexTexts(
    encoder,
    corpus.map(({ id }) => id),
    corpus.map(documentText),
    options,
  );

/** Queries, as many at once as are held in memory, with their texts and vectors. */
async function* encoded(
  encoder: Encoder,
  all: readonly Query[],
  batching: BatchingOptions,
): AsyncGenerator<{ queries: readonly Query[]; texts: string[]; vectors: Float32Array }> {
  for (let begin = 0; begin < all.length; begin += QUERIES) {
    const queries = all.slice(begin, begin + QUERIES);
    const texts = queries.map(({ text }) => text);
    yield {
      queries,
      texts,
      vectors: await encoder.encode(texts, { ...batching, role: 'query', onProgress: undefined }),
    };
  }
}
