// Learns a WordPiece vocabulary from texts, as Hugging Face's `WordPieceTrainer` does: BPE merges (Sennrich et al. 2016).
import { CONTINUATION, DEFAULT_MAX_CHARS, SPECIAL_TOKENS } from './bert-tokens.js';
import { OptionError } from './option-error.js';
import { Merges } from './merges.js';
import { PreTokenizer, defaultNormalizer } from './pretokenize.js';
import type { NormalizerOptions, WordSink } from './pretokenize.js';
import { WordPiece } from './wordpiece.js';
import { WordTable } from './word-table.js';

export interface TrainProgress {
  stage: 'reading' | 'merging';
  /** Texts read so far, or tokens in the vocabulary so far. */
  done: number;
  /** Tokens wanted; unknown (0) while reading. */
  total: number;
}

/** Which characters a vocabulary keeps. */
export interface Alphabet {
  /** Different characters kept, and in the texts. */
  kept: number;
  found: number;
  /** Share of all characters of the texts that are kept ones, 0 .. 1. */
  covered: number;
}

export interface TrainOptions extends Partial<NormalizerOptions> {
  /** Tokens wanted, the five special ones included. A small corpus may give fewer. */
  vocabSize: number;
  /** A pair of pieces that occurs less often than this is not merged. Default 2. */
  minFrequency?: number;
  /**
   * Share of all characters of the texts that the alphabet covers, above 0 and up to 1: the most frequent characters are
   * kept until it is reached; words with others become [UNK]. Default: 0.99999, and the 1,000 most frequent in any case,
   * so that a small alphabet loses none and a large one only what is rare.
   */
  coverage?: number;
  /** Called once, when the characters are counted. */
  onAlphabet?: (alphabet: Alphabet) => void;
  /** Called now and then. */
  onProgress?: (progress: TrainProgress) => void;
}

/** The default of `coverage`, and how many characters are kept at least where it is not given. */
const COVERAGE = 0.99999;
const COMMON = 1000;
const PROGRESS_EVERY = 1000;

/**
 * Trains a vocabulary: special tokens (ids 0 to 4), then the alphabet, then the merge of the most frequent pair of
 * neighbouring pieces, again and again. Equal counts go to the pair with the smaller ids, so that the same texts give
 * the same vocabulary, everywhere.
 * @throws if `vocabSize` cannot hold the special tokens and the alphabet, `coverage` is no share, or the texts have no words.
 */
export async function trainWordPiece(
  texts: Iterable<string> | AsyncIterable<string>,
  { vocabSize, minFrequency = 2, coverage, onAlphabet, onProgress, ...normalizer }: TrainOptions,
): Promise<WordPiece> {
  if (!Number.isInteger(vocabSize) || vocabSize <= SPECIAL_TOKENS.length) {
    throw new OptionError(
      (shown) =>
        `trainWordPiece: ${shown('vocabSize')} is ${vocabSize}, expected a whole number above ${SPECIAL_TOKENS.length}, the number of special tokens. Usual sizes are 4096 to 32768.`,
    );
  }
  if (coverage !== undefined && !(coverage > 0 && coverage <= 1)) {
    throw new OptionError(
      (shown) =>
        `trainWordPiece: ${shown('coverage')} is ${coverage}, expected a share above 0 and up to 1. 0.99999 keeps all but the rarest characters.`,
    );
  }
  const options: NormalizerOptions = { ...defaultNormalizer, ...normalizer };
  const words = await countWords(texts, options, onProgress);
  if (words.size === 0) {
    throw new Error(
      'trainWordPiece: the texts have no words, expected at least one. Is this the right corpus and field?',
    );
  }
  const characters = countCharacters(words);
  const kept = coverage === undefined ? keptByDefault(characters) : keptFor(characters, coverage);
  onAlphabet?.({ kept, found: characters.length, covered: covered(characters, kept) });
  const vocab = new Vocabulary();
  const segmented = segment(words, alphabetOf(characters, kept), vocab);
  if (vocab.size > vocabSize) {
    throw new OptionError(
      (shown) =>
        `trainWordPiece: ${shown('vocabSize')} is ${vocabSize}, but the special tokens and the single characters for ${shown('coverage')} ${coverage ?? COVERAGE} are ${vocab.size} tokens. Raise ${shown('vocabSize')} above ${vocab.size}, or lower ${shown('coverage')}: ${fitting(words, characters, vocabSize)}.`,
    );
  }
  const merges = new Merges(segmented.words, segmented.counts);
  while (vocab.size < vocabSize) {
    const pair = merges.best();
    if (pair === undefined || pair.count < Math.max(1, minFrequency)) break;
    merges.apply(pair, vocab.add(vocab.joined(pair.left, pair.right)));
    if (vocab.size % PROGRESS_EVERY === 0) onProgress?.({ stage: 'merging', done: vocab.size, total: vocabSize });
  }
  onProgress?.({ stage: 'merging', done: vocab.size, total: vocab.size });
  return WordPiece.fromVocab(vocab.tokens, options);
}

/** How often each word occurs, in the order of first occurrence. */
async function countWords(
  texts: Iterable<string> | AsyncIterable<string>,
  options: NormalizerOptions,
  onProgress: TrainOptions['onProgress'],
): Promise<Map<string, number>> {
  const preTokenizer = new PreTokenizer(options);
  const table = new WordTable();
  const counts: number[] = [];
  const sink: WordSink = {
    word(text, start, end, hash) {
      const index = table.find(text, start, end, hash);
      if (index >= 0) counts[index]++;
      else if (end - start <= 2 * DEFAULT_MAX_CHARS) counts[table.add(text, start, end, hash)] = 1;
    },
  };
  let read = 0;
  for await (const text of texts) {
    preTokenizer.split(text, sink);
    if (++read % PROGRESS_EVERY === 0) onProgress?.({ stage: 'reading', done: read, total: 0 });
  }
  const words = new Map<string, number>();
  counts.forEach((count, index) => {
    const word = preTokenizer.fold(table.word(index));
    words.set(word, (words.get(word) ?? 0) + count);
  });
  return words;
}

class Vocabulary {
  readonly tokens: string[] = [];
  private readonly ids = new Map<string, number>();

  constructor() {
    for (const token of SPECIAL_TOKENS) this.add(token);
  }

  get size(): number {
    return this.tokens.length;
  }

  /** The id of the token, new or not: `ab + ##c` and `a + ##bc` are the same piece. */
  add(token: string): number {
    let id = this.ids.get(token);
    if (id === undefined) {
      id = this.tokens.push(token) - 1;
      this.ids.set(token, id);
    }
    return id;
  }

  joined(left: number, right: number): string {
    return this.tokens[left] + this.tokens[right].slice(CONTINUATION.length);
  }
}

/** A character and how often it occurs. */
type Character = readonly [char: string, count: number];

const byPoint = (a: string, b: string): number => a.codePointAt(0)! - b.codePointAt(0)!;

/** The characters of all words, the most frequent first; of equally frequent ones the smaller code point. */
function countCharacters(words: Map<string, number>): Character[] {
  const frequency = new Map<string, number>();
  for (const [word, count] of words) {
    for (const char of word) frequency.set(char, (frequency.get(char) ?? 0) + count);
  }
  return [...frequency].sort(([a, m], [b, n]) => n - m || byPoint(a, b));
}

const sum = (characters: readonly Character[]): number => characters.reduce((total, [, count]) => total + count, 0);

/** Share of all occurrences that the first `kept` characters have. */
const covered = (characters: readonly Character[], kept: number): number =>
  sum(characters.slice(0, kept)) / sum(characters);

/** How many characters, the most frequent first, cover that share of all occurrences. */
function keptFor(characters: readonly Character[], coverage: number): number {
  const wanted = coverage * sum(characters);
  let reached = 0;
  const last = characters.findIndex(([, count]) => (reached += count) >= wanted);
  return last < 0 ? characters.length : last + 1;
}

const keptByDefault = (characters: readonly Character[]): number =>
  Math.max(Math.min(characters.length, COMMON), keptFor(characters, COVERAGE));

const alphabetOf = (characters: readonly Character[], kept: number): Set<string> =>
  new Set(
    characters
      .slice(0, kept)
      .map(([char]) => char)
      .sort(byPoint),
  );

/** What coverage leaves single characters fit into `vocabSize`, for the user. */
function fitting(words: Map<string, number>, characters: readonly Character[], vocabSize: number): string {
  let [fits, tooMany] = [0, characters.length];
  while (tooMany - fits > 1) {
    const kept = (fits + tooMany) >> 1;
    const vocab = new Vocabulary();
    segment(words, alphabetOf(characters, kept), vocab);
    if (vocab.size <= vocabSize) fits = kept;
    else tooMany = kept;
  }
  const share = Math.floor(covered(characters, fits) * 1e5) / 1e5;
  return share > 0 ? `${share} fits` : 'but no alphabet fits';
}

/**
 * Spells words in single characters, adding those to the vocabulary: first the whole alphabet in the order of code
 * points, then its `##` forms that occur. A word with a character beyond the alphabet could only ever be [UNK], so it
 * is left out rather than taught with a gap.
 */
function segment(
  words: Map<string, number>,
  alphabet: ReadonlySet<string>,
  vocab: Vocabulary,
): { words: Int32Array[]; counts: number[] } {
  const spelled = [...words]
    .map(([word, count]) => ({ chars: [...word], count }))
    .filter(({ chars }) => chars.length <= DEFAULT_MAX_CHARS && chars.every((char) => alphabet.has(char)));
  const inside = new Set(spelled.flatMap(({ chars }) => chars.slice(1)));
  for (const char of alphabet) vocab.add(char);
  for (const char of [...inside].sort(byPoint)) vocab.add(CONTINUATION + char);
  return {
    words: spelled.map(({ chars }) =>
      Int32Array.from(chars, (char, i) => vocab.add(i > 0 ? CONTINUATION + char : char)),
    ),
    counts: spelled.map(({ count }) => count),
  };
}
