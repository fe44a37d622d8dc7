// A tokenised corpus on disk: written once as it streams by, read block by block, so that it need not fit into memory.
//
// A folder with a column of numbers a file, little-endian; the files of the tokenizer that made the ids; and about.json:
//   tokens.bin     int32, all blocks end to end            titles.bin     int32, all titles end to end
//   blocks.bin     uint32, of a block: tokens, sentences   documents.bin  uint32, of a document: blocks, tokens of its title
//   sentences.bin  uint32, tokens of each sentence         words.bin      uint8, a token: 1 where it goes on with a word
//
// Version 0.1 wrote tokens.bin and lengths.bin (uint32, tokens of a block) alone: of its blocks nothing more is known.
import { closeSync, openSync, readSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  isDataCounts,
  loadTokenizer,
  readError,
  readJsonObject,
  type DataCounts,
  type WordPiece,
} from '../data/index.js';
import type { Example, Examples, Passage } from '../retromae/index.js';

export const FORMAT = 'retromae-tokens-2';
const FORMER = 'retromae-tokens-1';

export const columns = {
  tokens: { file: 'tokens.bin', type: Int32Array },
  blocks: { file: 'blocks.bin', type: Uint32Array },
  sentences: { file: 'sentences.bin', type: Uint32Array },
  documents: { file: 'documents.bin', type: Uint32Array },
  titles: { file: 'titles.bin', type: Int32Array },
  continues: { file: 'words.bin', type: Uint8Array },
} as const;
export type ColumnName = keyof typeof columns;

/** How many there are of each. */
export interface About {
  readonly format: typeof FORMAT;
  readonly blocks: number;
  readonly documents: number;
  readonly tokens: number;
  readonly sentences: number;
  /** Tokens of all titles. */
  readonly titles: number;
  /** Whether words.bin is there. */
  readonly words: boolean;
  /** What the corpus was; 0.1 did not count it. */
  readonly data?: DataCounts;
}

/** A file of which parts are read. */
class Reader {
  private readonly file: number;

  constructor(
    private readonly path: string,
    private readonly type: (typeof columns)[ColumnName]['type'],
  ) {
    this.file = openSync(path, 'r');
  }

  /** Numbers from .. to - 1. @throws if the file became shorter while it was open */
  read<T extends Int32Array | Uint32Array | Uint8Array>(from: number, to: number): T {
    const values = new this.type(to - from);
    const { BYTES_PER_ELEMENT: bytes, byteLength } = values;
    if (readSync(this.file, values, 0, byteLength, bytes * from) < byteLength)
      throw new Error(`${this.path}: became shorter while it was read. Start the run again in a new folder.`);
    return values as T;
  }

  close(): void {
    closeSync(this.file);
  }
}

/** Where each of several stretches begins, one more than there are. */
function startsOf(lengths: Uint32Array): Float64Array {
  const starts = new Float64Array(lengths.length + 1);
  lengths.forEach((length, i) => (starts[i + 1] = starts[i] + length));
  return starts;
}

/** What is known beside tokens: starts of blocks in sentences.bin, of documents in blocks and in titles.bin. */
interface Structure {
  readonly sentences: Float64Array;
  readonly documents: Float64Array;
  readonly titles: Float64Array;
  /** The document of each block. */
  readonly documentOf: Uint32Array;
}

export class TokenFile implements Examples {
  private constructor(
    /** Where each block begins, in tokens. */
    private readonly starts: Float64Array,
    private readonly readers: Partial<Record<ColumnName, Reader>>,
    private readonly structure: Structure | undefined,
    readonly tokenizer: WordPiece,
    /** What the corpus was, if whoever wrote the file counted it. */
    readonly counts?: DataCounts,
  ) {}

  get length(): number {
    return this.starts.length - 1;
  }

  /** Number of tokens in all blocks. */
  get tokens(): number {
    return this.starts[this.length];
  }

  /** @throws if the file cannot be read, or became shorter while it was open */
  at(index: number): Example {
    const { structure } = this;
    return structure ? this.passage(index, structure) : this.ids(index);
  }

  private ids(index: number): Int32Array {
    return this.readers.tokens!.read(this.starts[index], this.starts[index + 1]);
  }

  private passage(index: number, structure: Structure): Passage {
    const { starts, readers } = this;
    const document = structure.documentOf[index];
    const [first, next] = structure.documents.subarray(document, document + 2);
    const lengths = readers.sentences!.read<Uint32Array>(structure.sentences[index], structure.sentences[index + 1]);
    const [from, to] = structure.titles.subarray(document, document + 2);
    return {
      ids: this.ids(index),
      sentences: startsOf(lengths).subarray(0, -1),
      ...(readers.continues && { continues: readers.continues.read(starts[index], starts[index + 1]) }),
      // The first block of a document begins with its title.
      title: index === first ? [] : readers.titles!.read(from, to),
      heading: index === first ? Math.min(to - from, starts[index + 1] - starts[index]) : 0,
      documentId: document,
      siblings: { count: next - first, place: index - first, at: (place) => this.passage(first + place, structure) },
    };
  }

  close(): void {
    for (const reader of Object.values(this.readers)) reader.close();
  }

  /** Opens a folder that `writeTokens`, or version 0.1, made. @throws if it is not whole */
  static async open(dir: string): Promise<TokenFile> {
    const about = await readJsonObject(join(dir, 'about.json'));
    const tokenizer = await loadTokenizer(dir);
    const { data } = about;
    const whole = data === undefined || isDataCounts(data);
    const found = whole && (about.format === FORMER ? await openFormer(dir, about) : await openColumns(dir, about));
    if (!found)
      throw new Error(
        `${dir}: not a whole tokenised corpus. Delete the folder; --resume makes it again from the corpus.`,
      );
    return new TokenFile(found.starts, found.readers, found.structure, tokenizer, data);
  }
}

type Opened = { starts: Float64Array; readers: Partial<Record<ColumnName, Reader>>; structure?: Structure };

const bytesOf = (dir: string, file: string): Promise<number> =>
  stat(join(dir, file)).then(
    ({ size }) => size,
    (error: unknown) => {
      throw readError(dir, error);
    },
  );

async function numbersIn(dir: string, file: string): Promise<Uint32Array> {
  const bytes = await readFile(join(dir, file)).catch((error: unknown) => {
    throw readError(dir, error);
  });
  return new Uint32Array(new Uint8Array(bytes.subarray(0, 4 * Math.floor(bytes.length / 4))).buffer);
}

const readerOf = (dir: string, name: ColumnName): Reader =>
  new Reader(join(dir, columns[name].file), columns[name].type);

/** @returns nothing where it is not whole */
async function openFormer(dir: string, { blocks, tokens }: Record<string, unknown>): Promise<Opened | undefined> {
  const size = await bytesOf(dir, 'lengths.bin');
  const starts = startsOf(await numbersIn(dir, 'lengths.bin'));
  const isWhole =
    size / 4 === blocks && starts.at(-1) === tokens && (await bytesOf(dir, columns.tokens.file)) / 4 === tokens;
  return isWhole ? { starts, readers: { tokens: readerOf(dir, 'tokens') } } : undefined;
}

/** @returns nothing where it is not whole */
async function openColumns(dir: string, given: Record<string, unknown>): Promise<Opened | undefined> {
  if (given.format !== FORMAT) return undefined;
  const about = given as unknown as About;
  const numbers: Record<ColumnName, number> = {
    ...{ tokens: about.tokens, blocks: 2 * about.blocks, sentences: about.sentences },
    ...{ documents: 2 * about.documents, titles: about.titles, continues: about.words ? about.tokens : 0 },
  };
  const names = (Object.keys(columns) as ColumnName[]).filter((name) => about.words || name !== 'continues');
  for (const name of names) {
    const { file, type } = columns[name];
    if ((await bytesOf(dir, file)) !== type.BYTES_PER_ELEMENT * numbers[name]) return undefined;
  }
  const ofBlocks = await numbersIn(dir, columns.blocks.file);
  const ofDocuments = await numbersIn(dir, columns.documents.file);
  const every = (values: Uint32Array, side: number) => startsOf(values.filter((_, i) => i % 2 === side));
  const starts = every(ofBlocks, 0);
  const structure = {
    sentences: every(ofBlocks, 1),
    documents: every(ofDocuments, 0),
    titles: every(ofDocuments, 1),
    documentOf: new Uint32Array(about.blocks),
  };
  const { sentences, documents, titles, documentOf } = structure;
  const isWhole =
    starts.at(-1) === about.tokens &&
    sentences.at(-1) === about.sentences &&
    documents.at(-1) === about.blocks &&
    titles.at(-1) === about.titles;
  if (!isWhole) return undefined;
  for (let d = 0; d < about.documents; d++) documentOf.fill(d, documents[d], documents[d + 1]);
  const readers = ['tokens', 'sentences', 'titles', ...(about.words ? ['continues' as const] : [])] as ColumnName[];
  return { starts, structure, readers: Object.fromEntries(readers.map((name) => [name, readerOf(dir, name)])) };
}
