// Reranking (Nogueira and Cho, 2019): the best hits of a first stage in the order of a cross-encoder, which reads pairs.
import { noGrad, scope } from '../core/index.js';
import { documentText, packPairs, type RetrievalSet } from '../data/pure.js';
import type { CrossEncoder } from '../nn/index.js';
import type { RankingOptions } from './evaluate.js';
import { weightedFusion } from './fusion.js';
import { evaluateRun, type Evaluation } from './metrics.js';
import type { TextTokenizer } from './text-batches.js';
import type { Hit, Run } from './types.js';

export interface ScoringOptions {
  /** Tokens of the longest pair, [CLS] and both [SEP] included. Default, and at most: the model's positions. */
  maxLength?: number;
  /** Tokens that are computed at once. Default 4096. */
  tokensPerBatch?: number;
}

/** Scores pairs of a query and a passage. */
export class CrossScorer {
  private readonly maxLength: number;
  private readonly tokensPerBatch: number;

  constructor(
    private readonly model: CrossEncoder,
    private readonly tokenizer: TextTokenizer,
    { maxLength = Infinity, tokensPerBatch = 4096 }: ScoringOptions = {},
  ) {
    this.maxLength = Math.min(maxLength, model.config.max_position_embeddings);
    this.tokensPerBatch = tokensPerBatch;
  }

  /** How well each text answers the query, in their order: the higher the better. @throws if a score is not finite */
  async scores(query: string, texts: readonly string[]): Promise<Float32Array> {
    const { tokenizer, maxLength, tokensPerBatch } = this;
    const first = tokenizer.encode(query);
    const ids = texts.map((text) => tokenizer.encode(text));
    const lengthOf = (i: number) => Math.min(maxLength, first.length + ids[i].length + 3);
    const order = [...ids.keys()].sort((a, b) => ids[a].length - ids[b].length || a - b);
    const scores = new Float32Array(texts.length);
    for (let begin = 0; begin < order.length;) {
      // Texts of like length share a batch; one at least.
      let count = 1;
      while (begin + count < order.length && (count + 1) * lengthOf(order[begin + count]) <= tokensPerBatch) count++;
      const some = order.slice(begin, begin + count);
      begin += count;
      const packed = packPairs(
        some.map((i) => [first, ids[i]] as const),
        tokenizer,
        maxLength,
      );
      const [reading] = noGrad(() => scope(() => [this.model.scores(packed).read()]));
      const found = await reading;
      some.forEach((i, place) => (scores[i] = found[place]));
    }
    const wrong = scores.findIndex((score) => !Number.isFinite(score));
    if (wrong >= 0)
      throw new Error(
        `rerank: the score of text ${wrong} is ${scores[wrong]}, expected a number; check the model's weights.`,
      );
    return scores;
  }
}

/**
 * A ranking whose first `depth` hits are in the order of new scores, with these; the others stay as they are, below them.
 * @param hits best first
 * @param scores of the first `depth` hits, or of all where there are fewer
 * @param firstWeight share, 0 .. 1, that the hits' own scores keep; both are stretched from 0 for the worst to 1 for the best
 * @throws as `weightedFusion`
 */
export function reranked(hits: readonly Hit[], scores: ArrayLike<number>, firstWeight = 0): Hit[] {
  const own = Array.from(scores, (score, i) => ({ id: hits[i].id, score }));
  const top =
    firstWeight === 0
      ? own.sort((a, b) => b.score - a.score)
      : weightedFusion(hits.slice(0, own.length), own, { weight: firstWeight, scaling: 'minmax' });
  const lowest = top.at(-1)?.score ?? 0;
  return [...top, ...hits.slice(scores.length).map(({ id }, i) => ({ id, score: lowest - 1 - i }))];
}

export interface RerankOptions extends RankingOptions {
  /** Hits of a query that are put in another order. */
  readonly depth: number;
  /** See `reranked`. Default 0. */
  readonly firstWeight?: number;
  /** Hears of queries. */
  onProgress?(done: number): void;
}

/** What a run comes to when the best hits of each query are put in the order of a cross-encoder. @throws as `reranked` */
export async function rerankRun(
  scorer: CrossScorer,
  { corpus, queries, qrels }: RetrievalSet,
  run: Run,
  { depth, firstWeight, dropSelf = false, onProgress }: RerankOptions,
): Promise<Evaluation> {
  const texts = new Map(corpus.map((document) => [document.id, documentText(document)]));
  const found = new Map<string, Hit[]>();
  for (const { id, text } of queries) {
    const hits = (run.get(id) ?? []).filter((hit) => !dropSelf || hit.id !== id);
    const best = hits.slice(0, depth).map((hit) => texts.get(hit.id)!);
    found.set(id, reranked(hits, await scorer.scores(text, best), firstWeight));
    onProgress?.(found.size);
  }
  return evaluateRun(found, qrels);
}
