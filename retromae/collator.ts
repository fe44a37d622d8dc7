// From token ids to a training batch: masks for the encoder, targets for the decoder. After RetroMAE's RetroMAECollator.
import type { Random } from '../core/index.js';
import { packSequences, type PackedSequences } from '../data/pure.js';
import { IGNORE, longestSequence, wordsFor } from './batch.js';
import type { Batch, DecoderBatch } from './batch.js';
import { continuesOf, idsOf, type Example } from './example.js';
import { corruptionFrom, maskCount, torchCorruption, WordMasker } from './masking.js';
import type { Corruption, MaskingVocabulary, MaskRandom } from './masking.js';
import type { TextRules } from './objective.js';
import type { PythonRandom, TorchGenerator } from './mt19937.js';

export type DecoderTargets = 'enhanced' | 'basic' | 'none';

export interface CollatorOptions {
  readonly tokenizer: MaskingVocabulary;
  /** Longest sequence, [CLS] and [SEP] included: what is beyond is cut off. */
  readonly maxLength: number;
  /** Share of the tokens masked for the encoder, in (0, 1); the paper's 0.3 if not given. */
  readonly encoderMask?: number;
  /** Share of the tokens hidden from the decoder, in (0, 1); the paper's 0.5 if not given. */
  readonly decoderMask?: number;
  /** What the decoder will need; 'enhanced' if not given. */
  readonly decoder?: DecoderTargets;
}

/**
 * Where the random numbers come from. In training, a generator for each example, by its place in the batch: with
 * `(i) => new Random(seed, epoch, index of example i in the corpus)` the batch depends on nothing else, neither on who
 * prepares it nor on its neighbours. To repeat the authors' batches, their two global generators, which run on.
 */
export type Generators =
  ((example: number) => Random) | { readonly python: PythonRandom; readonly torch: TorchGenerator };

/** The rows of a sequence share this many decoder masks at most. */
const POOL = 256;

/** An example's generator is split in two, so that the encoder's input is the same whatever the decoder. */
const ENCODER = 0;
const DECODER = 1;

interface Draws {
  readonly masks: MaskRandom;
  readonly corrupt: Corruption;
}

/** A text that is being masked: [N] each. */
interface MaskedText {
  readonly ids: Int32Array;
  readonly labels: Int32Array;
}

/** What each row of a text may see, as `DecoderBatch.visible`, and what it predicts. */
interface EnhancedTargets {
  readonly labels: Int32Array;
  readonly visible: Uint16Array;
  readonly words: number;
}

/** One sequence of the batch under construction: rows begin .. end-1. */
interface Sequence {
  readonly index: number;
  readonly begin: number;
  readonly end: number;
  readonly masker: WordMasker;
}

/** Makes batches of texts as they are. */
export class TextCollator {
  constructor(private readonly rules: TextRules) {}

  /** @throws as `Collator.collate` */
  collate(examples: readonly Example[]): Batch {
    return packExamples(examples, this.rules);
  }
}

/** Makes batches of masked texts. It keeps nothing between them: all randomness comes in with the call. */
export class Collator {
  readonly decoder: DecoderTargets;
  readonly tokenizer: MaskingVocabulary;
  readonly maxLength: number;
  private readonly encoderMask: number;
  private readonly decoderMask: number;

  /** @throws if a share is outside (0, 1), maxLength leaves no room for text, or [CLS], [SEP] or [MASK] is missing */
  constructor({ tokenizer, maxLength, encoderMask = 0.3, decoderMask = 0.5, decoder = 'enhanced' }: CollatorOptions) {
    for (const [name, share] of Object.entries({ encoderMask, decoderMask })) {
      if (!(share > 0 && share < 1)) {
        throw new Error(`collator: ${name} is ${share}, expected a share between 0 and 1, both excluded; try 0.3.`);
      }
    }
    if (!Number.isInteger(maxLength) || maxLength < 3 || maxLength > 65535) {
      throw new Error(`collator: maxLength is ${maxLength}, expected an integer 3 .. 65535; try 128.`);
    }
    for (const name of ['cls', 'sep', 'mask'] as const) {
      if (isId(tokenizer[name], tokenizer.size)) continue;
      throw new Error(`collator: [${name.toUpperCase()}] is not in the vocabulary of ${tokenizer.size}; add it there.`);
    }
    this.tokenizer = tokenizer;
    this.maxLength = maxLength;
    this.encoderMask = encoderMask;
    this.decoderMask = decoderMask;
    this.decoder = decoder;
  }

  /**
   * One batch of `examples`.
   * @throws if there are no examples, one is without text (drop those where they can be counted), or an id is not in
   * the vocabulary
   */
  collate(examples: readonly Example[], generators: Generators): DecoderBatch {
    const { offsets, ids } = packExamples(examples, this);
    const draws = this.drawsFrom(generators, examples.length, longestSequence({ offsets }));
    const encoder = unmasked(ids);
    const enhanced = this.decoder === 'enhanced' ? allHidden(ids.length, this.maxLength) : undefined;
    const basic = this.decoder === 'basic' ? unmasked(ids) : undefined;
    for (let index = 0; index < examples.length; index++) {
      const [begin, end] = offsets.subarray(index, index + 2);
      const sequence = {
        index,
        begin,
        end,
        masker: new WordMasker(ids.subarray(begin, end), this.tokenizer, continuesOf(examples[index])),
      };
      this.mask(encoder, sequence, this.encoderMask, draws(index, ENCODER));
      if (enhanced) this.choose(enhanced, ids, sequence, draws(index, DECODER).masks);
      if (basic) this.mask(basic, sequence, this.decoderMask, draws(index, DECODER));
    }
    return {
      offsets,
      ids,
      encoderIds: encoder.ids,
      encoderLabels: encoder.labels,
      ...(enhanced && { decoderLabels: enhanced.labels, visible: enhanced.visible }),
      ...(basic && { basicIds: basic.ids, basicLabels: basic.labels }),
    };
  }

  private drawsFrom(generators: Generators, examples: number, width: number): (b: number, stream: number) => Draws {
    const { tokenizer } = this;
    if (typeof generators === 'function') {
      return (b, stream) => {
        const random = generators(b).fork(stream);
        return { masks: random, corrupt: corruptionFrom(random, tokenizer) };
      };
    }
    const { python, torch } = generators;
    const draws = (): Draws => ({ masks: python, corrupt: torchCorruption(torch, examples, width, tokenizer) });
    const encoder = draws();
    // The authors draw nothing more from torch's generator, having no basic decoding.
    const decoder = this.decoder === 'basic' ? draws() : encoder;
    return (_, stream) => (stream === ENCODER ? encoder : decoder);
  }

  /** Masks whole words, of which special tokens stay as they are and unlabelled. */
  private mask(
    { ids, labels }: MaskedText,
    { index, begin, end, masker }: Sequence,
    share: number,
    draws: Draws,
  ): void {
    const bits = new Uint16Array(masker.words);
    masker.draw(maskCount(end - begin, share), draws.masks, bits);
    for (let row = begin; row < end; row++) {
      const position = row - begin;
      const id = ids[row];
      if (!((bits[position >> 4] >> (position & 15)) & 1) || this.tokenizer.isSpecial(id)) continue;
      labels[row] = id;
      ids[row] = draws.corrupt(id, index, position);
    }
  }

  /** What each row may see: all but one mask of the pool, which rows share, and but itself; and what it predicts. */
  private choose(
    { visible, words, labels }: EnhancedTargets,
    ids: Int32Array,
    { begin, end, masker }: Sequence,
    random: MaskRandom,
  ): void {
    const length = end - begin;
    const count = maskCount(length, this.decoderMask);
    const masks = Math.min(length, POOL);
    const pool = new Uint16Array(masks * masker.words);
    for (let m = 0; m < masks; m++) masker.draw(count, random, pool, m * masker.words);
    const lastBits = 0xffff >> (masker.words * 16 - length);
    for (let position = 0; position < length; position++) {
      const to = (begin + position) * words;
      const from = random.below(masks) * masker.words;
      for (let w = 0; w < masker.words; w++) visible[to + w] = ~pool[from + w];
      visible[to + masker.words - 1] &= lastBits;
      visible[to + (position >> 4)] &= ~(1 << (position & 15));
    }
    labels.set(ids.subarray(begin + 1, end - 1), begin + 1);
  }
}

const isId = (id: number, size: number): boolean => Number.isInteger(id) && id >= 0 && id < size;

/** Checks texts and lays them end to end. */
function packExamples(examples: readonly Example[], { tokenizer, maxLength }: TextRules): PackedSequences {
  if (examples.length === 0) throw new Error('collator: the batch has no examples; give it at least one.');
  const texts = examples.map(idsOf);
  texts.forEach((text, b) => check(text, b, tokenizer.size, maxLength));
  return packSequences(texts, tokenizer, maxLength);
}

function check(text: ArrayLike<number>, b: number, size: number, maxLength: number): void {
  if (text.length === 0) throw new Error(`collator: example ${b} of the batch has no tokens; drop empty texts before.`);
  for (let i = 0; i < Math.min(text.length, maxLength - 2); i++)
    if (!isId(text[i], size))
      throw new Error(
        `collator: example ${b} of the batch has the id ${text[i]} at ${i}, expected 0 .. ${size - 1}; ` +
          'was it tokenized with another vocabulary?',
      );
}

const unmasked = (ids: Int32Array): MaskedText => ({
  ids: ids.slice(),
  labels: new Int32Array(ids.length).fill(IGNORE),
});

function allHidden(rows: number, maxLength: number): EnhancedTargets {
  const words = wordsFor(maxLength);
  return { words, visible: new Uint16Array(rows * words), labels: new Int32Array(rows).fill(IGNORE) };
}
