// What of `retromae/retrieval` needs no files: BM25, encoding, exact search, fusion, metrics with their intervals, hard negatives.
export { englishAnalyzer, type Analyzer } from './analyzer.js';
export { Bm25, type Bm25Options } from './bm25.js';
export {
  bootstrapCrossed,
  bootstrapDifference,
  bootstrapMean,
  compareRuns,
  metricInterval,
  type BootstrapOptions,
  type Interval,
} from './bootstrap.js';
export {
  BM25_WEIGHT,
  fuse,
  fusionMethods,
  reciprocalRankFusion,
  scalings,
  searchBoth,
  weightedFusion,
  type FusionMethod,
  type FusionOptions,
  type RankFusionOptions,
  type Scaling,
  type Sides,
  type WeightedFusionOptions,
} from './fusion.js';
export { learnFusionWeight, PLATEAU, type LearnOptions, type LearntWeight } from './fusion-weight.js';
export { heldOut, type HeldOutOptions } from './heldout.js';
export {
  averagePrecision,
  evaluateRun,
  isRelevant,
  ndcg,
  partOf,
  precision,
  rank,
  recall,
  reciprocalRank,
  type Evaluation,
  type Scores,
} from './metrics.js';
export { NegativeMiner, negativePicks, parseRanks } from './negatives.js';
export type { Margin, MinedNegatives, NegativeOptions, NegativePick, QueryToMine } from './negatives.js';
export { CrossScorer, rerankRun, reranked, type RerankOptions, type ScoringOptions } from './rerank.js';
export { sharingQueries } from './overlap.js';
export { compareHits, compareIds } from './ranking.js';
export { bm25Ranking, encoderRankings, type Ranking } from './rankings.js';
export { FlatIndex, type FlatIndexOptions, type Index } from './search.js';
export { packVectors, vectorBytes, vectorFormats, type VectorFormat, type VectorStore } from './vector-store.js';
export type { Hit, Run } from './types.js';
export { distillStatic, type Distilled, type DistillOptions } from './distill.js';
export { DupmaeEncoder } from './dupmae-encoder.js';
export { DupmaeIndex, type DupmaeDocuments, type DupmaeShape } from './dupmae-index.js';
export { BertEncoder, encodeTexts, indexTexts, keepVectors, ModelEncoder } from './encode.js';
export type { EncodeOptions, Encoder, EncoderOptions, IndexingOptions, KeepingOptions } from './encode.js';
export type { ModelEncoderOptions } from './encode.js';
export type { BatchingOptions, Role, TextTokenizer } from './text-batches.js';
export { evaluateBm25, evaluateEncoder, evaluateFusion, evaluateModel } from './evaluate.js';
export type { EvaluateFusionOptions, EvaluateOptions, FusedEvaluation, RankingOptions } from './evaluate.js';
