// The vectors of an index as they are kept: as they are, or in a half, a quarter or a thirty-second of the bytes.
import { halfBits, halfValue, type WrittenTensor } from '../nn/index.js';

/** Whole numbers, halves, bytes with a scale for each dimension, or a bit a number. */
export const vectorFormats = ['f32', 'f16', 'int8', 'binary'] as const;
export type VectorFormat = (typeof vectorFormats)[number];

/** Rows of numbers, [size, dim], given back as they were or nearly. */
export interface VectorStore {
  readonly format: VectorFormat;
  readonly size: number;
  readonly dim: number;
  /** That a row takes. */
  readonly bytes: number;
  /** Rows begin .. end, row-major; valid until the next call. */
  rows(begin: number, end: number): Float32Array;
  /** What is written to a file: rows under `embeddings`, and what goes with all of them. */
  readonly tensors: Readonly<Record<string, WrittenTensor>>;
  /** Where rows have a cheaper likeness to a query [dim]: more is nearer. The best by it are to be compared by their numbers. */
  sketch?(query: Float64Array): (row: number) => number;
}

/** That a row of `dim` numbers takes. */
export const vectorBytes = (format: VectorFormat, dim: number): number =>
  ({ f32: 4 * dim, f16: 2 * dim, int8: dim, binary: 4 * wordsOf(dim) })[format];

/**
 * Keeps rows in a format; scales and means of the dimensions are those of these rows.
 * @param vectors [rows, dim], row-major, finite; of f32 kept as they are, not copied
 */
export function packVectors(vectors: Float32Array, dim: number, format: VectorFormat): VectorStore {
  switch (format) {
    case 'f32':
      return new WholeVectors(vectors, dim);
    case 'f16':
      return new HalfVectors(Uint16Array.from(vectors, halfBits), dim);
    case 'int8': {
      const scale = new Float32Array(dim);
      vectors.forEach((value, i) => (scale[i % dim] = Math.max(scale[i % dim], Math.abs(value) / 127)));
      const codes = Int8Array.from(vectors, (value, i) => (value === 0 ? 0 : Math.round(value / scale[i % dim])));
      return new ByteVectors(codes, scale);
    }
    case 'binary':
      return packBits(vectors, dim);
  }
}

/** Float32. */
export class WholeVectors implements VectorStore {
  readonly format = 'f32';

  constructor(
    private readonly vectors: Float32Array,
    readonly dim: number,
  ) {}

  get size(): number {
    return this.vectors.length / this.dim;
  }

  get bytes(): number {
    return vectorBytes(this.format, this.dim);
  }

  rows(begin: number, end: number): Float32Array {
    return this.vectors.subarray(begin * this.dim, end * this.dim);
  }

  get tensors() {
    return { embeddings: { shape: [this.size, this.dim], data: this.vectors } };
  }
}

/** What every half is. */
let halves: Float32Array | undefined;

/** Float16, as its bits. */
export class HalfVectors implements VectorStore {
  readonly format = 'f16';

  constructor(
    private readonly bits: Uint16Array,
    readonly dim: number,
  ) {}

  get size(): number {
    return this.bits.length / this.dim;
  }

  get bytes(): number {
    return vectorBytes(this.format, this.dim);
  }

  rows(begin: number, end: number): Float32Array {
    const values = (halves ??= Float32Array.from({ length: 1 << 16 }, (_, bits) => halfValue(bits)));
    const from = begin * this.dim;
    const rows = new Float32Array((end - begin) * this.dim);
    for (let i = 0; i < rows.length; i++) rows[i] = values[this.bits[from + i]];
    return rows;
  }

  get tensors() {
    return { embeddings: { shape: [this.size, this.dim], data: this.bits } };
  }
}

/** A byte a number, of 127ths of the largest that its dimension has. */
export class ByteVectors implements VectorStore {
  readonly format = 'int8';

  /**
   * @param codes [rows, dim]
   * @param scale [dim]: what a code of 1 is
   */
  constructor(
    private readonly codes: Int8Array,
    private readonly scale: Float32Array,
  ) {}

  get dim(): number {
    return this.scale.length;
  }

  get size(): number {
    return this.codes.length / this.dim;
  }

  get bytes(): number {
    return vectorBytes(this.format, this.dim);
  }

  rows(begin: number, end: number): Float32Array {
    const { codes, scale, dim } = this;
    const from = begin * dim;
    const rows = new Float32Array((end - begin) * dim);
    for (let at = 0; at < rows.length; at += dim)
      for (let i = 0; i < dim; i++) rows[at + i] = codes[from + at + i] * scale[i];
    return rows;
  }

  get tensors() {
    return {
      embeddings: { shape: [this.size, this.dim], data: this.codes },
      scale: { shape: [this.dim], data: this.scale },
    };
  }
}

/** Numbers of a word of bits. */
const WORD = 32;
const wordsOf = (dim: number): number => Math.ceil(dim / WORD);

/** Bits are whether numbers are above the mean of their dimension, whose deviation is the mean distance from it. */
function packBits(vectors: Float32Array, dim: number): BitVectors {
  const count = Math.max(1, vectors.length / dim);
  const sums = new Float64Array(dim);
  vectors.forEach((value, i) => (sums[i % dim] += value / count));
  const mean = Float32Array.from(sums);
  sums.fill(0);
  vectors.forEach((value, i) => (sums[i % dim] += Math.abs(value - mean[i % dim]) / count));
  const bits = new Int32Array((vectors.length / dim) * wordsOf(dim));
  for (let row = 0; row * dim < vectors.length; row++)
    bits.set(bitsOf(vectors.subarray(row * dim, (row + 1) * dim), mean), row * wordsOf(dim));
  return new BitVectors(bits, mean, Float32Array.from(sums));
}

function bitsOf(row: ArrayLike<number>, mean: Float32Array): Int32Array {
  const bits = new Int32Array(wordsOf(mean.length));
  for (let i = 0; i < mean.length; i++) if (row[i] > mean[i]) bits[i >> 5] |= 1 << (i & 31);
  return bits;
}

/** A bit a number: above or below the mean of its dimension, and given back as so far above or below as numbers are on average. */
export class BitVectors implements VectorStore {
  readonly format = 'binary';

  /**
   * @param bits [rows, ceil(dim / 32)]: bit i & 31 of word i >> 5 is that of dimension i
   * @param mean [dim]
   * @param deviation [dim], mean of the distances from the mean
   */
  constructor(
    private readonly bits: Int32Array,
    private readonly mean: Float32Array,
    private readonly deviation: Float32Array,
  ) {}

  get dim(): number {
    return this.mean.length;
  }

  get size(): number {
    return this.bits.length / wordsOf(this.dim);
  }

  get bytes(): number {
    return vectorBytes(this.format, this.dim);
  }

  rows(begin: number, end: number): Float32Array {
    const { bits, mean, deviation, dim } = this;
    const rows = new Float32Array((end - begin) * dim);
    for (let row = begin, at = 0; row < end; row++, at += dim) {
      const from = row * wordsOf(dim);
      for (let i = 0; i < dim; i++)
        rows[at + i] = (bits[from + (i >> 5)] >>> (i & 31)) & 1 ? mean[i] + deviation[i] : mean[i] - deviation[i];
    }
    return rows;
  }

  /** Numbers on the same side of the mean (Hamming's distance, turned round). */
  sketch(query: Float64Array): (row: number) => number {
    const { bits, dim } = this;
    const own = bitsOf(query, this.mean);
    return (row) => {
      let different = 0;
      for (let i = 0, at = row * own.length; i < own.length; i++) different += ones(own[i] ^ bits[at + i]);
      return dim - different;
    };
  }

  get tensors() {
    return {
      embeddings: { shape: [this.size, wordsOf(this.dim)], data: this.bits },
      mean: { shape: [this.dim], data: this.mean },
      deviation: { shape: [this.dim], data: this.deviation },
    };
  }
}

/** Bits of a word that are set (Warren, Hacker's Delight, 5-1). */
function ones(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
