// What a comparison came to: a line a system, with intervals over queries, and paired differences.
import { bootstrapDifference, bootstrapMean, type Evaluation, type Interval } from '../retrieval/index.js';
import type { Outcome } from '../train/index.js';
import { plain, shown, signed } from './table.js';

const METRICS = ['ndcg@10', 'mrr@10', 'recall@100'] as const;
type Metric = (typeof METRICS)[number];

/** Scores of each query, by its id. */
export type QueryScores = Readonly<Record<string, Readonly<Record<Metric, number>>>>;

/** What a model comes to on each set. */
export type SetScores = Readonly<Record<string, QueryScores>>;

export const scoresOf = ({ perQuery }: Evaluation): QueryScores =>
  Object.fromEntries(
    Array.from(perQuery, ([id, scores]) => [
      id,
      Object.fromEntries(METRICS.map((metric) => [metric, scores[metric]])) as Record<Metric, number>,
    ]),
  );

/** A system on a set; of several seeds, a query's score is the mean of theirs. */
export interface Standing {
  readonly set: string;
  readonly system: string;
  readonly queries: number;
  readonly 'ndcg@10': Interval;
  readonly 'mrr@10': number;
  readonly 'recall@100': number;
  /** Standard deviation of nDCG@10 between seeds, where there are several. */
  readonly spread?: number;
  readonly batch?: number;
  readonly steps?: number;
  /** Tokens of a step, on average. */
  readonly tokens?: number;
  /** nDCG@10 minus that of another system, query by query. */
  readonly against: Readonly<Record<string, Interval>>;
}

/** The systems that the others are compared with, where they are there. */
const RIVALS = ['mlm', 'BM25'] as const;

/** @param bm25 its scores on each set */
export async function standings(outcomes: readonly Outcome<SetScores>[], bm25: SetScores): Promise<Standing[]> {
  const labels = [...new Set(outcomes.map(({ job }) => job.label))];
  const found: Standing[] = [];
  for (const [set, baseline] of Object.entries(bm25)) {
    const ids = Object.keys(baseline);
    const systems = new Map<string, Outcome<SetScores>[]>(
      labels.map((label) => [label, outcomes.filter(({ job }) => job.label === label)]),
    );
    const perQuery = (system: string, metric: Metric): number[] => {
      const seeds = systems.get(system)?.map(({ evaluation }) => evaluation[set]) ?? [baseline];
      return ids.map((id) => seeds.reduce((sum, scores) => sum + scores[id][metric], 0) / seeds.length);
    };
    for (const system of ['BM25', ...labels]) {
      const own = perQuery(system, 'ndcg@10');
      const runs = systems.get(system) ?? [];
      const against: Record<string, Interval> = {};
      for (const rival of RIVALS)
        if (rival !== system && (rival === 'BM25' || systems.has(rival)))
          against[rival] = await bootstrapDifference(own, perQuery(rival, 'ndcg@10'));
      found.push({
        set,
        system,
        queries: ids.length,
        'ndcg@10': await bootstrapMean(own),
        'mrr@10': mean(perQuery(system, 'mrr@10')),
        'recall@100': mean(perQuery(system, 'recall@100')),
        ...(runs.length > 1 && {
          spread: deviation(runs.map(({ evaluation }) => mean(ids.map((id) => evaluation[set][id]['ndcg@10'])))),
        }),
        ...(runs[0]?.steps.length > 0 && {
          batch: runs[0].job.batch,
          steps: runs[0].steps.length,
          tokens: mean(runs[0].steps.map(({ tokens }) => tokens)),
        }),
        against,
      });
    }
  }
  return found;
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const deviation = (values: readonly number[]): number =>
  Math.sqrt(values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0) / (values.length - 1));

/** The standings as text, set by set. */
export function tableOf(all: readonly Standing[]): string {
  const width = Math.max(...all.map(({ system }) => system.length)) + 2;
  const rivals = RIVALS.filter((rival) => all.some(({ against }) => against[rival]));
  const lines: string[] = [];
  for (const set of new Set(all.map((one) => one.set))) {
    const some = all.filter((one) => one.set === set);
    const seeds = some.some(({ spread }) => spread !== undefined);
    lines.push(`${set}, ${some[0].queries} queries, zero-shot:`);
    const head = ['batch', 'steps', 'tokens'].map((name) => name.padStart(7)).join('');
    lines.push(
      `${''.padEnd(width)}${head}  ${'nDCG@10'.padEnd(24)}${seeds ? 'seeds   ' : ''}${'R@100'.padEnd(8)}` +
        rivals.map((rival) => `against ${rival}`.padEnd(27)).join(''),
    );
    for (const one of some) {
      const counts = [one.batch, one.steps, one.tokens && Math.round(one.tokens)];
      lines.push(
        `${one.system.padEnd(width)}${counts.map((count) => String(count ?? '').padStart(7)).join('')}  ` +
          shown(one['ndcg@10'], plain).padEnd(24) +
          (seeds ? (one.spread === undefined ? '' : `±${plain(one.spread)}`).padEnd(8) : '') +
          plain(one['recall@100']).padEnd(8) +
          rivals.map((rival) => (one.against[rival] ? shown(one.against[rival], signed) : '').padEnd(27)).join(''),
      );
    }
    lines.push('');
  }
  lines.push('In brackets 95 % bootstrap intervals over queries; differences are paired by query.');
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}
