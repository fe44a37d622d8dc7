// What `retromae rerank` prints: two stages with their intervals, and the paired difference.
import { compareRuns } from '../retrieval/index.js';
import { intervalsOf } from './eval-report.js';
import { partLines, partsJson, partsOf, type Overlap } from './overlap.js';
import { metricTable, shown, signed, type System } from './table.js';

/** @param stages the first stage, and what came of it */
export async function rerankTable(
  stages: readonly [before: System, after: System],
  overlap?: Overlap,
): Promise<string> {
  const { head, rows } = metricTable(stages, ['ndcg@10', 'mrr@10', 'recall@100']);
  const [before, after] = stages.map(({ evaluation }) => evaluation);
  const difference = await compareRuns(after, before, 'ndcg@10');
  const paired = `${after.mean.queries} queries; nDCG@10 of reranking, paired: ${shown(difference, signed)}.`;
  const parts = overlap ? await partLines(partsOf(overlap, stages), rows) : [];
  return `${[head, ...(await rows(stages)), paired, ...parts].join('\n')}\n`;
}

/** The same as one object: means by name, intervals and the paired difference. */
export async function rerankJson(stages: readonly [before: System, after: System], overlap?: Overlap): Promise<object> {
  const [before, after] = stages.map(({ name, evaluation }) => ({ key: name, evaluation }));
  const means = Object.fromEntries([before, after].map(({ key, evaluation }) => [key, evaluation.mean]));
  return {
    ...means,
    ...(await intervalsOf([before, after], [[after, before]])),
    ...(overlap && { overlap: partsJson(partsOf(overlap, [before, after])) }),
  };
}
