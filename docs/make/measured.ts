// What the guides say was measured: each a command that prints rows, kept with its day and machine in docs/measured.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { writeFileAtomic } from '../../data/index.js';
import { measurements } from './measurements.js';

const run = promisify(execFile);

/** What was measured, when and on what. */
export interface Recorded {
  readonly command: string;
  readonly date: string;
  readonly machine: string;
  readonly rows: readonly unknown[];
}

const pathOf = (root: string, name: string): string => join(root, 'docs', 'measured', `${name}.json`);

/** @throws if there is no such measurement, or it was never made */
export function readRecord(root: string, name: string): Recorded {
  if (!Object.hasOwn(measurements, name))
    throw new Error(`measured ${name}: expected one of ${Object.keys(measurements).join(', ')}.`);
  return JSON.parse(readFileSync(pathOf(root, name), 'utf8')) as Recorded;
}

/** What a reader types, as arguments of Node in any folder. */
const programs: Readonly<Record<string, string>> = {
  'npx retromae ': 'dist/node/cli.js',
  'npm run bench -- ': 'dist/tools/bench.js',
};

/** Runs a measurement in a built repository, and keeps it. @throws what its command says when it fails */
export async function measure(root: string, name: string): Promise<void> {
  const { command, kept } = measurements[name];
  const [typed, program] = Object.entries(programs).find(([typed]) => command.startsWith(typed))!;
  const args = [resolve(root, program), ...command.slice(typed.length).split(' '), '--json'];
  const cwd = await mkdtemp(join(tmpdir(), 'measure-'));
  try {
    const { stdout } = await run(process.execPath, args, { cwd, maxBuffer: 1 << 28 });
    const text = stdout.trim();
    // One array, or a row a line.
    const printed = (text.startsWith('[') ? JSON.parse(text) : text.split('\n').map((line) => JSON.parse(line))) as [];
    const machine = `${cpus().length} × ${cpus()[0].model.trim()}, Node ${process.versions.node}`;
    const date = new Date().toISOString().slice(0, 10);
    const record: Recorded = { command, date, machine, rows: kept ? kept(printed) : printed };
    const lines = record.rows.map((row) => `\n    ${JSON.stringify(row)}`).join(',');
    const head = JSON.stringify({ ...record, rows: undefined }, undefined, 2).slice(0, -2);
    await writeFileAtomic(pathOf(root, name), `${head},\n  "rows": [${lines}\n  ]\n}\n`);
  } finally {
    await rm(cwd, { recursive: true });
  }
}
