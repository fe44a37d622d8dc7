// WordPiece: text to token ids and back, equal to BERT's tokenizer (Wu et al. 2016; Devlin et al. 2019) as Hugging Face has it.
import { AddedTokens } from './added-tokens.js';
import { CONTINUATION, DEFAULT_MAX_CHARS, defaultNames, inOrder } from './bert-tokens.js';
import type { SpecialNames, WordPieceOptions } from './bert-tokens.js';
import { PreTokenizer, defaultNormalizer } from './pretokenize.js';
import type { WordSink } from './pretokenize.js';
import { parseTokenizerJson, tokenizerJsonFields } from './tokenizer-json.js';
import { WordTable } from './word-table.js';

/** Words remembered with their ids; when so many are held, all are forgotten. Bounds the memory, not the speed. */
const CACHE_WORDS = 1 << 16;

export class WordPiece {
  /** Token of each id: the words' pieces, then added tokens that are none of them. */
  readonly vocab: readonly string[];
  /** Number of tokens that words are made of; ids from here on are found by `options.added` only. */
  readonly pieceCount: number;
  readonly options: Readonly<WordPieceOptions>;
  /** Ids of [PAD], [UNK], [CLS], [SEP], [MASK]. */
  readonly pad: number;
  readonly unk: number;
  readonly cls: number;
  readonly sep: number;
  readonly mask: number;

  private readonly ids = new Map<string, number>();
  private readonly continuation: Uint8Array;
  private readonly special: Uint8Array;
  private readonly longest: number;
  private readonly preTokenizer: PreTokenizer;
  /** Looked for in the raw text. */
  private readonly addedRaw: AddedTokens;
  /** Looked for in the normalised text. */
  private readonly addedNormalized: AddedTokens;
  private readonly encoder: Encoder;

  private constructor(pieces: readonly string[], options: Partial<WordPieceOptions>) {
    const names = options.names ?? defaultNames;
    const vocab = [...pieces];
    this.vocab = vocab;
    this.pieceCount = pieces.length;
    pieces.forEach((token, id) => {
      const twin = this.ids.get(token);
      if (twin !== undefined) {
        throw new Error(
          `WordPiece: the vocabulary has '${token}' twice, as ids ${twin} and ${id}; each token needs one id. Remove one of the two.`,
        );
      }
      this.ids.set(token, id);
    });
    for (const { id, content } of options.added ?? []) {
      if (this.ids.get(content) === id) continue;
      if (id !== vocab.length || this.ids.has(content)) {
        throw new Error(
          `WordPiece: the added token '${content}' has id ${id}, expected ${this.ids.get(content) ?? vocab.length}, ${this.ids.has(content) ? 'which the vocabulary gives it' : 'the next free id'}. Correct the id.`,
        );
      }
      this.ids.set(content, vocab.push(content) - 1);
    }
    [this.pad, this.unk, this.cls, this.sep, this.mask] = inOrder(names).map((token) => this.require(token, names));
    this.options = {
      ...defaultNormalizer,
      maxChars: DEFAULT_MAX_CHARS,
      names,
      added: inOrder(names).map((content) => ({ id: this.ids.get(content)!, content, special: true })),
      ...options,
    };
    this.preTokenizer = new PreTokenizer(this.options);
    this.continuation = Uint8Array.from(vocab, (token) => Number(token.startsWith(CONTINUATION)));
    this.special = new Uint8Array(vocab.length);
    for (const { id, special } of this.options.added) this.special[id] = Number(special);
    this.longest = pieces.reduce((longest, token) => Math.max(longest, token.length), 0);
    const { added } = this.options;
    this.addedRaw = new AddedTokens(added.filter(({ normalized }) => !normalized));
    this.addedNormalized = new AddedTokens(
      added.filter(({ normalized }) => normalized),
      (content) => this.preTokenizer.normalize(content),
    );
    this.encoder = new Encoder((word) => this.pieces(word));
  }

  /**
   * A tokenizer from its vocabulary, `tokens[id]`.
   * @throws if one of `options.names` is missing, a token is there twice, or an added token's id is not the vocabulary's
   *   nor the next free one
   */
  static fromVocab(tokens: readonly string[], options: Partial<WordPieceOptions> = {}): WordPiece {
    return new WordPiece(tokens, options);
  }

  /**
   * A tokenizer from the parsed content of a Hugging Face `tokenizer.json`, as it stands.
   * @throws if it is no WordPiece tokenizer of BERT's kind, naming the field.
   */
  static fromTokenizerJson(json: unknown): WordPiece {
    const { pieces, options } = parseTokenizerJson(tokenizerJsonFields(json));
    return new WordPiece(pieces, options);
  }

  /** Number of tokens. */
  get size(): number {
    return this.vocab.length;
  }

  /** The ids of `text`, without [CLS] and [SEP]. Added tokens written out in the text get their own ids. */
  encode(text: string): Int32Array {
    const { encoder, preTokenizer, addedNormalized } = this;
    const push = (id: number) => encoder.push(id);
    const words = (stretch: string) => preTokenizer.split(stretch, encoder);
    const normalized = (stretch: string) =>
      addedNormalized.split(
        preTokenizer.normalize(stretch),
        (rest) => preTokenizer.splitNormalized(rest, encoder),
        push,
      );
    this.addedRaw.split(text, addedNormalized.size > 0 ? normalized : words, push);
    return encoder.take();
  }

  /**
   * Text of the ids, spaced as Hugging Face's `decode` does it: `##` pieces joined, no blank before `.,?!` and the
   * like. Normalisation is not undone: lower case stays lower case.
   */
  decode(ids: Iterable<number>, { skipSpecial = false }: { skipSpecial?: boolean } = {}): string {
    let text = '';
    let first = true;
    for (const id of ids) {
      if (skipSpecial && this.isSpecial(id)) continue;
      const token = this.token(id);
      if (first) text += tidy(token);
      else text += tidy(this.isContinuation(id) ? token.slice(CONTINUATION.length) : ` ${token}`);
      first = false;
    }
    return tidy(text);
  }

  /** The token with this id. @throws if there is none. */
  token(id: number): string {
    const token = this.vocab[id];
    if (token === undefined) {
      throw new Error(
        `WordPiece: there is no token ${id}; ids run from 0 to ${this.size - 1}. Is this another model's vocabulary?`,
      );
    }
    return token;
  }

  /** The id of this very token, if it is in the vocabulary. */
  id(token: string): number | undefined {
    return this.ids.get(token);
  }

  /** Whether the token goes on with the word of the one before it (`##`). */
  isContinuation(id: number): boolean {
    return this.continuation[id] === 1;
  }

  isSpecial(id: number): boolean {
    return this.special[id] === 1;
  }

  /** Greedy longest match from the left; one [UNK] for the whole word where that fails. */
  private pieces(raw: string): number[] {
    const word = this.preTokenizer.fold(raw);
    if (word.length > this.options.maxChars && [...word].length > this.options.maxChars) return [this.unk];
    const pieces: number[] = [];
    for (let start = 0; start < word.length;) {
      const prefix = start > 0 ? CONTINUATION : '';
      let end = Math.min(word.length, start + this.longest);
      let id = this.pieceCount;
      for (; end > start; end--) {
        id = this.ids.get(prefix + word.slice(start, end)) ?? id;
        if (id < this.pieceCount) break;
      }
      if (id >= this.pieceCount) return [this.unk];
      pieces.push(id);
      start = end;
    }
    return pieces;
  }

  private require(token: string, names: SpecialNames): number {
    const id = this.ids.get(token);
    if (id === undefined) {
      throw new Error(
        `WordPiece: the vocabulary of ${this.vocab.length} tokens has no ${token}; BERT needs ${inOrder(names).join(' ')}. Add ${token} as a line, or learn a vocabulary.`,
      );
    }
    return id;
  }
}

/** Collects ids word by word, remembering the pieces of every word seen. */
class Encoder implements WordSink {
  private readonly table = new WordTable();
  /** Pieces of word w: `arena[starts[w] .. starts[w + 1])`. */
  private readonly starts = new Int32Array(CACHE_WORDS + 1);
  private arena = new Int32Array(1 << 14);
  private output = new Int32Array(1 << 10);
  private length = 0;

  constructor(private readonly pieces: (word: string) => number[]) {}

  word(text: string, start: number, end: number, hash: number): void {
    let index = this.table.find(text, start, end, hash);
    if (index < 0) index = this.learn(text, start, end, hash);
    for (let at = this.starts[index]; at < this.starts[index + 1]; at++) this.push(this.arena[at]);
  }

  push(id: number): void {
    if (this.length === this.output.length) this.output = doubled(this.output, this.length + 1);
    this.output[this.length++] = id;
  }

  /** The ids collected since the last call. */
  take(): Int32Array {
    const ids = this.output.slice(0, this.length);
    this.length = 0;
    return ids;
  }

  private learn(text: string, start: number, end: number, hash: number): number {
    if (this.table.size === CACHE_WORDS) this.table.clear();
    const pieces = this.pieces(text.slice(start, end));
    const index = this.table.add(text, start, end, hash);
    const from = this.starts[index];
    const to = from + pieces.length;
    if (to > this.arena.length) this.arena = doubled(this.arena, to);
    this.arena.set(pieces, from);
    this.starts[index + 1] = to;
    return index;
  }
}

function doubled(array: Int32Array<ArrayBuffer>, atLeast: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(atLeast, array.length * 2));
  larger.set(array);
  return larger;
}

/** Hugging Face's `clean_up_tokenization`, in its order. */
const tidy = (text: string): string =>
  text
    .replace(/ ([.?!,])/g, '$1')
    .replace(/ ' /g, "'")
    .replace(/ (n't|'m|'s|'ve|'re)/g, '$1');
