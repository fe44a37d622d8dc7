// What is recorded of a run: a record for every step, one for every retrieval probe, and both as JSON lines.
import type { StepNumbers } from '../../nn/index.js';
import { reservedNames } from '../../retromae/index.js';

/** One step of training. */
export interface StepRecord {
  /** Steps done, this one included: the first is 1. */
  step: number;
  /** What was minimised. */
  loss: number;
  /** Global L2 norm, before clipping. */
  gradientNorm: number;
  lr: number;
  /** Real tokens of this step, padding not counted. */
  tokens: number;
  /** Wall time of this step. */
  seconds: number;
  /** How much of it went by before the step had its batches. */
  dataSeconds?: number;
  tokensPerSecond: number;
  /** Wall time since the run, or its continuation, began, in seconds. */
  elapsed: number;
  /** The objective's own numbers, by the names of its `scalars`. */
  [scalar: string]: number | undefined;
}

/** Retrieval quality after a step; 0 is before the first. All but the counts in 0 .. 1. */
export interface ProbeRecord {
  step: number;
  'ndcg@10': number;
  'mrr@10': number;
  'recall@100': number;
  queries: number;
}

export type LogEntry = { type: 'step'; record: StepRecord } | { type: 'probe'; record: ProbeRecord };

/** The fields that every record must have. Beside them a step has any numbers: those of its objective. */
const required = {
  step: ['step', 'loss', 'gradientNorm', 'lr', 'tokens', 'seconds', 'tokensPerSecond', 'elapsed'],
  probe: ['step', 'ndcg@10', 'mrr@10', 'recall@100', 'queries'],
} as const;

/** Names of the objective's numbers in records, in the order in which they first come. */
export const scalarNames = (steps: readonly StepRecord[]): string[] => [
  ...new Set(steps.flatMap((record) => Object.keys(record).filter((name) => !reservedNames.includes(name)))),
];

/** A record as one line of JSON. NaN and infinities, which JSON lacks, become strings: a run that diverged says so. */
export const formatEntry = ({ type, record }: LogEntry): string =>
  JSON.stringify({ type, ...record }, (_, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
  );

/** Reads a line of `formatEntry`. @throws an error that says what is wrong */
export function parseEntry(line: string): LogEntry {
  const parsed: unknown = JSON.parse(line);
  if (typeof parsed !== 'object' || parsed === null) throw new Error('not a JSON object');
  const { type, ...given } = parsed as Record<string, unknown>;
  if (type !== 'step' && type !== 'probe') throw new Error('"type" is neither "step" nor "probe"');
  const record: Record<string, number> = {};
  for (const name of new Set([...required[type], ...Object.keys(given)])) {
    const value = number(given[name]);
    if (value === undefined) throw new Error(`"${name}" is not a number`);
    record[name] = value;
  }
  // Every field that the type requires was found to be a number just now.
  return { type, record } as unknown as LogEntry;
}

const NOT_FINITE = ['NaN', 'Infinity', '-Infinity'];

function number(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && NOT_FINITE.includes(value) ? Number(value) : undefined;
}

/** What a training step returned, as a record. */
export const stepRecord = (
  numbers: StepNumbers,
  { tokens, seconds, ...rest }: Pick<StepRecord, 'step' | 'lr' | 'tokens' | 'seconds' | 'dataSeconds' | 'elapsed'>,
): StepRecord => ({ ...numbers, ...rest, tokens, seconds, tokensPerSecond: tokens / seconds });

/** Share of the time in steps, 0 .. 1, that training waited for its batches; undefined if nobody measured. */
export function dataWait(steps: readonly StepRecord[]): number | undefined {
  const measured = steps.filter(({ dataSeconds }) => dataSeconds !== undefined);
  const sum = (field: (record: StepRecord) => number): number => measured.reduce((all, one) => all + field(one), 0);
  return measured.length === 0 ? undefined : sum((one) => one.dataSeconds!) / sum((one) => one.seconds);
}
