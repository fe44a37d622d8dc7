// What `retromae rerank` prints: two stages with their intervals, and the paired difference.
import { compareRuns, metricInterval, type Evaluation } from '../retrieval/index.js';
import { intervalsOf, plain, shown, signed } from './eval-report.js';

const metrics = { 'ndcg@10': 'nDCG@10', 'mrr@10': 'MRR@10', 'recall@100': 'Recall@100' } as const;

/** @param systems the first stage and what came of it, by name */
export async function rerankTable(systems: Readonly<Record<string, Evaluation>>): Promise<string> {
  const names = Object.keys(metrics) as (keyof typeof metrics)[];
  const lines = [`${' '.repeat(10)}${names.map((name) => metrics[name].padEnd(24)).join('')}`];
  for (const [system, evaluation] of Object.entries(systems)) {
    const cells = await Promise.all(
      names.map(async (name) => shown(await metricInterval(evaluation, name), plain).padEnd(24)),
    );
    lines.push(system.padEnd(10) + cells.join(''));
  }
  const [before, after] = Object.values(systems);
  const difference = await compareRuns(after, before, 'ndcg@10');
  lines.push(`${after.mean.queries} queries; nDCG@10 of reranking, paired: ${shown(difference, signed)}.`);
  return `${lines.join('\n')}\n`;
}

/** The same as one object: means by name, intervals and the paired difference. */
export async function rerankJson(systems: Readonly<Record<string, Evaluation>>): Promise<object> {
  const [before, after] = Object.entries(systems).map(([key, evaluation]) => ({ key, evaluation }));
  const means = Object.fromEntries([before, after].map(({ key, evaluation }) => [key, evaluation.mean]));
  return { ...means, ...(await intervalsOf([before, after], [[after, before]])) };
}
