// `npm run fuzz`: feeds mutated files and arguments to everything that reads any, and counts what comes of it.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { BATCH, type FoundFault, type Job, type Report } from './child.js';
import { Watched } from './supervisor.js';
import { names, shareOf } from './targets.js';

const usage = `Usage: npm run fuzz -- [flags]
Breaks valid files and arguments in every way, and feeds them to all readers and to all commands. An input must be
accepted, or refused in one line that names a file or a flag, and must leave nothing behind. Exit code 1: it was not.

  --inputs N     how many, of all targets (default 1000000)
  --minutes M    or for so long
  --seed N       of all that is random (default 1); the same seed gives the same inputs
  --only NAME    one target of: ${names.join(', ')}
  --jobs N       processes (default 2)
  --limit S      seconds that an input may take (default 10)
  --faults DIR   where faults are saved, shrunk, with their files (default runs/fuzz)
  --help         this text`;

export interface Tally {
  inputs: number;
  accepted: number;
  refused: number;
  faults: number;
}

export interface FuzzOptions {
  readonly program: string;
  readonly inputs: number;
  readonly minutes: number;
  readonly seed: number;
  readonly only?: string;
  readonly jobs: number;
  readonly limit: number;
  readonly faults: string;
  readonly print: (line: string) => void;
}

export interface Fuzzed {
  readonly tallies: Map<string, Tally>;
  /** The first fault of every kind, with how many there were. */
  readonly kinds: Map<string, FoundFault & { count: number }>;
}

/** Milliseconds between two lines of progress. */
const SAY = 10_000;

/** Feeds inputs until there were enough, or the time is over. */
export async function fuzz(options: FuzzOptions): Promise<Fuzzed> {
  const { inputs, minutes, seed, only, jobs, print } = options;
  const memory = '/dev/shm';
  const dir = mkdtempSync(join(existsSync(memory) ? memory : tmpdir(), 'retromae-fuzz-'));
  const targets = only === undefined ? names : [only];
  const shares = targets.reduce((sum, name) => sum + shareOf(name), 0);
  const tallies = new Map(targets.map((name) => [name, { inputs: 0, accepted: 0, refused: 0, faults: 0 }]));
  const kinds: Fuzzed['kinds'] = new Map();
  const given = new Map(targets.map((name) => [name, 0]));
  const wanted = (name: string) => Math.ceil((inputs * shareOf(name)) / shares);
  const started = performance.now();
  const end = started + minutes * 60_000;
  let said = started;

  /** The next inputs of the target that is furthest behind; commands are slow, so theirs are few at a time. */
  const next = (): Job | undefined => {
    if (performance.now() > end) return undefined;
    const behind = (name: string) => given.get(name)! / shareOf(name);
    const open = targets.filter((name) => given.get(name)! < wanted(name)).sort((a, b) => behind(a) - behind(b));
    if (open.length === 0) return undefined;
    const [target] = open;
    const from = given.get(target)!;
    const most = shareOf(target) < 10 ? BATCH / 10 : BATCH;
    const count = Math.min(most - (from % most), wanted(target) - from);
    given.set(target, from + count);
    const batch = Math.floor(from / BATCH);
    return { target, seed: (seed * 7919 + batch) | 0, from: from % BATCH, end: (from % BATCH) + count };
  };
  const add = (target: string, report: Report): void => {
    const tally = tallies.get(target)!;
    for (const name of ['inputs', 'accepted', 'refused'] as const) tally[name] += report[name];
    tally.faults += report.faults.length;
    for (const fault of report.faults) {
      const known = kinds.get(fault.kind);
      if (known) known.count++;
      else {
        kinds.set(fault.kind, { ...fault, count: 1 });
        print(`FAULT ${fault.kind}\n      ${fault.message.slice(0, 300)}\n      ${fault.saved}`);
      }
    }
    if (performance.now() - said < SAY) return;
    said = performance.now();
    print(progress(said - started));
  };
  const progress = (elapsed: number): string => {
    const done = [...tallies.values()].reduce((sum, tally) => sum + tally.inputs, 0);
    const share = Math.max(done / inputs, elapsed / (minutes * 60_000));
    const left = Math.ceil((elapsed * (1 / share - 1)) / 60_000);
    return `${count(done)} inputs, ${count((1000 * done) / elapsed)} a second, ${kinds.size} kinds of faults, ${left} min left`;
  };
  const work = async (_: unknown, number: number): Promise<void> => {
    const watched = new Watched({ ...options, dir: join(dir, String(number)) });
    try {
      for (let job = next(); job; job = next()) for (const report of await watched.run(job)) add(job.target, report);
    } finally {
      watched.close();
    }
  };
  try {
    await Promise.all(Array.from({ length: jobs }, work));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  print(progress(performance.now() - started));
  return { tallies, kinds };
}

const count = (number: number): string => Math.round(number).toLocaleString('en');

/** Targets as rows. */
export function table(tallies: ReadonlyMap<string, Tally>): string {
  const columns = ['inputs', 'accepted', 'refused', 'faults'] as const;
  const total = columns.map((name) => [...tallies.values()].reduce((sum, tally) => sum + tally[name], 0));
  const rows = [...tallies].map(([name, tally]) => [name, ...columns.map((column) => count(tally[column]))]);
  return [['target', ...columns], ...rows, ['all', ...total.map(count)]]
    .map(([name, ...cells]) => name.padEnd(20) + cells.map((cell) => cell.padStart(12)).join(''))
    .join('\n');
}

const text = { type: 'string' } as const;
const numbers = { inputs: '1000000', minutes: '', seed: '1', jobs: '2', limit: '10' };
const flags = {
  ...{ inputs: text, minutes: text, seed: text, jobs: text, limit: text, only: text, faults: text },
  help: { type: 'boolean' },
} as const;

/** @throws naming the flag that is wrong */
function optionsOf(args: readonly string[]): Omit<FuzzOptions, 'program' | 'print'> | 'help' {
  const { values } = parseArgs({ args: [...args], options: flags });
  if (values.help) return 'help';
  const { only, faults = 'runs/fuzz' } = values;
  if (only !== undefined && !names.includes(only))
    throw new Error(`--only is ${JSON.stringify(only)}; it must be one of ${names.join(', ')}.`);
  const given = { ...numbers, ...(values.minutes !== undefined && { inputs: '' }), ...values };
  const number = (name: keyof typeof numbers): number => {
    if (given[name] === '') return Infinity;
    const value = Number(given[name]);
    if (value > 0) return value;
    throw new Error(`--${name} is ${JSON.stringify(given[name])}; it must be a number above 0.`);
  };
  const [inputs, minutes, seed, jobs, limit] = (['inputs', 'minutes', 'seed', 'jobs', 'limit'] as const).map(number);
  return { inputs, minutes, seed, jobs, limit, only, faults: resolve(faults) };
}

/** Runs the command; returns its exit code: 1 where there are faults, 2 where the flags are wrong. */
export async function command(
  args: readonly string[],
  program: string,
  print: (line: string) => void,
): Promise<number> {
  let options: ReturnType<typeof optionsOf>;
  try {
    options = optionsOf(args);
  } catch (error) {
    print((error as Error).message);
    return 2;
  }
  if (options === 'help') {
    print(usage);
    return 0;
  }
  const { tallies, kinds } = await fuzz({ ...options, program, print });
  print(table(tallies));
  for (const { kind, count: times, message, saved } of kinds.values())
    print(`${times} x ${kind}\n    ${message.slice(0, 300)}\n    ${saved}`);
  return kinds.size > 0 ? 1 : 0;
}
