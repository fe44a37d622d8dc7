// A tokenised corpus on disk: written once as it streams by, read block by block, so that it need not fit into memory.
//
// A folder with tokens.bin (int32, little-endian, all blocks end to end), lengths.bin (uint32 a block), the files of the
// tokenizer that made the ids, and about.json.
import { closeSync, openSync, readSync } from 'node:fs';
import { open, readFile, stat, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import {
  isDataCounts,
  loadTokenizer,
  readError,
  readJsonObject,
  tokenizerFiles,
  writeDirAtomic,
  type DataCounts,
  type WordPiece,
} from '../data/index.js';
import { asJson } from '../hub/index.js';
import type { Examples } from '../retromae/index.js';

interface About {
  format: 'retromae-tokens-1';
  blocks: number;
  tokens: number;
  /** What the corpus was; 0.1 did not count it. */
  data?: DataCounts;
}

const FORMAT = 'retromae-tokens-1';
/** Tokens that are written at once. */
const FLUSH = 1 << 18;

export class TokenFile implements Examples {
  /** Where each block begins, in tokens; one more than there are blocks. */
  private readonly starts: Float64Array;

  private constructor(
    private readonly path: string,
    private readonly file: number,
    readonly tokenizer: WordPiece,
    lengths: Uint32Array,
    /** What the corpus was, if whoever wrote the file counted it. */
    readonly counts?: DataCounts,
  ) {
    this.starts = new Float64Array(lengths.length + 1);
    lengths.forEach((length, i) => (this.starts[i + 1] = this.starts[i] + length));
  }

  get length(): number {
    return this.starts.length - 1;
  }

  /** Number of tokens in all blocks. */
  get tokens(): number {
    return this.starts[this.length];
  }

  /** @throws if the file cannot be read, or became shorter while it was open */
  at(index: number): Int32Array {
    const [start, end] = [this.starts[index], this.starts[index + 1]];
    const ids = new Int32Array(end - start);
    if (readSync(this.file, ids, 0, ids.byteLength, 4 * start) < ids.byteLength)
      throw new Error(`${this.path}: became shorter while it was read. Start the run again in a new folder.`);
    return ids;
  }

  close(): void {
    closeSync(this.file);
  }

  /**
   * Writes blocks into a new folder, which appears whole or not at all.
   * @param counts of the corpus, asked for when all blocks are taken
   * @throws if there are none
   */
  static async write(
    dir: string,
    tokenizer: WordPiece,
    blocks: Iterable<Int32Array> | AsyncIterable<Int32Array>,
    counts?: () => DataCounts,
  ): Promise<void> {
    await writeDirAtomic(dir, async (folder) => {
      const file = await open(join(folder, 'tokens.bin'), 'w');
      const lengths = await writeBlocks(file, blocks).finally(() => file.close());
      const tokens = lengths.reduce((sum, length) => sum + length, 0);
      if (tokens === 0)
        throw new Error('the corpus has no text to train on. Is it the right file, and --field the right field?');
      await writeFile(join(folder, 'lengths.bin'), Uint32Array.from(lengths));
      const longest = lengths.reduce((most, length) => Math.max(most, length), 0);
      for (const [name, content] of tokenizerFiles(tokenizer, longest + 2))
        await writeFile(join(folder, name), content);
      const about: About = { format: FORMAT, blocks: lengths.length, tokens, data: counts?.() };
      await writeFile(join(folder, 'about.json'), asJson(about));
    });
  }

  /** Opens a folder that `write` made. @throws if it is not whole */
  static async open(dir: string): Promise<TokenFile> {
    const { format, blocks, tokens, data } = await readJsonObject(join(dir, 'about.json'));
    const tokenizer = await loadTokenizer(dir);
    const path = join(dir, 'tokens.bin');
    const failed = (error: unknown) => {
      throw readError(dir, error);
    };
    const bytes = await readFile(join(dir, 'lengths.bin')).catch(failed);
    const { size } = await stat(path).catch(failed);
    const lengths = new Uint32Array(new Uint8Array(bytes.subarray(0, 4 * Math.floor(bytes.length / 4))).buffer);
    const isWhole =
      format === FORMAT &&
      bytes.length / 4 === blocks &&
      size / 4 === tokens &&
      lengths.reduce((sum, length) => sum + length, 0) === tokens &&
      (data === undefined || isDataCounts(data));
    if (!isWhole)
      throw new Error(
        `${dir}: not a whole tokenised corpus. Delete the folder; --resume makes it again from the corpus.`,
      );
    return new TokenFile(path, openSync(path, 'r'), tokenizer, lengths, data);
  }
}

/** Writes blocks end to end, many at a time. Returns how long each is. */
async function writeBlocks(
  file: FileHandle,
  blocks: Iterable<Int32Array> | AsyncIterable<Int32Array>,
): Promise<number[]> {
  const lengths: number[] = [];
  const held = new Int32Array(FLUSH);
  let filled = 0;
  const flush = async () => {
    // Unlike write and writev, writeFile goes on until all is written: a disk that fills up is found out.
    await file.writeFile(new Uint8Array(held.buffer, 0, 4 * filled));
    filled = 0;
  };
  for await (const block of blocks) {
    for (let from = 0; from < block.length;) {
      const part = block.subarray(from, from + FLUSH - filled);
      held.set(part, filled);
      filled += part.length;
      from += part.length;
      if (filled === FLUSH) await flush();
    }
    lengths.push(block.length);
  }
  await flush();
  return lengths;
}
