// Labelled examples on disk, tokenised once: each distinct text as a block of a token file, and which texts go together.
//
//   texts/         a token file (retromae/train): a document a text
//   examples.bin   int32: for each example its query, the numbers of positives and negatives, and these texts
//   scores.bin     float32, in that order: a teacher's scores, where all examples have them
//   clusters.bin   uint32: which texts say nearly the same, where somebody looked (near-duplicates.ts)
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isThere, writeFileAtomic, type TrainingExample, type WordPiece } from '../data/index.js';
import type { Random } from '../core/index.js';
import { TokenFile, writeTokens, type TokenisedDocument } from '../train/index.js';
import type { Group } from './groups.js';
import { readClusters } from './near-duplicates.js';

/** Texts by their numbers in the file. */
export interface StoredExample {
  readonly query: number;
  readonly positives: Int32Array;
  readonly negatives: Int32Array;
  /** Of the positives, then of the negatives. */
  readonly scores?: Float32Array;
}

interface Prompts {
  readonly queryPrompt: string;
  readonly documentPrompt: string;
}

export interface WriteExamplesOptions extends Prompts {
  /** Tokens of a query, and of a passage, without [CLS] and [SEP]. */
  readonly queryTokens: number;
  readonly passageTokens: number;
  /** More passages, of no example. */
  readonly corpus?: AsyncIterable<string>;
}

const EXAMPLES = 'examples.bin';
const SCORES = 'scores.bin';

export const hasExamples = (dir: string): Promise<boolean> => isThere(join(dir, EXAMPLES));
export const hasScores = (dir: string): Promise<boolean> => isThere(join(dir, SCORES));

/** Writes examples as they stream by; the file that says which texts go together comes last. */
export async function writeExamples(
  dir: string,
  tokenizer: WordPiece,
  examples: AsyncIterable<TrainingExample>,
  { queryTokens, passageTokens, queryPrompt, documentPrompt, corpus }: WriteExamplesOptions,
): Promise<void> {
  const numbers = new Map<string, number>();
  const rows: number[] = [];
  const scores: number[] = [];
  let [count, scored] = [0, 0];
  let fresh: TokenisedDocument[] = [];
  const numberOf = (prompt: string, text: string, room: number, role: string): number => {
    // Texts may be many and long: what tells them apart is a hash.
    const key = createHash('sha256').update(`${role}${text}`).digest('base64').slice(0, 22);
    const known = numbers.get(key);
    if (known !== undefined) return known;
    const own = Int32Array.from(tokenizer.encode(prompt + text)).slice(0, room);
    // A text of which the vocabulary has nothing is one word that it does not know.
    const ids = own.length > 0 ? own : Int32Array.of(tokenizer.unk);
    fresh.push({ title: new Int32Array(), blocks: [{ ids, sentences: Int32Array.of(0) }] });
    numbers.set(key, numbers.size);
    return numbers.size - 1;
  };
  const passages = (all: readonly string[]) => all.map((text) => numberOf(documentPrompt, text, passageTokens, 'p'));
  async function* texts(): AsyncGenerator<TokenisedDocument> {
    for await (const example of examples) {
      const query = numberOf(queryPrompt, example.query, queryTokens, 'q');
      const [positives, negatives] = [passages(example.positives), passages(example.negatives)];
      rows.push(query, positives.length, negatives.length, ...positives, ...negatives);
      if (example.scores) {
        scores.push(...example.scores);
        scored++;
      }
      count++;
      yield* fresh;
      fresh = [];
    }
    for await (const text of corpus ?? []) {
      passages([text]);
      yield* fresh;
      fresh = [];
    }
  }
  await writeTokens(join(dir, 'texts'), tokenizer, texts());
  if (scored === count) await writeScores(dir, Float32Array.from(scores));
  await writeFileAtomic(join(dir, EXAMPLES), bytesOf(Int32Array.from(rows)));
}

/** Writes a teacher's scores of all examples in a folder, in their order. */
export const writeScores = (dir: string, scores: Float32Array): Promise<void> =>
  writeFileAtomic(join(dir, SCORES), bytesOf(scores));

export const bytesOf = ({ buffer }: Float32Array | Int32Array): Uint8Array => new Uint8Array(buffer);
export const floatsIn = (bytes: Uint8Array): Float32Array => new Float32Array(Uint8Array.from(bytes).buffer);

/** Examples that `writeExamples` wrote. */
export class ExampleFile {
  /** By the number of a query, all texts that answer it, in whatever example. */
  private readonly known = new Map<number, Set<number>>();
  /** By the number of a query, negatives instead of those that its examples have: mined ones. */
  mined?: ReadonlyMap<number, Int32Array>;

  private readonly examples: readonly StoredExample[];
  readonly hasScores: boolean;
  /** Examples without negatives, which a teacher's scores teach nothing. */
  readonly leftOut: number;

  private constructor(
    readonly texts: TokenFile,
    all: readonly StoredExample[],
    isTaught: boolean,
    private readonly clusters: Uint32Array | undefined,
  ) {
    for (const { query, positives } of all) {
      const known = this.known.get(query) ?? new Set();
      positives.forEach((text) => known.add(text));
      this.known.set(query, known);
    }
    this.hasScores = all.every(({ scores }) => scores !== undefined);
    this.examples = isTaught ? all.filter(({ negatives }) => negatives.length > 0) : all;
    this.leftOut = all.length - this.examples.length;
  }

  get length(): number {
    return this.examples.length;
  }

  /** The distinct queries, each with all texts that answer it. */
  get queries(): ReadonlyMap<number, ReadonlySet<number>> {
    return this.known;
  }

  /** All texts that are no queries. */
  get passages(): number[] {
    return Array.from({ length: this.texts.length }, (_, text) => text).filter((text) => !this.known.has(text));
  }

  /** The tokens of one text after the other, but for those of its prompt. */
  *withoutPrompts({ queryPrompt, documentPrompt }: Prompts): Generator<ArrayLike<number>> {
    const { tokenizer, length } = this.texts;
    const [ofQuery, ofPassage] = [queryPrompt, documentPrompt].map((prompt) => tokenizer.encode(prompt).length);
    for (let text = 0; text < length; text++)
      yield Array.from(this.idsOf(text)).slice(this.known.has(text) ? ofQuery : ofPassage);
  }

  /** The most negatives that an example has. */
  get mostNegatives(): number {
    return this.examples.reduce((most, { negatives }) => Math.max(most, negatives.length), 0);
  }

  at(index: number): StoredExample | undefined {
    return this.examples[index];
  }

  /** The example as a query with one of its positives and so many negatives: its own, or if it has none any text. */
  group(example: StoredExample, random: Random, wanted: number): Group {
    const { query, positives } = example;
    const mined = this.mined?.get(query);
    const { negatives, scores = undefined } = mined ? { negatives: mined } : example;
    const answers = this.known.get(query)!;
    const positive = random.below(positives.length);
    const places = Array.from(negatives.keys());
    random.shuffle(places);
    const drawn = Array.from({ length: wanted }, (_, i) =>
      places.length > 0 ? places[i % places.length] : this.other(answers, random),
    );
    // Of another example's passages, one that says nearly what an answer says is no negative either.
    const known = new Set(Array.from([query, ...answers], (text) => this.keyOf(text)));
    const numbers = [positives[positive], ...drawn.map((place) => (places.length > 0 ? negatives[place] : place))];
    return {
      query: this.idsOf(query),
      passages: numbers.map((text) => this.idsOf(text)),
      keys: numbers.map((text) => this.keyOf(text)),
      isKnown: (key) => known.has(key),
      ...(scores && { scores: [scores[positive], ...drawn.map((place) => scores[positives.length + place])] }),
    };
  }

  close(): void {
    this.texts.close();
  }

  /** A passage that is no answer: a positive of another example. */
  private other(answers: ReadonlySet<number>, random: Random): number {
    for (let tries = 0; tries < 100; tries++) {
      const { positives } = this.examples[random.below(this.length)];
      const text = positives[random.below(positives.length)];
      if (!answers.has(text)) return text;
    }
    return this.examples[0].positives[0];
  }

  /** What texts that say nearly the same have in common, where somebody looked; else their number. */
  keyOf(text: number): number {
    return this.clusters?.[text] ?? text;
  }

  /** The tokens of a text, its prompt included. */
  idsOf(text: number): ArrayLike<number> {
    const example = this.texts.at(text);
    return 'ids' in example ? example.ids : example;
  }

  /** @param isTaught whether examples without negatives are left out @throws if the files are not whole */
  static async open(dir: string, isTaught = false): Promise<ExampleFile> {
    const texts = await TokenFile.open(join(dir, 'texts'));
    const rows = new Int32Array(Uint8Array.from(await readFile(join(dir, EXAMPLES))).buffer);
    const scores = (await hasScores(dir)) ? floatsIn(await readFile(join(dir, SCORES))) : undefined;
    const examples: StoredExample[] = [];
    for (let at = 0, score = 0; at < rows.length;) {
      const [query, positive, negative] = rows.subarray(at, at + 3);
      const from = at + 3;
      at = from + positive + negative;
      examples.push({
        query,
        positives: rows.subarray(from, from + positive),
        negatives: rows.subarray(from + positive, at),
        ...(scores && { scores: scores.subarray(score, (score += positive + negative)) }),
      });
      if (at > rows.length || query >= texts.length)
        throw new Error(`${join(dir, EXAMPLES)}: is not whole. Delete the folder ${dir}; --resume makes it again.`);
    }
    return new ExampleFile(texts, examples, isTaught, await readClusters(dir));
  }
}
