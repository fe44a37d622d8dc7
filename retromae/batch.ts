// The training batch: sequences packed end to end without padding, visibility as bits. After staoxiao/RetroMAE's collator.

/** The label of a token that no loss looks at (PyTorch's ignore_index). */
export const IGNORE = -100;

/** Enhanced decoding (RetroMAE, section 3.3): every row predicts its own token from its own choice of visible ones. */
export interface EnhancedTargets {
  /** [N] the id of every content token; IGNORE on [CLS] and [SEP]. */
  readonly labels: Int32Array;
  /** [N, words] the matrix V: bit (j & 15) of word (j >> 4) of row n says that row n may see position j of its sequence. */
  readonly visible: Uint16Array;
  /** ceil(maxLength / 16), where no sequence of the batch is longer than maxLength. */
  readonly words: number;
}

/** Basic decoding (RetroMAE, section 3.2): the text masked once more, harder, for an ordinary masked decoder. */
export interface BasicTargets {
  /** [N] the text masked for the decoder. */
  readonly ids: Int32Array;
  /** [N] the original id where the decoder's mask fell, else IGNORE. */
  readonly labels: Int32Array;
}

/**
 * One batch of B sequences, N tokens in all; position p of sequence b is row `offsets[b] + p` of everything else.
 * Only what the objective needs is there: neither decoder field for plain MLM, one of them for RetroMAE.
 */
export interface Batch {
  /** [B + 1], from 0 to N. */
  readonly offsets: Int32Array;
  /** [N] the text as it is: the decoder's context stream. */
  readonly ids: Int32Array;
  /** [N] the text masked for the encoder. */
  readonly encoderIds: Int32Array;
  /** [N] the original id where the encoder's mask fell, else IGNORE. */
  readonly encoderLabels: Int32Array;
  readonly enhanced?: EnhancedTargets;
  readonly basic?: BasicTargets;
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

/** Number of 16-bit words that hold one bit for each of `length` positions. */
export const wordsFor = (length: number): number => (length + 15) >> 4;

/** Length of the longest sequence. */
export function longestSequence({ offsets }: Pick<Batch, 'offsets'>): number {
  let longest = 0;
  for (let b = 1; b < offsets.length; b++) longest = Math.max(longest, offsets[b] - offsets[b - 1]);
  return longest;
}

/** Whether row `row` (0 .. N-1) may see position `column` of its own sequence. */
export function visibleAt({ visible, words }: EnhancedTargets, row: number, column: number): boolean {
  return ((visible[row * words + (column >> 4)] >> (column & 15)) & 1) === 1;
}

/**
 * Packs padded matrices, such as a golden folder's inputs.json.
 * @throws if the matrices differ in shape, a sequence has fewer than two tokens, or padding is not all on the right.
 */
export function fromPadded(padded: PaddedBatch, name = 'padded batch'): Batch {
  const { lengths, width } = checkShapes(padded, name);
  const offsets = new Int32Array(lengths.length + 1);
  lengths.forEach((length, b) => (offsets[b + 1] = offsets[b] + length));
  const pack = (matrix: number[][]): Int32Array => {
    const packed = new Int32Array(offsets[lengths.length]);
    lengths.forEach((length, b) => packed.set(matrix[b].slice(0, length), offsets[b]));
    return packed;
  };
  const { decoder_visible: seen, decoder_labels: labels } = padded;
  const { basic_decoder_input_ids: basicIds, basic_decoder_labels: basicLabels } = padded;
  return {
    offsets,
    ids: pack(padded.input_ids),
    encoderIds: pack(padded.encoder_input_ids),
    encoderLabels: pack(padded.encoder_labels),
    ...(seen && labels && { enhanced: { labels: pack(labels), ...packVisible(seen, offsets, width) } }),
    ...(basicIds && basicLabels && { basic: { ids: pack(basicIds), labels: pack(basicLabels) } }),
  };
}

/** Pads to the longest sequence: ids with `padId`, labels with IGNORE, masks and visibility with 0. */
export function toPadded(batch: Batch, padId: number): PaddedBatch {
  const { offsets, enhanced, basic } = batch;
  const width = longestSequence(batch);
  const unpack = (row: (n: number) => number, fill: number, b: number): number[] =>
    Array.from({ length: width }, (_, p) => (p < offsets[b + 1] - offsets[b] ? row(offsets[b] + p) : fill));
  const matrix = (values: (n: number) => number, fill: number): number[][] =>
    Array.from({ length: sequenceCount(batch) }, (_, b) => unpack(values, fill, b));
  const unpackVisible = (targets: EnhancedTargets): number[][][] =>
    Array.from({ length: sequenceCount(batch) }, (_, b) =>
      Array.from({ length: width }, (_, i) =>
        Array.from({ length: width }, (_, j) =>
          i < offsets[b + 1] - offsets[b] && visibleAt(targets, offsets[b] + i, j) ? 1 : 0,
        ),
      ),
    );
  return {
    input_ids: matrix((n) => batch.ids[n], padId),
    attention_mask: matrix(() => 1, 0),
    encoder_input_ids: matrix((n) => batch.encoderIds[n], padId),
    encoder_labels: matrix((n) => batch.encoderLabels[n], IGNORE),
    ...(enhanced && {
      decoder_visible: unpackVisible(enhanced),
      decoder_labels: matrix((n) => enhanced.labels[n], IGNORE),
    }),
    ...(basic && {
      basic_decoder_input_ids: matrix((n) => basic.ids[n], padId),
      basic_decoder_labels: matrix((n) => basic.labels[n], IGNORE),
    }),
  };
}

function packVisible(seen: number[][][], offsets: Int32Array, width: number): { visible: Uint16Array; words: number } {
  const words = wordsFor(width);
  const visible = new Uint16Array(offsets[offsets.length - 1] * words);
  for (let b = 0; b + 1 < offsets.length; b++) {
    const length = offsets[b + 1] - offsets[b];
    for (let i = 0; i < length; i++) {
      const row = (offsets[b] + i) * words;
      for (let j = 0; j < length; j++) if (seen[b][i][j]) visible[row + (j >> 4)] |= 1 << (j & 15);
    }
  }
  return { visible, words };
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
