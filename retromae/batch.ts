// The training batch: sequences packed end to end without padding, visibility as bits. After staoxiao/RetroMAE's collator.

/** The label of a token that no loss looks at (PyTorch's ignore_index). */
export const IGNORE = -100;

/** Numbers by name, as they go through a worker and to a backend. */
export type Arrays = Readonly<Record<string, Int32Array | Uint16Array | Float32Array>>;

/**
 * A batch of B sequences, N tokens in all, as flat arrays: position p of sequence b is row `offsets[b] + p` of all those
 * that have N rows. An objective's batch has what the objective needs beside these two.
 */
export interface Batch {
  /** [B + 1], from 0 to N. */
  readonly offsets: Int32Array;
  /** [N] the text as it is. */
  readonly ids: Int32Array;
  /** Of pairs, texts 2i and 2i + 1, [B]: the document of each text. No two texts of one are each other's negatives. */
  readonly documents?: Int32Array;
  /** Where this is a part of a batch, the batch: means over texts or labels are weighed by the part's share of it. */
  readonly whole?: Batch;
}

/** What masked-language modelling needs. */
export interface MaskedBatch extends Batch {
  /** [N] the text masked for the encoder. */
  readonly encoderIds: Int32Array;
  /** [N] the original id where the encoder's mask fell, else IGNORE. */
  readonly encoderLabels: Int32Array;
}

/** What a decoder needs beside it: two of these for RetroMAE, none for plain masked-language modelling. */
export interface DecoderBatch extends MaskedBatch {
  /** Enhanced decoding (RetroMAE, section 3.3), [N]: the id of every content token; IGNORE on [CLS] and [SEP]. */
  readonly decoderLabels?: Int32Array;
  /**
   * Enhanced decoding, [N, words]: which positions each row may see, those where the paper's matrix M is 0. Bit (j & 15) of
   * word (j >> 4) of row n is position j of its sequence; words = ceil(maxLength / 16), no sequence being longer than that.
   */
  readonly visible?: Uint16Array;
  /** Basic decoding (RetroMAE, section 3.2), [N]: the text masked once more, harder. */
  readonly basicIds?: Int32Array;
  /** Basic decoding, [N]: the original id where that mask fell, else IGNORE. */
  readonly basicLabels?: Int32Array;
}

/** The same batch as padded matrices, by the names of the golden folders' inputs.json. */
export interface PaddedBatch {
  /** [B, T] */
  input_ids: number[][];
  /** [B, T] 1 on tokens, 0 on padding, which is on the right. */
  attention_mask: number[][];
  encoder_input_ids: number[][];
  encoder_labels: number[][];
  /** [B, T, T] 1 where row i may see column j. */
  decoder_visible?: number[][][];
  decoder_labels?: number[][];
  basic_decoder_input_ids?: number[][];
  basic_decoder_labels?: number[][];
}

/** Number of sequences B. */
export const sequenceCount = (batch: Batch): number => batch.offsets.length - 1;

/** A batch in parts of so many sequences; the last one may have fewer. Of each array the rows, or cells, of these sequences. */
export function partsOf<B extends Batch>(batch: B, size: number): B[] {
  const { offsets, ids } = batch;
  const count = sequenceCount(batch);
  const part = (array: Arrays[string], from: number, to: number) => {
    // One cell for each sequence; else as many for each row.
    if (array.length === count) return array.slice(from, to);
    const cells = array.length / ids.length;
    return array.slice(cells * offsets[from], cells * offsets[to]);
  };
  return Array.from({ length: Math.ceil(count / size) }, (_, i) => {
    const [from, to] = [i * size, Math.min(count, (i + 1) * size)];
    const arrays = Object.entries<Arrays[string]>(batch as B & Arrays).map(([name, array]) => [
      name,
      name === 'offsets' ? offsets.slice(from, to + 1).map((row) => row - offsets[from]) : part(array, from, to),
    ]);
    return { ...Object.fromEntries(arrays), whole: batch } as B;
  });
}

const labelCount = (labels: Int32Array): number => labels.reduce((sum, label) => sum + Number(label !== IGNORE), 0);

/** The share of the labels of the whole batch that this part has; 1 of a whole batch. */
export function shareOf<K extends string>(batch: Batch & { readonly [N in K]?: Int32Array }, name: K): number {
  const whole = batch.whole as typeof batch | undefined;
  return whole ? labelCount(batch[name]!) / Math.max(1, labelCount(whole[name]!)) : 1;
}

/** The share of the texts of the whole batch that this part has. */
export const shareOfTexts = (batch: Batch): number =>
  batch.whole ? sequenceCount(batch) / sequenceCount(batch.whole) : 1;

/** Number of 16-bit words that hold one bit for each of `length` positions. */
export const wordsFor = (length: number): number => (length + 15) >> 4;

/** Length of the longest sequence. */
export function longestSequence({ offsets }: Pick<Batch, 'offsets'>): number {
  let longest = 0;
  for (let b = 1; b < offsets.length; b++) longest = Math.max(longest, offsets[b] - offsets[b - 1]);
  return longest;
}

/** Whether row `row` (0 .. N-1) may see position `column` of its own sequence. */
export function visibleAt({ ids, visible }: DecoderBatch, row: number, column: number): boolean {
  const words = visible!.length / ids.length;
  return ((visible![row * words + (column >> 4)] >> (column & 15)) & 1) === 1;
}

/**
 * Packs padded matrices, such as a golden folder's inputs.json.
 * @throws if the matrices differ in shape, a sequence has fewer than two tokens, or padding is not all on the right.
 */
export function fromPadded(padded: PaddedBatch, name = 'padded batch'): DecoderBatch {
  const { lengths, width } = checkShapes(padded, name);
  const offsets = new Int32Array(lengths.length + 1);
  lengths.forEach((length, b) => (offsets[b + 1] = offsets[b] + length));
  const pack = (matrix: number[][]): Int32Array => {
    const packed = new Int32Array(offsets[lengths.length]);
    lengths.forEach((length, b) => packed.set(matrix[b].slice(0, length), offsets[b]));
    return packed;
  };
  const { decoder_visible: seen, decoder_labels: labels } = padded;
  const { basic_decoder_input_ids: again, basic_decoder_labels: hidden } = padded;
  return {
    offsets,
    ids: pack(padded.input_ids),
    encoderIds: pack(padded.encoder_input_ids),
    encoderLabels: pack(padded.encoder_labels),
    ...(seen && labels && { decoderLabels: pack(labels), visible: packVisible(seen, offsets, width) }),
    ...(again && hidden && { basicIds: pack(again), basicLabels: pack(hidden) }),
  };
}

/** Pads to the longest sequence: ids with `padId`, labels with IGNORE, masks and visibility with 0. */
export function toPadded(batch: DecoderBatch, padId: number): PaddedBatch {
  const { offsets, decoderLabels, visible, basicIds, basicLabels } = batch;
  const places = Array.from({ length: longestSequence(batch) }, (_, p) => p);
  const sequences = Array.from({ length: sequenceCount(batch) }, (_, b) => b);
  const padded = <T>(row: (n: number) => T, fill: T): T[][] =>
    sequences.map((b) => places.map((p) => (p < offsets[b + 1] - offsets[b] ? row(offsets[b] + p) : fill)));
  const matrix = (values: Int32Array, fill: number): number[][] => padded((n) => values[n], fill);
  return {
    input_ids: matrix(batch.ids, padId),
    attention_mask: padded(() => 1, 0),
    encoder_input_ids: matrix(batch.encoderIds, padId),
    encoder_labels: matrix(batch.encoderLabels, IGNORE),
    ...(visible && {
      decoder_visible: padded(
        (n) => places.map((j) => Number(visibleAt(batch, n, j))),
        places.map(() => 0),
      ),
      decoder_labels: matrix(decoderLabels!, IGNORE),
    }),
    ...(basicIds && {
      basic_decoder_input_ids: matrix(basicIds, padId),
      basic_decoder_labels: matrix(basicLabels!, IGNORE),
    }),
  };
}

function packVisible(seen: number[][][], offsets: Int32Array, width: number): Uint16Array {
  const words = wordsFor(width);
  const visible = new Uint16Array(offsets[offsets.length - 1] * words);
  for (let b = 0; b + 1 < offsets.length; b++) {
    const length = offsets[b + 1] - offsets[b];
    for (let i = 0; i < length; i++) {
      const row = (offsets[b] + i) * words;
      for (let j = 0; j < length; j++) if (seen[b][i][j]) visible[row + (j >> 4)] |= 1 << (j & 15);
    }
  }
  return visible;
}

function checkShapes(padded: PaddedBatch, name: string): { lengths: number[]; width: number } {
  const rows = padded.input_ids?.length;
  const width = padded.input_ids?.[0]?.length;
  if (!rows || !width) {
    throw new Error(`${name}: input_ids must be a non-empty matrix [batch, length]; check the file's layout.`);
  }
  const expect = (field: string, matrix: unknown, [size, ...rest]: number[]): void => {
    if (!Array.isArray(matrix) || matrix.length !== size) {
      const got = Array.isArray(matrix) ? `has ${matrix.length} entries` : 'is missing';
      throw new Error(
        `${name}: ${field} ${got}, expected ${size} as in input_ids [${rows}, ${width}]; write it again.`,
      );
    }
    if (rest.length > 0) matrix.forEach((row, i) => expect(`${field}[${i}]`, row, rest));
  };
  for (const field of ['input_ids', 'attention_mask', 'encoder_input_ids', 'encoder_labels'] as const) {
    expect(field, padded[field], [rows, width]);
  }
  for (const [ids, labels, shape] of [
    ['decoder_visible', 'decoder_labels', [rows, width, width]],
    ['basic_decoder_input_ids', 'basic_decoder_labels', [rows, width]],
  ] as const) {
    if (padded[ids] === undefined && padded[labels] === undefined) continue;
    expect(ids, padded[ids], [...shape]);
    expect(labels, padded[labels], [rows, width]);
  }
  const lengths = padded.attention_mask.map((mask, b) => {
    const length = mask.filter((m) => m === 1).length;
    if (length < 2 || mask.some((m, p) => m !== (p < length ? 1 : 0))) {
      throw new Error(`${name}: attention_mask[${b}] must be two or more 1s and then 0s only; pad on the right.`);
    }
    return length;
  });
  return { lengths, width };
}
