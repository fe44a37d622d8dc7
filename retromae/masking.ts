// Whole-word masks by fixed count, as bits, and BERT's 80/10/10 corruption. After transformers' whole-word-mask collator.
import type { Random } from '../core/index.js';
import { wordsFor } from './batch.js';
import type { TorchGenerator } from './mt19937.js';

/** What masking has to know of a vocabulary. */
export interface MaskingVocabulary {
  /** Number of ids. */
  readonly size: number;
  readonly cls: number;
  readonly sep: number;
  readonly mask: number;
  /** Whether the id is a piece that goes on a word ("##..."). */
  isContinuation(id: number): boolean;
  /** Whether the id is a special token ([PAD], [UNK], [CLS], [SEP], [MASK]), which the encoder never predicts. */
  isSpecial(id: number): boolean;
}

/** What draws a mask: Random in training, PythonRandom for parity. */
export interface MaskRandom {
  below(n: number): number;
  shuffle(items: Uint16Array): void;
}

/** What becomes of a masked token: given its place in the padded batch, the id to show instead. */
export type Corruption = (id: number, sequence: number, position: number) => number;

/** No mask takes more tokens than this (transformers' max_predictions). */
const MOST_MASKED = 512;

/** Rounds halves to even, as Python does: 2.5 to 2, 3.5 to 4. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest < 0.5 || (rest === 0.5 && floor % 2 === 0) ? floor : floor + 1;
}

/** How many tokens a mask takes at most of a sequence of `length` tokens, [CLS] and [SEP] counted. */
export function maskCount(length: number, rate: number): number {
  return Math.min(MOST_MASKED, Math.max(1, roundHalfEven(length * rate)));
}

/**
 * The words of one sequence, found once and masked many times over. A word is a piece and the "##" pieces after it;
 * [CLS] and [SEP] belong to none, wherever they stand.
 */
export class WordMasker {
  /** Words of 16 bits that one mask fills. */
  readonly words: number;
  /** Positions of all pieces, word by word; word w has those from starts[w] to starts[w + 1]. */
  private readonly positions: Uint16Array;
  private readonly starts: Uint16Array;
  private readonly order: Uint16Array;
  private readonly inOrder: Uint16Array;

  /**
   * @param ids the whole sequence, [CLS] and [SEP] included, at most 65535 tokens
   * @param continues 1 where a token goes on with a word, whatever the vocabulary says; of the text, so from behind [CLS] on
   */
  constructor(ids: ArrayLike<number>, vocabulary: MaskingVocabulary, continues?: ArrayLike<number>) {
    const positions = new Uint16Array(ids.length);
    const starts = new Uint16Array(ids.length + 1);
    let pieces = 0;
    let count = 0;
    for (let p = 0; p < ids.length; p++) {
      if (ids[p] === vocabulary.cls || ids[p] === vocabulary.sep) continue;
      const goesOn = vocabulary.isContinuation(ids[p]) || continues?.[p - 1] === 1;
      if (count === 0 || !goesOn) starts[count++] = pieces;
      positions[pieces++] = p;
    }
    starts[count] = pieces;
    this.words = wordsFor(ids.length);
    this.positions = positions;
    this.starts = starts;
    this.inOrder = Uint16Array.from({ length: count }, (_, word) => word);
    this.order = new Uint16Array(count);
  }

  /**
   * Draws one mask: words in random order, each taken if it still fits, until `count` tokens are taken. A word that is
   * too large is passed over, so that fewer may be.
   * @param out where the bits go: bit (p & 15) of `out[at + (p >> 4)]` is position p; `words` entries are overwritten
   */
  draw(count: number, random: MaskRandom, out: Uint16Array, at = 0): void {
    const { order, starts, positions } = this;
    order.set(this.inOrder);
    random.shuffle(order);
    out.fill(0, at, at + this.words);
    for (let i = 0, left = count; i < order.length && left > 0; i++) {
      const begin = starts[order[i]];
      const end = starts[order[i] + 1];
      if (end - begin > left) continue;
      left -= end - begin;
      for (let piece = begin; piece < end; piece++) out[at + (positions[piece] >> 4)] |= 1 << (positions[piece] & 15);
    }
  }
}

/** 80 % [MASK], 10 % a random id, 10 % left as it is (BERT), drawing only what the masked tokens need. */
export function corruptionFrom(random: Random, { mask, size }: MaskingVocabulary): Corruption {
  return (id) => {
    const tenth = random.below(10);
    if (tenth < 8) return mask;
    return tenth === 8 ? random.below(size) : id;
  };
}

/** The same as PyTorch draws it: three times over every cell of the padded [sequences, width] batch, used or not. */
export function torchCorruption(
  torch: TorchGenerator,
  sequences: number,
  width: number,
  { mask, size }: MaskingVocabulary,
): Corruption {
  const cells = sequences * width;
  const masked = Uint8Array.from({ length: cells }, () => Number(torch.bernoulli(0.8)));
  const replaced = Uint8Array.from({ length: cells }, () => Number(torch.bernoulli(0.5)));
  const random = Int32Array.from({ length: cells }, () => torch.randint(size));
  return (id, sequence, position) => {
    const cell = sequence * width + position;
    if (masked[cell]) return mask;
    return replaced[cell] ? random[cell] : id;
  };
}
