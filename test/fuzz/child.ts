// The process that inputs are fed in. It may hang, run out of memory or crash: `supervisor.ts` watches it from outside.
import { mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { setBackend } from '../../core/index.js';
import { openBackend } from '../../kernels/index.js';
import { inputs, type Input } from './edits.js';
import { makeSeeds, writeInto } from './seeds.js';
import { targetsOf, type Target } from './targets.js';
import { broken, Trial } from './trial.js';
import { kindOf, type Fault, type Verdict } from './verdict.js';

/** Inputs number `from` to below `end` of a batch of a target; they depend on nothing else. */
export interface Job {
  readonly target: string;
  readonly seed: number;
  readonly from: number;
  readonly end: number;
  /** They are known to be this fault, and only saved. */
  readonly known?: string;
}

export interface FoundFault extends Fault {
  readonly target: string;
  readonly kind: string;
  readonly seed: number;
  readonly index: number;
  /** Where the smallest such input lies. */
  readonly saved: string;
}

export interface Report {
  readonly inputs: number;
  readonly accepted: number;
  readonly refused: number;
  readonly faults: FoundFault[];
}

/** Inputs of a batch; how far fast-check's values are small depends on their number in it. */
export const BATCH = 250;

/** Milliseconds that are spent to make the first fault of a kind small. */
const SHRINKING = 3000;

export interface ChildOptions {
  /** A folder of its own, on a fast disk. */
  readonly dir: string;
  /** Where faults are saved. */
  readonly faults: string;
}

const isFault = (verdict: Verdict): verdict is Fault => typeof verdict !== 'string';
const slug = (text: string): string => text.replace(/[^\w.]+/g, '-').slice(0, 100);

/** Feeds inputs, and remembers the kinds of faults that it has seen. */
export class Feeder {
  private readonly trials = new Map<string, Trial>();
  private readonly seen = new Map<string, string>();

  private constructor(
    readonly targets: readonly Target[],
    private readonly options: ChildOptions,
    private readonly before: (index: number) => void,
  ) {}

  /** @param before called before each input is fed, with its number */
  static async open(options: ChildOptions, before: (index: number) => void = () => undefined): Promise<Feeder> {
    setBackend(await openBackend('wasm', { threads: 1 }));
    return new Feeder(targetsOf(await makeSeeds(join(options.dir, 'seeds'))), options, before);
  }

  async feed({ target: name, seed, from, end, known }: Job): Promise<Report> {
    const target = this.targets.find((other) => other.name === name)!;
    const arbitrary = inputs(target.isCommand ?? false);
    const trial = await this.trialOf(target);
    const tally = { accepted: 0, refused: 0 };
    const faults: FoundFault[] = [];
    const drawn = fc.sample(arbitrary, { seed, numRuns: end });
    for (let index = from; index < end; index++) {
      this.before(index);
      const verdict: Verdict = known ? { what: known, message: known } : await trial.run(drawn[index]);
      if (isFault(verdict)) {
        const kind = `${name}: ${kindOf(verdict)}`;
        const saved =
          this.seen.get(kind) ?? this.save(kind, target, known ? drawn[index] : await smallest(index, verdict));
        this.seen.set(kind, saved);
        faults.push({ ...verdict, target: name, kind, seed, index, saved });
      } else tally[verdict]++;
    }
    return { inputs: end - from, ...tally, faults };

    async function smallest(index: number, fault: Fault): Promise<Input> {
      // fast-check's limit of time leaves the last trial running.
      let last: Promise<Verdict> = Promise.resolve('accepted');
      const isOther = async (input: Input) => {
        const verdict = await (last = trial.run(input));
        return !isFault(verdict) || kindOf(verdict) !== kindOf(fault);
      };
      const parameters = { seed, path: String(index), numRuns: 1, interruptAfterTimeLimit: SHRINKING };
      const { counterexample } = await fc.check(fc.asyncProperty(arbitrary, isOther), parameters);
      await last;
      return counterexample?.[0] ?? drawn[index];
    }
  }

  private async trialOf(target: Target): Promise<Trial> {
    const found = this.trials.get(target.name);
    if (found) return found;
    const trial = new Trial(target, join(this.options.dir, slug(target.name)));
    this.trials.set(target.name, trial);
    await trial.warmUp();
    return trial;
  }

  /** Writes the files of an input, and how they were made. Returns the folder. */
  private save(kind: string, target: Target, input: Input): string {
    const folder = join(this.options.faults, slug(kind));
    const start = this.trials.get(target.name)!.caseOf(input);
    const { files, args } = broken(start, input);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    writeInto(join(folder, 'files'), files);
    writeFileSync(join(folder, 'input.json'), JSON.stringify({ kind, target: target.name, args, input }, null, 2));
    return folder;
  }
}

/** Takes jobs from the parent process and sends reports. `slate` is a file with the number of the input that is being fed. */
export async function child(options: ChildOptions, slate: string): Promise<void> {
  const file = openSync(slate, 'w');
  const number = new Uint32Array(2);
  const feeder = await Feeder.open(options, (index) => {
    number[0] = index;
    number[1]++;
    writeSync(file, number, 0, 8, 0);
  });
  process.on('message', (job: Job) => {
    void feeder.feed(job).then(
      (report) => process.send!(report),
      (error: unknown) => process.send!({ failed: String((error as Error).stack) }),
    );
  });
  process.send!({ ready: true });
}
