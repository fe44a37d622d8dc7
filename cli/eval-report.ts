// What `retromae eval` found, as a table and as JSON: systems, paired differences, parts of the queries.
import {
  compareRuns,
  metricInterval,
  PLATEAU,
  type Evaluation,
  type FusionOptions,
  type Interval,
  type LearntWeight,
} from '../retrieval/index.js';
import { partLines, partsJson, partsOf, type Overlap } from './overlap.js';
import { metricNames, metricTable, plain, shown, signed, type Metric, type System as Row } from './table.js';

export interface Report {
  /** What the model is called in the table. */
  readonly name: string;
  readonly own: Evaluation;
  readonly bm25?: Evaluation;
  readonly fused?: Evaluation;
  /** How they were fused. */
  readonly fusion?: FusionOptions;
  /** The weight that was learnt, and on what. */
  readonly learnt?: LearntWeight;
  readonly learntOn?: { readonly split: string; readonly queries: number };
  readonly overlap?: Overlap;
}

/** What was measured, by its name in JSON. */
export interface Named {
  readonly key: string;
  readonly evaluation: Evaluation;
}

interface System extends Row, Named {
  readonly key: 'model' | 'bm25' | 'fused';
  /** In a sentence. */
  readonly word: string;
}

function systemsOf({ name, own, bm25, fused, fusion }: Report): System[] {
  const how = fusion && (fusion.method === 'rrf' ? 'rrf' : `weighted, BM25 ${fusion.weight}`);
  return [
    { key: 'model', name, word: 'the model', evaluation: own },
    ...(bm25 ? [{ key: 'bm25', name: 'BM25', word: 'BM25', evaluation: bm25 } as const] : []),
    ...(fused ? [{ key: 'fused', name: `fused (${how})`, word: 'the fusion', evaluation: fused } as const] : []),
  ];
}

/** What is of interest: the fusion against either side, or the model against BM25. */
function pairsOf(systems: readonly System[]): (readonly [System, System])[] {
  const [model, bm25, fused] = systems;
  if (fused) return [bm25, model].map((other) => [fused, other] as const);
  return bm25 ? [[model, bm25]] : [];
}

/** Systems as rows, metrics as columns; then the differences, the weight and the parts. */
export async function tableOf(report: Report): Promise<string> {
  const systems = systemsOf(report);
  const { queries } = report.own.mean;
  const table = metricTable(systems);
  const lines = [table.head, ...(await table.rows(systems))];
  lines.push(`${queries} queries; in brackets 95 % bootstrap intervals.`);
  for (const [one, other] of pairsOf(systems)) {
    const difference = await compareRuns(one.evaluation, other.evaluation, 'ndcg@10');
    const whose = one.key === 'fused' ? ' of the fusion' : '';
    lines.push(`nDCG@10${whose} against ${other.word}, paired: ${shown(difference, signed)}.`);
  }
  lines.push(...learntLines(report));
  if (report.overlap) lines.push(...(await partLines(partsOf(report.overlap, systems), table.rows)));
  return `${lines.join('\n')}\n`;
}

function learntLines({ learnt, learntOn }: Report): string[] {
  if (!learnt || !learntOn) return [];
  const best = Math.max(...learnt.curve.map(({ value }) => value));
  const [from, to] = learnt.plateau;
  return [
    `The weight of BM25, ${learnt.weight}, was learnt on the ${learntOn.queries} queries of ${learntOn.split}: nDCG@10 is ${plain(best)} there, and within ${PLATEAU} of that from ${from} to ${to}.`,
  ];
}

/** As one object: means, and of a fusion the intervals and differences as well. */
export async function jsonOf(report: Report): Promise<object> {
  const systems = systemsOf(report);
  const { own, bm25, fused, fusion, learnt, learntOn, overlap } = report;
  return {
    ...own.mean,
    ...(bm25 && { bm25: bm25.mean }),
    ...(fused && {
      fused: { ...fused.mean, ...fusion },
      ...(learnt && { learnt: { ...learntOn, ...learnt } }),
      ...(await intervalsOf(systems, pairsOf(systems))),
    }),
    ...(overlap && { overlap: partsJson(partsOf(overlap, systems)) }),
  };
}

/** Of each system its intervals, and of each pair its paired differences, by name and by metric, for JSON. */
export const intervalsOf = async (
  systems: readonly Named[],
  pairs: readonly (readonly [Named, Named])[],
): Promise<object> => ({
  intervals: await objectOf(systems, ({ key, evaluation }) => [
    key,
    everyMetric((metric) => metricInterval(evaluation, metric)),
  ]),
  differences: await objectOf(pairs, ([one, other]) => [
    `${one.key} - ${other.key}`,
    everyMetric((metric) => compareRuns(one.evaluation, other.evaluation, metric)),
  ]),
});

const everyMetric = (intervalOf: (metric: Metric) => Promise<Interval>): Promise<Record<string, Interval>> =>
  objectOf(metricNames, (metric) => [metric, intervalOf(metric)]);

async function objectOf<T, V>(
  all: readonly T[],
  entryOf: (one: T) => readonly [key: string, value: Promise<V>],
): Promise<Record<string, V>> {
  const entries: [string, V][] = [];
  for (const [key, value] of all.map(entryOf)) entries.push([key, await value]);
  return Object.fromEntries(entries);
}
