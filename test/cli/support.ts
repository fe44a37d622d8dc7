// What the tests of the command line share: the command, spawned as a user would, and small texts to train on.
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { lineOf, runCommand } from '../../cli/commands.js';
import { UsageError } from '../../cli/flags.js';
import { Random } from '../../core/index.js';

const CLI = join(process.cwd(), process.env.RETROMAE_CLI ?? 'dist/node/cli.js');

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface Running extends Promise<Ended> {
  child: ChildProcess;
}

/** What a user has: without what the test runner has each process load. */
const { NODE_OPTIONS: _, ...env } = process.env;

/** Starts `retromae ARGS`; the promise is kept whatever the exit code. */
export function start(args: readonly string[], { cwd }: { cwd?: string } = {}): Running {
  const child = spawn(process.execPath, [CLI, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<Ended>((resolve, reject) => {
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return Object.assign(ended, { child });
}

/** Calls `then` once, when a run that prints JSON has done its first step. */
export function atFirstStep({ child }: Running, then: () => void): void {
  const heard = (text: string): void => {
    if (!text.includes('"type":"step"')) return;
    child.stdout!.off('data', heard);
    then();
  };
  child.stdout!.on('data', heard);
}

/** Waits until something is so, or the process has ended. */
export async function until(running: Running, isSo: () => boolean): Promise<void> {
  let ended = false;
  void running.finally(() => (ended = true));
  while (!ended && !isSo()) await sleep(1);
}

/**
 * Runs `retromae ARGS --out OUT` until something is so, and sends it a signal. Where a busy machine looked so late that the run
 * was at its end, it is begun again, in an empty folder.
 */
export async function stopped(
  args: readonly string[],
  out: string,
  isSo: () => boolean,
  signal: NodeJS.Signals = 'SIGKILL',
): Promise<Ended> {
  for (let tries = 1; ; tries++) {
    const running = start([...args, '--out', out]);
    await until(running, isSo);
    running.child.kill(signal);
    const ended = await running;
    if (ended.code !== 0 || tries === 10) return ended;
    rmSync(out, { recursive: true });
  }
}

/** The checkpoints of a run, those that are being written as well. */
export const checkpoints = (out: string): string[] =>
  existsSync(join(out, 'checkpoints')) ? readdirSync(join(out, 'checkpoints')) : [];

/** Runs `retromae ARGS` to its end. @throws with what it said, if that is not success */
export async function succeed(...args: string[]): Promise<Ended> {
  const ended = await start(args);
  if (ended.code !== 0) throw new Error(`retromae ${args.join(' ')}: exit code ${ended.code}\n${ended.stderr}`);
  return ended;
}

/** A backend that no measurement chooses. */
export const ONE_THREAD = ['--backend', 'wasm', '--threads', '1'];

/** A model that is trained in a blink. */
export const TINY = [
  ...[...ONE_THREAD, '--layers', '1', '--hidden', '32', '--heads', '2'],
  ...['--batch', '4', '--seq', '48', '--lr', '3e-3'],
];

const GLUE = 'the of and a to in was by with from under near after before'.split(' ');
const NAMES =
  'river stone market winter garden letter engine harbour soldier teacher bridge silver window forest candle mountain doctor basket village ocean copper farmer lantern mirror'.split(
    ' ',
  );
const DEEDS = 'built carried found left watched opened painted followed remembered repaired'.split(' ');

/** Paragraphs of four sentences, the same for the same seed. Some words are the topic of theirs, so there is something to learn. */
export function paragraphs(count: number, seed = 1): string[] {
  const random = new Random(seed);
  const one = (words: readonly string[]): string => words[random.below(words.length)];
  return Array.from({ length: count }, () => {
    const topic = [one(NAMES), one(NAMES), one(NAMES)];
    const sentence = (): string => {
      const words = [
        one(GLUE),
        one(topic),
        one(DEEDS),
        one(GLUE),
        one(NAMES),
        one(GLUE),
        one(GLUE),
        one(topic),
        one(NAMES),
      ];
      const text = words.join(' ');
      return `${text[0].toUpperCase()}${text.slice(1)}.`;
    };
    return Array.from({ length: 4 }, sentence).join(' ');
  });
}

export const jsonLines = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

/** Writes a corpus of paragraphs as .jsonl and returns its path. */
export function writeCorpus(dir: string, count = 200): string {
  const path = join(dir, 'corpus.jsonl');
  writeFileSync(path, jsonLines(paragraphs(count).map((text, i) => ({ id: `p${i}`, text }))));
  return path;
}

/** Writes examples whose queries are sentences of their positives, with two negatives each and what else `more` says. */
export function writeExamples(dir: string, count: number, more: (i: number) => object = () => ({})): string {
  const path = join(dir, 'examples.jsonl');
  const texts = paragraphs(200);
  const example = (text: string, i: number) => ({
    ...{ query: text.split('. ')[1], pos: [text], neg: [texts[i + 60], texts[i + 90]] },
    ...more(i),
  });
  writeFileSync(path, jsonLines(texts.slice(0, count).map(example)));
  return path;
}

/** Writes a BEIR folder whose queries are sentences of their documents, and returns its path. */
export function writeBeir(dir: string, count = 40): string {
  const path = join(dir, 'beir');
  mkdirSync(join(path, 'qrels'), { recursive: true });
  const texts = paragraphs(count, 2);
  writeFileSync(join(path, 'corpus.jsonl'), jsonLines(texts.map((text, i) => ({ _id: `d${i}`, title: '', text }))));
  const queries = texts.slice(0, 12).map((text, i) => ({ _id: `q${i}`, text: text.split('. ')[1] }));
  writeFileSync(join(path, 'queries.jsonl'), jsonLines(queries));
  const rows = queries.map((_, i) => `q${i}\td${i}\t1\n`);
  writeFileSync(join(path, 'qrels', 'test.tsv'), `query-id\tcorpus-id\tscore\n${rows.join('')}`);
  return path;
}

/** All files below a folder, by their path from there, sorted. */
export const filesBelow = (dir: string): string[] =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
    .sort();

/** Contents by path: equal for two folders that hold the same. A folder that is not there is another thing than an empty one. */
export const snapshot = (dir: string): string =>
  existsSync(dir)
    ? filesBelow(dir)
        .map((file) => `${file} ${digest(join(dir, file))}`)
        .join('\n')
    : 'nothing';

export const digest = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

export interface LoggedStep {
  type: string;
  step: number;
  [field: string]: unknown;
}

/** What lines of JSON say. */
export const parseLines = <T>(text: string): T[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T);

export const readLines = <T>(path: string): T[] => parseLines<T>(readFileSync(path, 'utf8'));

export const readLog = (out: string): LoggedStep[] => readLines(join(out, 'log.jsonl'));

export const stepsOf = (log: readonly LoggedStep[]): LoggedStep[] => log.filter(({ type }) => type === 'step');

/** The losses of a run. */
export const lossesOf = (out: string): number[] => stepsOf(readLog(out)).map(({ loss }) => loss as number);

export const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** nDCG@10 as `retromae eval --json` printed it. */
export const ndcgOf = ({ stdout }: Ended): number => (JSON.parse(stdout) as { 'ndcg@10': number })['ndcg@10'];

/** Runs `retromae ARGS` in this process, as cli/main.ts does: where it is to be refused, another one takes longer to start. */
async function attempt(args: readonly string[]): Promise<Pick<Ended, 'code' | 'stderr'>> {
  const { write } = process.stderr;
  let stderr = '';
  process.stderr.write = (text: unknown) => Boolean((stderr += String(text)));
  try {
    await runCommand([...args]);
    return { code: 0, stderr };
  } catch (error) {
    return { code: error instanceof UsageError ? 2 : 1, stderr: `${stderr}${lineOf(error)}\n` };
  } finally {
    process.stderr.write = write;
  }
}

/** Checks that a command is refused as it should be: one line that says what, no stack, no success. */
export async function refused(t: Test, args: readonly string[], said: RegExp, code?: number) {
  const ended = await attempt(args);
  const name = args.join(' ');
  const lines = ended.stderr.split('\n').filter((line) => line.startsWith('retromae: '));
  t.ok(
    code === undefined ? ended.code === 1 || ended.code === 2 : ended.code === code,
    `exit code ${ended.code}: ${name}`,
  );
  t.equal(lines.length, 1, `one line: ${ended.stderr}`);
  t.match(lines[0], said, name);
  t.ok(ended.stderr.trimEnd().endsWith(lines[0]), `which is the last: ${ended.stderr}`);
  t.notMatch(ended.stderr, /^ +at |node:internal/m, 'no stack');
  return ended;
}

/** Cases that are refused, each with flags of its own after the common ones, and leave no trace of the folder `out`. */
export async function refusedUntouched(
  t: Test,
  { args, out, code }: { args: readonly string[]; out: string; code?: number },
  cases: readonly (readonly [flags: readonly string[], said: RegExp])[],
): Promise<void> {
  for (const [flags, said] of cases) {
    await refused(t, [...args, ...flags], said, code);
    if (!t.notOk(existsSync(out), `${flags.join(' ')} leaves no folder`)) rmSync(out, { recursive: true });
  }
}
