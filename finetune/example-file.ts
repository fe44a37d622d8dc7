// Labelled examples on disk, tokenised once: each distinct text as a block of a token file, and which texts go together.
//
//   texts/         a token file (retromae/train): a document a text
//   examples.bin   int32: for each example its query, the numbers of positives and negatives, and these texts
//   scores.bin     float32, in that order: a teacher's scores, where all examples have them
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isThere, writeFileAtomic, type TrainingExample, type WordPiece } from '../data/index.js';
import type { Random } from '../core/index.js';
import { TokenFile, writeTokens, type TokenisedDocument } from '../train/index.js';
import type { Group } from './groups.js';

/** Texts by their numbers in the file. */
export interface StoredExample {
  readonly query: number;
  readonly positives: Int32Array;
  readonly negatives: Int32Array;
  /** Of the positives, then of the negatives. */
  readonly scores?: Float32Array;
}

export interface WriteExamplesOptions {
  /** Tokens of a query, and of a passage, without [CLS] and [SEP]. */
  readonly queryTokens: number;
  readonly passageTokens: number;
  readonly queryPrompt: string;
  readonly documentPrompt: string;
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
  { queryTokens, passageTokens, queryPrompt, documentPrompt }: WriteExamplesOptions,
): Promise<void> {
  const numbers = new Map<string, number>();
  const rows: number[] = [];
  const scores: number[] = [];
  let [count, scored] = [0, 0];
  async function* texts(): AsyncGenerator<TokenisedDocument> {
    for await (const example of examples) {
      const fresh: Int32Array[] = [];
      const numberOf = (prompt: string, text: string, room: number, role: string): number => {
        // Texts may be many and long: what tells them apart is a hash.
        const key = createHash('sha256').update(`${role}${text}`).digest('base64').slice(0, 22);
        const known = numbers.get(key);
        if (known !== undefined) return known;
        const ids = Int32Array.from(tokenizer.encode(prompt + text)).slice(0, room);
        // A text of which the vocabulary has nothing is one word that it does not know.
        fresh.push(ids.length > 0 ? ids : Int32Array.of(tokenizer.unk));
        numbers.set(key, numbers.size);
        return numbers.size - 1;
      };
      const passages = (all: readonly string[]) =>
        all.map((text) => numberOf(documentPrompt, text, passageTokens, 'p'));
      const query = numberOf(queryPrompt, example.query, queryTokens, 'q');
      const [positives, negatives] = [passages(example.positives), passages(example.negatives)];
      rows.push(query, positives.length, negatives.length, ...positives, ...negatives);
      if (example.scores) {
        scores.push(...example.scores);
        scored++;
      }
      count++;
      for (const ids of fresh) yield { title: new Int32Array(), blocks: [{ ids, sentences: Int32Array.of(0) }] };
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

  private readonly examples: readonly StoredExample[];
  readonly hasScores: boolean;
  /** Examples without negatives, which a teacher's scores teach nothing. */
  readonly leftOut: number;

  private constructor(
    readonly texts: TokenFile,
    all: readonly StoredExample[],
    isTaught: boolean,
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

  /** The most negatives that an example has. */
  get mostNegatives(): number {
    return this.examples.reduce((most, { negatives }) => Math.max(most, negatives.length), 0);
  }

  at(index: number): StoredExample | undefined {
    return this.examples[index];
  }

  /** The example as a query with one of its positives and so many negatives: its own, or if it has none any text. */
  group({ query, positives, negatives, scores }: StoredExample, random: Random, wanted: number): Group {
    const answers = this.known.get(query)!;
    const positive = random.below(positives.length);
    const places = Array.from(negatives.keys());
    random.shuffle(places);
    const drawn = Array.from({ length: wanted }, (_, i) =>
      places.length > 0 ? places[i % places.length] : this.other(answers, random),
    );
    const numbers = [positives[positive], ...drawn.map((place) => (places.length > 0 ? negatives[place] : place))];
    return {
      query: this.idsOf(query),
      passages: numbers.map((text) => this.idsOf(text)),
      keys: numbers,
      isKnown: (key) => answers.has(key),
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

  private idsOf(text: number): ArrayLike<number> {
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
    return new ExampleFile(texts, examples, isTaught);
  }
}
