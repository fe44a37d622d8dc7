// Mined negatives on disk, a file for each stretch of a run, so that its batches are a function of (seed, index, that file).
//
//   step-00000500.bin   int32: of one query after the other its number, how many negatives, and these texts
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isThere, readError, removePartials, writeFileAtomic } from '../data/index.js';

const FILE = /^step-(\d{8,})\.bin$/;

/** By the number of a query, its negatives. */
export type Negatives = ReadonlyMap<number, Int32Array>;

/** The negatives that a run mined, in a folder of its own. */
export class NegativesFolder {
  /** @param keep how many of the newest files stay */
  constructor(
    private readonly dir: string,
    private readonly keep: number,
  ) {}

  /** The file of the stretch that begins with a step. */
  pathOf(step: number): string {
    return join(this.dir, `step-${String(step).padStart(8, '0')}.bin`);
  }

  has(step: number): Promise<boolean> {
    return isThere(this.pathOf(step));
  }

  /** @throws WriteError naming the path */
  async write(step: number, negatives: Negatives): Promise<void> {
    await mkdir(this.dir, { recursive: true });
    const rows = [...negatives].flatMap(([query, texts]) => [query, texts.length, ...texts]);
    await writeFileAtomic(this.pathOf(step), new Uint8Array(Int32Array.from(rows).buffer));
    await this.remove((await this.steps()).slice(0, -this.keep));
  }

  /** Removes what lies beyond a step: whoever goes on from there makes it again. */
  async forgetAfter(step: number): Promise<void> {
    await this.remove((await this.steps()).filter((other) => other > step));
  }

  private async remove(steps: readonly number[]): Promise<void> {
    for (const step of steps) await rm(this.pathOf(step), { force: true });
  }

  /** Of all files, ascending. */
  private async steps(): Promise<number[]> {
    if (!(await isThere(this.dir))) return [];
    await removePartials(this.dir);
    return (await readdir(this.dir))
      .flatMap((name) => FILE.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
  }
}

/** @throws naming the file, if it is not there or not whole, or is of other texts */
export async function readNegatives(
  path: string,
  { texts: { length }, queries }: { texts: { length: number }; queries: ReadonlyMap<number, unknown> },
): Promise<Negatives> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw readError(path, error);
  });
  const rows = new Int32Array(Uint8Array.from(bytes.subarray(0, bytes.length - (bytes.length % 4))).buffer);
  const found = new Map<number, Int32Array>();
  for (let at = 0; at < rows.length;) {
    const [query, count] = rows.subarray(at, at + 2);
    const texts = rows.subarray(at + 2, at + 2 + count);
    const isWhole = queries.has(query) && texts.length === count && texts.every((text) => text >= 0 && text < length);
    if (!isWhole) break;
    found.set(query, texts);
    at += 2 + count;
  }
  if (
    found.size !== queries.size ||
    bytes.length !== 4 * [...found.values()].reduce((sum, one) => sum + 2 + one.length, 0)
  )
    throw new Error(
      `${path}: is not what was written, expected negatives of ${queries.size} queries. Copy it back, or begin another run in a new folder.`,
    );
  return found;
}
