// How results are printed: numbers, intervals, a row for each system.
import { metricInterval, type Evaluation, type Interval, type Scores } from '../retrieval/index.js';

export type Metric = keyof Scores;

const titles: Readonly<Record<Metric, string>> = {
  'ndcg@10': 'nDCG@10',
  'mrr@10': 'MRR@10',
  'recall@100': 'Recall@100',
  map: 'MAP',
};
export const metricNames = Object.keys(titles) as Metric[];

export const plain = (x: number): string => x.toFixed(3);
export const signed = (x: number): string => `${x >= 0 ? '+' : ''}${plain(x)}`;
export const shown = ({ mean, low, high }: Interval, number: (x: number) => string): string =>
  `${number(mean)} [${number(low)}, ${number(high)}]`;

/** What has a row. */
export interface System {
  readonly name: string;
  readonly evaluation: Evaluation;
}

/** Systems as rows, metrics as columns, with 95 % bootstrap intervals: the head, and the rows of some. */
export function metricTable(all: readonly Pick<System, 'name'>[], metrics: readonly Metric[] = metricNames) {
  const width = Math.max(...all.map(({ name }) => name.length)) + 2;
  const line = (name: string, cells: readonly string[]): string =>
    name.padEnd(width) + cells.map((cell) => cell.padEnd(24)).join('');
  const row = async ({ name, evaluation }: System): Promise<string> => {
    const intervals = await Promise.all(metrics.map((metric) => metricInterval(evaluation, metric)));
    return line(
      name,
      intervals.map((interval) => shown(interval, plain)),
    );
  };
  return {
    head: line(
      '',
      metrics.map((metric) => titles[metric]),
    ),
    rows: (some: readonly System[]): Promise<string[]> => Promise.all(some.map(row)),
  };
}
