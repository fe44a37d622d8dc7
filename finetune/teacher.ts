// A teacher's scores of all that a student will see, made once before it trains: killed or stopped, it goes on.
//
//   teacher/N-M.bin   float32: the scores of the examples from N to below M, as in scores.bin, while they are made
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { isThere, writeFileAtomic, type TrainingExample } from '../data/index.js';
import { isCross, loadCross } from '../hub/index.js';
import { CrossScorer, FlatIndex } from '../retrieval/index.js';
import { formatCount, type Observer } from '../train/index.js';
import { bytesOf, ExampleFile, floatsIn, hasScores, writeScores, type StoredExample } from './example-file.js';
import { folderEncoder } from './folder-encoder.js';

/** Who says how well each passage answers a query: the higher the better. */
export interface Teacher {
  scores(query: string, passages: readonly string[]): Promise<ArrayLike<number>>;
}

export interface TeachingHooks extends Observer {
  /** Of how many examples there are scores. */
  scored?(done: number, total: number): void;
}

/** Milliseconds after which scores are saved, and for which Ctrl-C may have to wait. */
const SAVED = 10_000;
const DEAF = 100;

const partsOf = (dir: string): string => join(dir, 'teacher');

/** Whether a folder has scores of a teacher, some or all. */
export const hasTaught = async (dir: string): Promise<boolean> => (await isThere(partsOf(dir))) || hasScores(dir);

/**
 * The teacher of a folder: a cross-encoder, whose scores are taken before any sigmoid, so that their distances mean
 * something; or an encoder, whose vectors are compared as its folder says.
 * @throws as `loadCross`, `loadModel`, or for DupMAE's representation
 */
export async function openTeacher(dir: string): Promise<Teacher> {
  if (await isCross(dir)) {
    const { model, tokenizer, maxLength } = await loadCross(dir);
    return new CrossScorer(model, tokenizer, { maxLength });
  }
  const { encoder, similarity } = await folderEncoder(dir);
  return {
    async scores(query, passages) {
      const vectors = await encoder.encode(passages, { role: 'document' });
      const index = new FlatIndex(
        Array.from(passages, (_, i) => String(i)),
        vectors,
        encoder.dim,
        { similarity },
      );
      const [hits] = index.search(await encoder.encode([query], { role: 'query' }), passages.length);
      const scores = new Float32Array(passages.length).fill(NaN);
      for (const { id, score } of hits) scores[Number(id)] = score;
      return scores;
    },
  };
}

/**
 * Writes the teacher's scores beside examples that `writeExamples` wrote.
 * @param examples these very examples, as texts
 * @throws if they are others, a score is no number, or it is aborted: what is done is saved then
 */
export async function writeTeacherScores(
  dir: string,
  teacher: Teacher,
  examples: AsyncIterable<TrainingExample>,
  hooks: TeachingHooks,
): Promise<void> {
  const file = await ExampleFile.open(dir);
  try {
    const scores = new PairScores(file);
    await mkdir(partsOf(dir), { recursive: true });
    await new Scoring(dir, file, scores, hooks).run(teacher, examples);
    await writeScores(dir, scores.of(0, file.length));
  } finally {
    file.close();
  }
  await rm(partsOf(dir), { recursive: true });
}

/** Scores in parts: those that are there are read, the others made, and saved now and then. */
class Scoring {
  private saved = 0;

  constructor(
    private readonly dir: string,
    private readonly file: ExampleFile,
    private readonly scores: PairScores,
    private readonly hooks: TeachingHooks,
  ) {}

  async run(teacher: Teacher, examples: AsyncIterable<TrainingExample>): Promise<void> {
    const { file, scores, hooks } = this;
    await this.readParts();
    const there = this.saved > 0 ? `; those of ${formatCount(this.saved)} examples are there` : '';
    hooks.message?.(
      `The teacher scores ${formatCount(scores.pairs)} pairs in ${formatCount(file.length)} examples${there}.`,
    );
    const others = (): Error =>
      new Error(`${this.dir}: the examples are others than they were. Start another run in a new folder.`);
    let [done, writtenAt, heardAt] = [0, performance.now(), 0];
    try {
      for await (const example of examples) {
        const stored = file.at(done);
        if (
          stored?.positives.length !== example.positives.length ||
          stored.negatives.length !== example.negatives.length
        )
          throw others();
        if (done >= this.saved) await scores.make(stored, example, teacher);
        done++;
        hooks.scored?.(done, file.length);
        const now = performance.now();
        if (now - heardAt > DEAF) {
          await setImmediate();
          hooks.signal?.throwIfAborted();
          heardAt = now;
        }
        if (now - writtenAt > SAVED) {
          await this.save(done);
          writtenAt = now;
        }
      }
      if (done !== file.length) throw others();
    } catch (error) {
      if (hooks.signal?.aborted) {
        await this.save(done);
        hooks.message?.(`The scores of ${formatCount(this.saved)} examples are saved; --resume goes on.`);
      }
      throw error;
    }
  }

  private async save(done: number): Promise<void> {
    if (done <= this.saved) return;
    await writeFileAtomic(
      join(partsOf(this.dir), `${this.saved}-${done}.bin`),
      bytesOf(this.scores.of(this.saved, done)),
    );
    this.saved = done;
  }

  /** Those that follow each other from the first example on. */
  private async readParts(): Promise<void> {
    const folder = partsOf(this.dir);
    const parts = (await readdir(folder)).flatMap((name) => {
      const found = /^(\d+)-(\d+)\.bin$/.exec(name);
      return found ? [{ name, from: Number(found[1]), to: Number(found[2]) }] : [];
    });
    for (const { name, from, to } of parts.sort((a, b) => a.from - b.from)) {
      if (from !== this.saved || to > this.file.length) continue;
      this.scores.set(from, to, floatsIn(await readFile(join(folder, name))));
      this.saved = to;
    }
  }
}

/** A score for each pair of query and passage, however many examples have it. */
class PairScores {
  private readonly keys: Float64Array;
  private readonly values: Float32Array;

  constructor(private readonly file: ExampleFile) {
    const all: number[] = [];
    for (let i = 0; i < file.length; i++) for (const key of this.keysOf(file.at(i)!)) all.push(key);
    const sorted = Float64Array.from(all).sort();
    this.keys = sorted.filter((key, i) => key !== sorted[i - 1]);
    this.values = new Float32Array(this.keys.length).fill(NaN);
  }

  get pairs(): number {
    return this.keys.length;
  }

  /** Makes those of an example that are missing. @throws if one is no number */
  async make(stored: StoredExample, { query, positives, negatives }: TrainingExample, teacher: Teacher): Promise<void> {
    const texts = [...positives, ...negatives];
    const missing = new Map<number, string>();
    this.keysOf(stored).forEach((key, i) => {
      const place = this.placeOf(key);
      if (Number.isNaN(this.values[place])) missing.set(place, texts[i]);
    });
    if (missing.size === 0) return;
    const scores = await teacher.scores(query, [...missing.values()]);
    [...missing.keys()].forEach((place, i) => {
      if (!Number.isFinite(scores[i]))
        throw new Error(
          `teacher: the score of a passage is ${scores[i]}, expected a number. Check the teacher's weights.`,
        );
      this.values[place] = scores[i];
    });
  }

  /** The scores of some examples, one after the other. */
  of(from: number, to: number): Float32Array {
    const found: number[] = [];
    for (let i = from; i < to; i++)
      for (const key of this.keysOf(this.file.at(i)!)) found.push(this.values[this.placeOf(key)]);
    return Float32Array.from(found);
  }

  set(from: number, to: number, scores: Float32Array): void {
    let at = 0;
    for (let i = from; i < to; i++)
      for (const key of this.keysOf(this.file.at(i)!)) this.values[this.placeOf(key)] = scores[at++];
  }

  private keysOf({ query, positives, negatives }: StoredExample): number[] {
    return [...positives, ...negatives].map((passage) => query * this.file.texts.length + passage);
  }

  private placeOf(key: number): number {
    let [low, high] = [0, this.keys.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.keys[middle] < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
