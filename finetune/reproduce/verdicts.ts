// What a table came to: a line a system, and of each direction of the paper whether it holds here.
import type { RetrievalSet } from '../../data/index.js';
import { bootstrapCrossed, type Interval } from '../../retrieval/index.js';
import { metricNames, valuesOf, type SetScores } from './scores.js';
import type { StageScores } from './stages.js';
import { UNTRAINED, type Claim, type Metric, type Row, type Stage, type Table } from './tables.js';

/** What was measured of a table. */
export interface Measured {
  readonly table: Table;
  readonly sets: readonly RetrievalSet[];
  /** By entry (`UNTRAINED` is one), a run a seed, in the same order of seeds. */
  readonly runs: ReadonlyMap<string, readonly StageScores[]>;
  /** Systems without training of a table's own, by name: BM25, and the cross-encoder where there is one. */
  readonly others: ReadonlyMap<string, SetScores>;
  /** A set of which some queries ask for documents that answered queries in training, and these queries. */
  readonly met?: { readonly set: string; readonly queries: ReadonlySet<string> };
}

/** A line of the table, of the mean over sets and seeds. */
export interface SystemResult {
  readonly name: string;
  /** Of the paper, on its own sets. */
  readonly paper?: number;
  /** Of the table's metric, over queries and seeds. */
  readonly interval: Interval;
  /** Of a row: what it has over the untrained encoder after the same stage, paired over queries and seeds. */
  readonly gain?: Interval;
  readonly means: Readonly<Record<Metric, number>>;
  /** The table's metric on each set. */
  readonly sets: Readonly<Record<string, number>>;
  /** Of the set that has queries whose documents were met in training: the mean over these, and over the others. */
  readonly met?: Readonly<Record<'met' | 'unmet', number>>;
}

export const verdicts = ['direction reproduced', 'not reproduced', 'undecided'] as const;
export type Verdict = (typeof verdicts)[number];

export interface ClaimResult extends Claim {
  /** The better's figure less the other's, in the paper. */
  readonly paper?: number;
  /** The same here, paired over queries and seeds. */
  readonly difference: Interval;
  readonly verdict: Verdict;
}

export interface TableResult {
  readonly systems: readonly SystemResult[];
  readonly claims: readonly ClaimResult[];
}

/** What an interval of a difference says of the direction that the paper found. */
export function verdictOf({ low, high }: Interval): Verdict {
  if (low > 0) return 'direction reproduced';
  return high < 0 ? 'not reproduced' : 'undecided';
}

/** @throws if a row was not measured */
export async function resultsOf(measured: Measured): Promise<TableResult> {
  const { table, others, runs } = measured;
  const systems: SystemResult[] = [];
  for (const [name, scores] of others) systems.push(await systemOf(measured, { name }, [scores]));
  const last = lastOf(table, runs.get(UNTRAINED)?.[0]);
  if (last) systems.push(await systemOf(measured, { name: UNTRAINED }, at(measured, UNTRAINED, last)));
  for (const row of table.rows) {
    const own = at(measured, row.entry, row.stage);
    const gain = runs.get(UNTRAINED)?.[0]?.[row.stage]
      ? await differenceOf(measured, own, at(measured, UNTRAINED, row.stage))
      : undefined;
    systems.push({ ...(await systemOf(measured, row, own)), ...(gain && { gain }) });
  }
  const claims: ClaimResult[] = [];
  for (const claim of table.claims) claims.push(await claimOf(measured, claim));
  return { systems, claims };
}

const lastOf = ({ stages }: Table, scores: StageScores = {}): Stage | undefined =>
  stages.findLast((stage) => scores[stage]);

/** The scores of all seeds after a stage. */
function at({ runs }: Measured, entry: string, stage: Stage): SetScores[] {
  const found = (runs.get(entry) ?? []).map((scores) => scores[stage]).filter((scores) => scores !== undefined);
  if (found.length === 0)
    throw new Error(`reproduce: ${entry} was not measured after ${stage}; run the table to its end.`);
  return found;
}

async function systemOf(
  { table: { metric }, sets, met }: Measured,
  { name, paper }: Pick<Row, 'name' | 'paper'>,
  runs: readonly SetScores[],
): Promise<SystemResult> {
  const meanOn = (set: string, of: Metric): number => mean(valuesOf(runs, set, of).map(mean));
  const part = (isMet: boolean): number =>
    mean(
      runs.flatMap((run) =>
        Object.entries(run[met!.set]).flatMap(([id, scores]) => (met!.queries.has(id) === isMet ? scores[metric] : [])),
      ),
    );
  return {
    ...{ name, paper },
    interval: await bootstrapCrossed(sets.map((set) => valuesOf(runs, set.name, metric))),
    means: Object.fromEntries(
      metricNames.map((each) => [each, mean(sets.map((set) => meanOn(set.name, each)))]),
    ) as SystemResult['means'],
    sets: Object.fromEntries(sets.map((set) => [set.name, meanOn(set.name, metric)])),
    ...(met && { met: { met: part(true), unmet: part(false) } }),
  };
}

async function claimOf(measured: Measured, claim: Claim): Promise<ClaimResult> {
  const { rows } = measured.table;
  const [better, worse] = [claim.better, claim.worse].map((name) => rows.find((row) => row.name === name)!);
  const [own, other] = [better, worse].map((row) => at(measured, row.entry, row.stage));
  const difference = await differenceOf(measured, own, other);
  const isInPaper = better.paper !== undefined && worse.paper !== undefined;
  return {
    ...claim,
    ...(isInPaper && { paper: better.paper! - worse.paper! }),
    ...{ difference, verdict: verdictOf(difference) },
  };
}

/** How much more the first has than the second of the table's metric, run by run, query by query. */
const differenceOf = (
  { table: { metric }, sets }: Measured,
  own: readonly SetScores[],
  other: readonly SetScores[],
): Promise<Interval> =>
  bootstrapCrossed(
    sets.map(({ name }) => {
      const theirs = valuesOf(other, name, metric);
      return valuesOf(own, name, metric).map((run, seed) => run.map((value, query) => value - theirs[seed][query]));
    }),
  );

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** All verdicts in one sentence. */
export function summaryOf(claims: readonly ClaimResult[]): string {
  const count = (verdict: Verdict): number => claims.filter((claim) => claim.verdict === verdict).length;
  const [yes, no, open] = verdicts.map(count);
  if (claims.length > 1)
    return `Of ${claims.length} directions of the paper ${yes} ${yes === 1 ? 'is' : 'are'} reproduced, ${no} ${no === 1 ? 'is' : 'are'} not, and ${open} ${open === 1 ? 'is' : 'are'} undecided.`;
  const [{ better, says, worse, verdict }] = claims;
  return `${better} ${says} ${worse}: ${verdict}.`;
}
