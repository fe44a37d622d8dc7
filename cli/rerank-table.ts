// What `retromae rerank` prints: two stages with their intervals, and the paired difference.
import { compareRuns, metricInterval, type Evaluation } from '../retrieval/index.js';

const metrics = { 'ndcg@10': 'nDCG@10', 'mrr@10': 'MRR@10', 'recall@100': 'Recall@100' } as const;

/** @param systems the first stage and what came of it, by name */
export async function rerankTable(systems: Readonly<Record<string, Evaluation>>): Promise<string> {
  const names = Object.keys(metrics) as (keyof typeof metrics)[];
  const lines = [`${' '.repeat(10)}${names.map((name) => metrics[name].padEnd(24)).join('')}`];
  for (const [system, evaluation] of Object.entries(systems)) {
    const cells = await Promise.all(
      names.map(async (name) => {
        const { mean, low, high } = await metricInterval(evaluation, name);
        return `${mean.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`.padEnd(24);
      }),
    );
    lines.push(system.padEnd(10) + cells.join(''));
  }
  const [before, after] = Object.values(systems);
  const { mean, low, high } = await compareRuns(after, before, 'ndcg@10');
  const signed = (x: number): string => `${x >= 0 ? '+' : ''}${x.toFixed(3)}`;
  lines.push(
    `${after.mean.queries} queries; nDCG@10 of reranking, paired: ${signed(mean)} [${signed(low)}, ${signed(high)}].`,
  );
  return `${lines.join('\n')}\n`;
}
