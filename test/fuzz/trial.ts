// Feeds one input to one target, and looks at all that came of it: errors, notes, files left behind, files left open.
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { lineOf } from '../../cli/commands.js';
import { editArgs, editFile, index, type Files, type Input } from './edits.js';
import { writeInto } from './seeds.js';
import type { Case, Target } from './targets.js';
import { judgeRefusal, judgeWords, type Fault, type Verdict } from './verdict.js';

/** An input that takes more than this for good is a fault. */
const MEMORY = 1 << 30;
const DESCRIPTORS = '/proc/self/fd';

const openFiles = (): number => (existsSync(DESCRIPTORS) ? readdirSync(DESCRIPTORS).length : 0);

/** Streams close in their own time. */
async function stayOpen(before: number): Promise<boolean> {
  for (let i = 0; i < 200; i++) {
    if (openFiles() <= before) return false;
    await (i < 100 ? setImmediate() : setTimeout(i));
  }
  return true;
}

/** What is fed: the case with its edits done. */
export interface Broken {
  readonly files: Files;
  readonly args: readonly string[];
  /** Paths of the files that differ from the case. */
  readonly changed: readonly string[];
}

export function broken({ files, edited = /^/, args = [] }: Case, { edits, args: words }: Input): Broken {
  const after = new Map(files);
  const paths = [...files.keys()].filter((path) => edited.test(path));
  const changed = edits.map((edit) => editFile(after, paths, edit));
  return { files: after, args: words.reduce(editArgs, args as string[]), changed };
}

/** Feeds inputs to a target, in folders of its own below `dir`. */
export class Trial {
  private readonly made = new Set<Case>();
  private unhandled: unknown[] = [];

  constructor(
    private readonly target: Target,
    private readonly dir: string,
  ) {}

  caseOf(input: Input): Case {
    const { cases } = this.target;
    return cases[index(input.case, cases.length)];
  }

  /** Runs every case as it is: what a process opens once is open by then. Returns the verdicts. */
  async warmUp(): Promise<Verdict[]> {
    const verdicts: Verdict[] = [];
    for (const start of this.target.cases)
      verdicts.push(await this.runOn(start, { ...start, args: start.args ?? [], changed: [] }));
    return verdicts;
  }

  async run(input: Input): Promise<Verdict> {
    const start = this.caseOf(input);
    return this.runOn(start, broken(start, input));
  }

  private async runOn(start: Case, { files, args, changed }: Broken): Promise<Verdict> {
    const { target } = this;
    const dir = join(this.dir, String(target.cases.indexOf(start)));
    if (!target.inMemory) this.write(start, dir, files, changed);
    const former = process.cwd();
    if (target.isCommand) process.chdir(dir);
    const heard = (error: unknown) => void this.unhandled.push(error);
    process.on('unhandledRejection', heard);
    const open = openFiles();
    const memory = process.memoryUsage.rss();
    try {
      const verdict = await this.verdictOf(start, dir, files, args);
      await setImmediate();
      if (typeof verdict !== 'string') return verdict;
      const fault = (what: string, message: string): Fault => ({ what, message });
      const [rejected] = this.unhandled;
      if (this.unhandled.length > 0) return fault('unhandled rejection', lineOf(rejected));
      if (process.memoryUsage.rss() - memory > MEMORY) return fault('memory', `takes more than ${MEMORY} bytes`);
      if (await stayOpen(open)) return fault('files left open', `${openFiles() - open} more than before`);
      return verdict;
    } finally {
      process.off('unhandledRejection', heard);
      this.unhandled = [];
      process.chdir(former);
      if (!target.inMemory) this.restore(start, dir, changed);
    }
  }

  private async verdictOf(start: Case, dir: string, files: Files, args: readonly string[]): Promise<Verdict> {
    const { target } = this;
    try {
      const said = await target.run({ dir, files, args });
      return judgeWords(said?.err ?? '');
    } catch (error) {
      const paths = [...start.files.keys()].map((path) => path.slice(path.lastIndexOf('/') + 1));
      // What a broken command line gives for a path is the name of a file as well.
      const words = args.slice(1).map((word) => word.slice(word.indexOf('=') + 1));
      const names = [dir, ...paths, ...words.filter((word) => word.trim() !== '')];
      const verdict = judgeRefusal(error, lineOf(error), names);
      const left = target.leftover?.(dir, error);
      return verdict === 'refused' && left
        ? { what: 'left behind', message: `${left} after ${lineOf(error)}` }
        : verdict;
    }
  }

  private write(start: Case, dir: string, files: Files, changed: readonly string[]): void {
    if (!this.made.has(start)) {
      mkdirSync(dir, { recursive: true });
      writeInto(dir, start.files);
      this.made.add(start);
    }
    for (const path of changed) put(dir, path, files.get(path));
  }

  /** Commands may write anywhere in the folder; readers do not. */
  private restore(start: Case, dir: string, changed: readonly string[]): void {
    if (this.target.isCommand) {
      rmSync(dir, { recursive: true, force: true });
      this.made.delete(start);
    } else for (const path of changed) put(dir, path, start.files.get(path));
  }
}

/** Makes what is at a path this content: null is a folder, undefined is nothing. */
function put(dir: string, path: string, content: Uint8Array | null | undefined): void {
  const full = join(dir, path);
  if (content) {
    try {
      writeFileSync(full, content);
      return;
    } catch {
      // A folder is in its place.
    }
  }
  rmSync(full, { recursive: true, force: true });
  if (content === null) mkdirSync(full);
  else if (content) {
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, content);
  }
}
