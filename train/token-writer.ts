// Writes a tokenised corpus as it streams by: see token-file.ts for what is in its folder.
import { open, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { tokenizerFiles, writeDirAtomic, type DataCounts, type PackedBlock, type WordPiece } from '../data/index.js';
import { asJson } from '../hub/index.js';
import { columns, FORMAT, type About, type ColumnName } from './token-file.js';

/** A document in blocks. */
export interface TokenisedDocument {
  /** Tokens of its title. */
  readonly title: Int32Array;
  readonly blocks: Iterable<PackedBlock>;
}

/** Numbers that are written at once. */
const FLUSH = 1 << 18;

/** A file of numbers of one type, written many at a time. */
class Column {
  private filled = 0;
  /** Numbers in all. */
  length = 0;

  private constructor(
    private readonly file: FileHandle,
    private readonly held: Uint8Array | Uint32Array | Int32Array,
  ) {}

  static async open(dir: string, name: ColumnName): Promise<Column> {
    const { file, type } = columns[name];
    return new Column(await open(join(dir, file), 'w'), new type(FLUSH));
  }

  async push(values: ArrayLike<number>): Promise<void> {
    this.length += values.length;
    for (let i = 0; i < values.length; i++) {
      this.held[this.filled++] = values[i];
      if (this.filled === FLUSH) await this.flush();
    }
  }

  async close(): Promise<void> {
    await this.flush().finally(() => this.file.close());
  }

  private async flush(): Promise<void> {
    const { buffer, BYTES_PER_ELEMENT } = this.held;
    // Unlike write and writev, writeFile goes on until all is written: a disk that fills up is found out.
    await this.file.writeFile(new Uint8Array(buffer, 0, BYTES_PER_ELEMENT * this.filled));
    this.filled = 0;
  }
}

/**
 * Writes documents into a new folder, which appears whole or not at all.
 * @param words whether blocks say which tokens go on with a word
 * @throws if there are none
 */
export async function writeTokens(
  dir: string,
  tokenizer: WordPiece,
  documents: Iterable<TokenisedDocument> | AsyncIterable<TokenisedDocument>,
  {
    words = false,
    counts,
  }: {
    words?: boolean;
    /** Of the corpus, asked for when all documents are taken. */
    counts?: () => DataCounts;
  } = {},
): Promise<void> {
  await writeDirAtomic(dir, async (folder) => {
    const { longest, ...about } = await writeColumns(folder, documents, words);
    if (about.tokens === 0)
      throw new Error('the corpus has no text to train on. Is it the right file, and --field the right field?');
    for (const [name, content] of tokenizerFiles(tokenizer, longest + 2)) await writeFile(join(folder, name), content);
    await writeFile(join(folder, 'about.json'), asJson({ ...about, data: counts?.() } satisfies About));
  });
}

async function writeColumns(
  folder: string,
  documents: Iterable<TokenisedDocument> | AsyncIterable<TokenisedDocument>,
  words: boolean,
): Promise<Omit<About, 'data'> & { longest: number }> {
  const names = (Object.keys(columns) as ColumnName[]).filter((name) => words || name !== 'continues');
  const opened: [ColumnName, Column][] = [];
  let longest = 0;
  let [blocks, count] = [0, 0];
  try {
    for (const name of names) opened.push([name, await Column.open(folder, name)]);
    const to = Object.fromEntries(opened) as Record<ColumnName, Column>;
    for await (const document of documents) {
      const first = blocks;
      for (const { ids, sentences, continues } of document.blocks) {
        await to.tokens.push(ids);
        const ends = [...sentences.subarray(1), ids.length];
        await to.sentences.push(ends.map((end, i) => end - sentences[i]));
        await to.blocks.push([ids.length, sentences.length]);
        if (words) await to.continues.push(continues ?? new Uint8Array(ids.length));
        longest = Math.max(longest, ids.length);
        blocks++;
      }
      if (blocks === first) continue;
      await to.titles.push(document.title);
      await to.documents.push([blocks - first, document.title.length]);
      count++;
    }
    const { tokens, sentences, titles } = to;
    return {
      format: FORMAT,
      words,
      blocks,
      documents: count,
      tokens: tokens.length,
      sentences: sentences.length,
      titles: titles.length,
      longest,
    };
  } finally {
    for (const [, column] of opened) await column.close();
  }
}
