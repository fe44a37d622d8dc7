// The log of a run: log.jsonl, a line of JSON for every record, there as soon as the record is.
import { appendFileSync, closeSync, openSync } from 'node:fs';
import { mkdir, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { writeError } from '../../data/index.js';
import { formatEntry, parseEntry, type LogEntry, type ProbeRecord, type StepRecord } from './records.js';

export interface RunRecords {
  /** By step, ascending; of records of the same step, the last. */
  steps: StepRecord[];
  probes: ProbeRecord[];
}

const NAME = 'log.jsonl';
const LINE_FEED = 10;

/**
 * Appends records to the log of a run. Writes are synchronous: a record that was given is with the operating system when
 * the call returns, and survives a kill of the process.
 */
export class RunLog {
  private constructor(
    readonly path: string,
    private readonly file: number,
  ) {}

  /**
   * Opens the log in a folder, which is made if it is missing.
   * @throws if there is a log that is not to be resumed, a line to be kept is damaged, or the file cannot be written
   */
  static async open(
    dir: string,
    {
      resumeAt,
    }: {
      /**
       * The step of the checkpoint that the run goes on from: later records, which the run will make again, and a last line
       * that a kill has torn are cut away, in one act; 0 cuts all. Without it there must be no log.
       */
      resumeAt?: number;
    } = {},
  ): Promise<RunLog> {
    const path = join(dir, NAME);
    try {
      await mkdir(dir, { recursive: true });
      if (resumeAt !== undefined) await cut(path, resumeAt);
      return new RunLog(path, openSync(path, resumeAt === undefined ? 'ax' : 'a'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
        throw new Error(
          `${path}: the log of another run is there already, expected none; name another folder, or continue that run with --resume.`,
          { cause: error },
        );
      }
      throw writeError(path, error);
    }
  }

  /**
   * Reads the log in a folder, that of a run still going included: a last line that is torn is left out.
   * @throws if there is none, or another line is damaged
   */
  static async read(dir: string): Promise<RunRecords> {
    const path = join(dir, NAME);
    const bytes = await readFile(path).catch((error: Error) => {
      throw new Error(`${path}: the log cannot be read (${error.message}); name the folder of a run.`, {
        cause: error,
      });
    });
    const steps = new Map<number, StepRecord>();
    const probes = new Map<number, ProbeRecord>();
    for (const { entry } of entries(bytes, path)) {
      if (entry.type === 'step') steps.set(entry.record.step, entry.record);
      else probes.set(entry.record.step, entry.record);
    }
    return { steps: ascending(steps), probes: ascending(probes) };
  }

  step(record: StepRecord): void {
    this.append({ type: 'step', record });
  }

  probe(record: ProbeRecord): void {
    this.append({ type: 'probe', record });
  }

  close(): void {
    closeSync(this.file);
  }

  private append(entry: LogEntry): void {
    try {
      appendFileSync(this.file, `${formatEntry(entry)}\n`);
    } catch (error) {
      throw writeError(this.path, error);
    }
  }
}

const ascending = <T extends { step: number }>(records: Map<number, T>): T[] =>
  [...records.values()].sort((a, b) => a.step - b.step);

/** The entries of a log, each with where its line ends, line feed included. */
function* entries(bytes: Buffer, path: string): Generator<{ entry: LogEntry; end: number }> {
  let start = 0;
  for (let line = 1; start < bytes.length; line++) {
    const feed = bytes.indexOf(LINE_FEED, start);
    // The feed is written with the line; without it, even a line that parses may lack the end of its last number.
    if (feed < 0) return;
    const text = bytes.toString('utf8', start, feed);
    start = feed + 1;
    let entry: LogEntry;
    try {
      entry = parseEntry(text);
    } catch (error) {
      throw new Error(
        `${path}:${line}: not a record of a run (${(error as Error).message}), expected a line of JSON as retromae writes it; delete the line.`,
        { cause: error },
      );
    }
    yield { entry, end: start };
  }
}

/** Cuts a log off after the last record of a step up to `step`. Truncation to a length is one act of the file system. */
async function cut(path: string, step: number): Promise<void> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  });
  let keep = 0;
  for (const { entry, end } of entries(bytes, path)) {
    if (step === 0 || entry.record.step > step) break;
    keep = end;
  }
  if (keep < bytes.length) await truncate(path, keep);
}
