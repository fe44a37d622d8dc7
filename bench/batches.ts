// The batches that all contenders train on: random words of full length, or real text with its own lengths.
import { Random } from '../core/index.js';
import { documents, type WordPiece } from '../data/index.js';
import { Collator, type DecoderBatch, type MaskingVocabulary } from '../retromae/index.js';
import type { PackedBatch, Work } from './protocol.js';

/**
 * One batch of random words. Sequences are `seq` tokens long, or, with a share of `padding` (up to 1/2), evenly shorter, so
 * that padded to `seq` the batch would have that share of padding.
 */
export function randomBatch(vocab: number, sequences: number, seq: number, work: Work, padding = 0): DecoderBatch {
  const special = 5;
  const tokenizer = {
    size: vocab,
    cls: 2,
    sep: 3,
    mask: 4,
    isContinuation: () => false,
    isSpecial: (id: number) => id < special,
  };
  const random = new Random(5);
  const examples = Array.from({ length: sequences }, (_, i) => {
    const length = Math.max(1, Math.round(seq * (1 - (2 * padding * i) / Math.max(1, sequences - 1))) - 2);
    return Int32Array.from({ length }, () => special + random.below(vocab - special));
  });
  return collate(tokenizer, examples, seq, work, 0);
}

/** The texts of a corpus, all in memory. */
export async function readTexts(file: string): Promise<string[]> {
  const texts: string[] = [];
  for await (const { text } of documents(file)) texts.push(text);
  return texts;
}

/**
 * `count` batches of texts, one text an example, cut off at `seq` tokens. The texts are taken at even distances. A batch
 * has texts of all lengths or, `sorted`, of like length, the shortest first, as encoders make them.
 * @throws if there are too few
 */
export function textBatches(
  texts: readonly string[],
  tokenizer: WordPiece,
  { batch, seq, count, sorted = false }: { batch: number; seq: number; count: number; sorted?: boolean },
  work: Work,
): DecoderBatch[] {
  const wanted = batch * count;
  if (texts.length < wanted)
    throw new Error(`bench step: the corpus has ${texts.length} texts, ${wanted} are needed. Measure fewer rounds.`);
  const examples = Array.from({ length: wanted }, (_, i) =>
    tokenizer.encode(texts[Math.floor((i * texts.length) / wanted)]),
  );
  if (sorted) examples.sort((a, b) => a.length - b.length);
  // Neighbours in a book have similar lengths, so a batch takes every so many.
  const place = (i: number) => (sorted ? Math.floor(i / batch) : i % count);
  return Array.from({ length: count }, (_, n) => {
    const own = examples.filter((_, i) => place(i) === n);
    return collate(tokenizer, own, seq, work, n);
  });
}

function collate(tokenizer: MaskingVocabulary, examples: ArrayLike<number>[], seq: number, work: Work, n: number) {
  const decoder = work === 'mlm' || work === 'encode' ? 'none' : 'enhanced';
  return new Collator({ tokenizer, maxLength: seq, decoder }).collate(examples, (i) => new Random(6, n, i));
}

/** A batch as the file of a job has it. */
export function packed({ offsets, ids, encoderIds, encoderLabels, decoderLabels, visible }: DecoderBatch): PackedBatch {
  return {
    offsets: [...offsets],
    ids: [...ids],
    encoderIds: [...encoderIds],
    encoderLabels: [...encoderLabels],
    ...(decoderLabels &&
      visible && {
        decoderLabels: [...decoderLabels],
        visible: [...visible],
        words: visible.length / ids.length,
      }),
  };
}

/** The other way round. */
export function unpack({ decoderLabels, visible, ...rest }: PackedBatch): DecoderBatch {
  return {
    offsets: Int32Array.from(rest.offsets),
    ids: Int32Array.from(rest.ids),
    encoderIds: Int32Array.from(rest.encoderIds),
    encoderLabels: Int32Array.from(rest.encoderLabels),
    ...(decoderLabels &&
      visible && { decoderLabels: Int32Array.from(decoderLabels), visible: Uint16Array.from(visible) }),
  };
}
