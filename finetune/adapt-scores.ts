// What each stage of `retromae adapt` bought, on sentences that were held out: vectors alone, and beside BM25.
import type { RetrievalSet } from '../data/index.js';
import {
  compareRuns,
  evaluateFusion,
  metricInterval,
  type Encoder,
  type Evaluation,
  type Interval,
} from '../retrieval/index.js';
import type { AdaptStage } from './adapt-stages.js';
import { FUSION_WEIGHT } from './recipe.js';

/** What a stage came to. */
export interface StageScore {
  readonly stage: string;
  readonly evaluation: Evaluation;
  readonly 'ndcg@10': Interval;
  /** Gains over other rows, by their names, paired by query. */
  readonly against: Readonly<Record<string, Interval>>;
}

const BM25 = 'BM25';
const FUSED = 'BM25 + ';

/** BM25, the words before any training, every stage, and BM25 with the first and the last of these. */
export async function measureStages(set: RetrievalSet, stages: readonly AdaptStage[]): Promise<StageScore[]> {
  const encoders: [string, Encoder][] = [];
  for (const { name, encoder, untrained } of stages) {
    if (untrained) encoders.push([`${name}, untrained`, await untrained()]);
    encoders.push([name, await encoder()]);
  }
  const rows: [string, Evaluation][] = [];
  const fusedRows: [string, Evaluation][] = [];
  for (const [name, encoder] of encoders) {
    const fusion = { method: 'weighted', weight: FUSION_WEIGHT } as const;
    const { own, bm25, fused } = await evaluateFusion(encoder, set, { fusion });
    if (rows.length === 0) rows.push([BM25, bm25]);
    rows.push([name, own]);
    fusedRows.push([FUSED + name, fused]);
  }
  const ends = fusedRows.length > 1 ? [fusedRows[0], fusedRows.at(-1)!] : fusedRows;
  const all = [...rows, ...ends];
  const others = [rows[0], ends[0]];
  const scores: StageScore[] = [];
  for (const [stage, evaluation] of all) {
    const against: Record<string, Interval> = {};
    for (const [other, theirs] of others)
      if (other !== stage && (other === BM25 || stage.startsWith(FUSED)))
        against[other] = await compareRuns(evaluation, theirs, 'ndcg@10');
    scores.push({ stage, evaluation, 'ndcg@10': await metricInterval(evaluation, 'ndcg@10'), against });
  }
  return scores;
}
