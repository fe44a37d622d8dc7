// What is recorded of a run: a record for every step, one for every retrieval probe, and both as JSON lines.

/** One step of training. Losses are means over the tokens that are predicted, in nats; shares are in 0 .. 1. */
export interface StepRecord {
  /** Steps done, this one included: the first is 1. */
  step: number;
  /** What was minimised: the sum of the parts. */
  loss: number;
  encoder: number;
  decoder?: number;
  /** The bag-of-words term of DupMAE. */
  bow?: number;
  /** Share of the encoder's masked tokens that it ranks first. */
  accuracy: number;
  decoderAccuracy?: number;
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
}

/** Retrieval quality after a step; 0 is before the first. All but the counts in 0 .. 1. */
export interface ProbeRecord {
  step: number;
  'ndcg@10': number;
  'mrr@10': number;
  'recall@100': number;
  queries: number;
}

export type LogEntry = ({ type: 'step' } & StepRecord) | ({ type: 'probe' } & ProbeRecord);

/** The fields of each record, and whether every record must have them. */
const fields = {
  step: {
    step: true,
    loss: true,
    encoder: true,
    decoder: false,
    bow: false,
    accuracy: true,
    decoderAccuracy: false,
    gradientNorm: true,
    lr: true,
    tokens: true,
    seconds: true,
    dataSeconds: false,
    tokensPerSecond: true,
    elapsed: true,
  } satisfies Record<keyof StepRecord, boolean>,
  probe: { step: true, 'ndcg@10': true, 'mrr@10': true, 'recall@100': true, queries: true } satisfies Record<
    keyof ProbeRecord,
    boolean
  >,
};

/** A record as one line of JSON. NaN and infinities, which JSON lacks, become strings: a run that diverged says so. */
export const formatEntry = (entry: LogEntry): string =>
  JSON.stringify(entry, (_, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
  );

/** Reads a line of `formatEntry`; fields of other versions are left out. @throws an error that says what is wrong */
export function parseEntry(line: string): LogEntry {
  const parsed: unknown = JSON.parse(line);
  if (typeof parsed !== 'object' || parsed === null) throw new Error('not a JSON object');
  const given = parsed as Record<string, unknown>;
  const { type } = given;
  if (type !== 'step' && type !== 'probe') throw new Error('"type" is neither "step" nor "probe"');
  const entry: Record<string, unknown> = { type };
  for (const [name, required] of Object.entries(fields[type])) {
    const value = number(given[name]);
    if (value === undefined && (required || given[name] !== undefined)) throw new Error(`"${name}" is not a number`);
    if (value !== undefined) entry[name] = value;
  }
  // Every field that the type requires was found to be a number just now.
  return entry as unknown as LogEntry;
}

const NOT_FINITE = ['NaN', 'Infinity', '-Infinity'];

function number(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && NOT_FINITE.includes(value) ? Number(value) : undefined;
}

/** What `AdamW.step` returned for `RetroMae.losses`, as a record. */
export function stepRecord(
  numbers: Record<string, number>,
  { tokens, seconds, ...rest }: Pick<StepRecord, 'step' | 'lr' | 'tokens' | 'seconds' | 'dataSeconds' | 'elapsed'>,
): StepRecord {
  const { loss, encoder, accuracy, gradientNorm, decoder, decoderAccuracy, bow } = numbers;
  const parts = { loss, encoder, accuracy, gradientNorm, decoder, decoderAccuracy, bow };
  return { ...parts, ...rest, tokens, seconds, tokensPerSecond: tokens / seconds };
}

/** Share of the time in steps, 0 .. 1, that training waited for its batches; undefined if nobody measured. */
export function dataWait(steps: readonly StepRecord[]): number | undefined {
  const measured = steps.filter(({ dataSeconds }) => dataSeconds !== undefined);
  const sum = (field: (record: StepRecord) => number): number => measured.reduce((all, one) => all + field(one), 0);
  return measured.length === 0 ? undefined : sum((one) => one.dataSeconds!) / sum((one) => one.seconds);
}
