// A tokenised corpus on disk: written once as it streams by, read block by block, so that it need not fit into memory.
//
// A folder with tokens.bin (int32, little-endian, all blocks end to end), lengths.bin (uint32 a block) and about.json.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Examples } from './batches.js';
import { writeDirAtomic } from './run/atomic.js';

interface About {
  format: 'retromae-tokens-1';
  blocks: number;
  tokens: number;
}

export class TokenFile implements Examples {
  /** Where each block begins, in tokens; one more than there are blocks. */
  private readonly starts: Float64Array;

  private constructor(
    private readonly file: number,
    readonly about: About,
    lengths: Uint32Array,
  ) {
    this.starts = new Float64Array(lengths.length + 1);
    lengths.forEach((length, i) => (this.starts[i + 1] = this.starts[i] + length));
  }

  get length(): number {
    return this.about.blocks;
  }

  /** Number of tokens in all blocks. */
  get tokens(): number {
    return this.about.tokens;
  }

  at(index: number): Int32Array {
    const [start, end] = [this.starts[index], this.starts[index + 1]];
    const ids = new Int32Array(end - start);
    readSync(this.file, ids, 0, ids.byteLength, 4 * start);
    return ids;
  }

  close(): void {
    closeSync(this.file);
  }

  /** Writes blocks into a new folder, which appears whole or not at all. @throws if there is none */
  static async write(dir: string, blocks: Iterable<Int32Array> | AsyncIterable<Int32Array>): Promise<void> {
    await writeDirAtomic(dir, async (folder) => {
      const file = await open(join(folder, 'tokens.bin'), 'w');
      const lengths: number[] = [];
      let tokens = 0;
      try {
        let waiting: Int32Array[] = [];
        let held = 0;
        const flush = async () => {
          if (held > 0) await file.writev(waiting);
          [waiting, held] = [[], 0];
        };
        for await (const block of blocks) {
          lengths.push(block.length);
          tokens += block.length;
          waiting.push(block);
          held += block.length;
          if (held > 1 << 18) await flush();
        }
        await flush();
      } finally {
        await file.close();
      }
      if (tokens === 0)
        throw new Error('the corpus has no text to train on. Is it the right file, and --field the right field?');
      await writeFile(join(folder, 'lengths.bin'), Uint32Array.from(lengths));
      const about: About = { format: 'retromae-tokens-1', blocks: lengths.length, tokens };
      await writeFile(join(folder, 'about.json'), JSON.stringify(about));
    });
  }

  /** Opens a folder that `write` made. @throws if it is not whole */
  static async open(dir: string): Promise<TokenFile> {
    const about = JSON.parse(await readFile(join(dir, 'about.json'), 'utf8')) as About;
    const bytes = readFileSync(join(dir, 'lengths.bin'));
    if (about.format !== 'retromae-tokens-1' || bytes.byteLength !== 4 * about.blocks)
      throw new Error(`${dir}: not a whole tokenised corpus. Delete the folder; it is made again from --corpus.`);
    const lengths = new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    return new TokenFile(openSync(join(dir, 'tokens.bin'), 'r'), about, lengths);
  }
}
