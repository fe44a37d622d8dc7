// Exact search over embeddings in memory, by any of sentence-transformers' similarities. After FAISS's IndexFlatIP.
import { similarities, unitLength, type Similarity } from '../nn/index.js';
import { checkDepth, DocumentNumbers, tiePlaces, TopK } from './ranking.js';
import type { Hit } from './types.js';

/** Queries scored together: each value of a document is loaded once for all of them. */
const TILE = 4;
/** Documents scored before the next tile of queries takes its turn: as many values as stay in a core's cache. */
const BLOCK_VALUES = 1 << 16;

/** Vectors of documents, to be searched by vectors of queries. */
export interface Index {
  /** Number of documents. */
  readonly size: number;
  /** Numbers in a vector. */
  readonly dim: number;
  /** The k nearest documents for each query, best first; `queries` is [number of queries, dim], row-major. */
  search(queries: Float32Array, k: number): Hit[][];
  /**
   * For each query the documents that are named for it, best first, with the scores that `search` gives them, to the bit.
   * @param named ids, a list a query
   */
  score(queries: Float32Array, named: readonly (readonly string[])[]): Hit[][];
}

export interface FlatIndexOptions {
  /** How a query's vector is compared with a document's; of distances the negative is the score. Default 'dot'. */
  readonly similarity?: Similarity;
  /** The fingerprint of the model that made the vectors. */
  readonly model?: string;
  /** What the vectors are: 'cls', 'mean' or another pooling. */
  readonly represent?: string;
}

/** Ranks all documents for each query. Vectors are kept as given, not copied and not normalized. */
export class FlatIndex implements Index {
  readonly similarity: Similarity;
  readonly model: string | undefined;
  readonly represent: string | undefined;
  private readonly places: Int32Array;
  private readonly numbers: DocumentNumbers;
  /** 1 / |vector| of each document, where the cosine is wanted. */
  private readonly inverses: Float64Array | undefined;

  /**
   * @param ids one a document, distinct
   * @param vectors [ids.length, dim], row-major
   * @throws if sizes do not agree, an id comes twice, or a value is not finite
   */
  constructor(
    readonly ids: readonly string[],
    readonly vectors: Float32Array,
    readonly dim: number,
    { similarity = 'dot', model, represent }: FlatIndexOptions = {},
  ) {
    if (!similarities.includes(similarity))
      throw new Error(
        `index: similarity is ${JSON.stringify(similarity)}; it must be one of ${similarities.join(', ')}.`,
      );
    if (!Number.isInteger(dim) || dim < 1) {
      throw new Error(`index: dim = ${dim}, expected a whole number of at least 1; pass the model's hidden size.`);
    }
    if (vectors.length !== ids.length * dim) {
      throw new Error(
        `index: ${vectors.length} values for ${ids.length} documents of dimension ${dim}, expected ${ids.length * dim}; pass one row per document.`,
      );
    }
    checkFinite(ids, vectors, dim);
    this.places = tiePlaces(ids);
    this.numbers = new DocumentNumbers(ids);
    this.similarity = similarity;
    this.model = model;
    this.represent = represent;
    if (similarity === 'cosine') this.inverses = inverseLengths(vectors, dim);
  }

  get size(): number {
    return this.ids.length;
  }

  /** Bytes that the vector of a document takes. */
  get bytes(): number {
    return 4 * this.dim;
  }

  /**
   * The k documents of the largest score for each query, best first, ties as trec_eval breaks them; all documents where
   * there are fewer than k. Scores are summed in float64, in the order of the dimensions, and rounded to float32: the
   * same whatever other queries come along.
   *
   * @param queries [number of queries, dim], row-major
   * @throws if the queries are not whole rows, or one is not finite
   */
  search(queries: Float32Array, k: number): Hit[][] {
    checkDepth(k);
    const { dim, size } = this;
    const count = checkQueries(queries, dim);
    // The last tile is filled up with zeros, whose heaps are thrown away.
    const tiles = Math.ceil(count / TILE);
    const padded = this.prepare(queries, tiles * TILE);
    const heaps = Array.from({ length: tiles * TILE }, (_, q) => new TopK(q < count ? k : 0, this.places));
    const block = Math.max(1, Math.floor(BLOCK_VALUES / dim));
    for (let begin = 0; begin < size; begin += block) {
      for (let tile = 0; tile < tiles; tile++) {
        const rows = padded.subarray(tile * TILE * dim, (tile + 1) * TILE * dim);
        const tops = heaps.slice(tile * TILE, (tile + 1) * TILE);
        this.scoreTile(rows, begin, Math.min(begin + block, size), tops);
      }
    }
    return heaps.slice(0, count).map((heap) => heap.drain(this.ids));
  }

  /**
   * As `search`, among the documents that are named for each query.
   * @param queries [number of queries, dim], row-major
   * @param named ids, a list a query
   * @throws if there is not a list for each query, an id is of no document, or as `search`
   */
  score(queries: Float32Array, named: readonly (readonly string[])[]): Hit[][] {
    const { dim, ids, places } = this;
    const wanted = this.numbers.ofEach(named, checkQueries(queries, dim));
    return wanted.map((docs, q) => {
      // A tile of one query, so that every score comes out of the sums of `search`.
      const rows = this.prepare(queries.subarray(q * dim, (q + 1) * dim), TILE);
      const tops = Array.from({ length: TILE }, (_, i) => new TopK(i === 0 ? docs.length : 0, places));
      for (const doc of docs) this.scoreTile(rows, doc, doc + 1, tops);
      return tops[0].drain(ids);
    });
  }

  /** Queries as they are multiplied, filled up with zeros to `rows` of them. */
  private prepare(queries: Float32Array, rows: number): Float64Array {
    const { dim } = this;
    const padded = new Float64Array(rows * dim);
    padded.set(queries);
    if (this.inverses)
      for (let at = 0; at < queries.length; at += dim) padded.set(unitLength(padded.slice(at, at + dim)), at);
    return padded;
  }

  private scoreTile(rows: Float64Array, begin: number, end: number, tops: TopK[]): void {
    if (this.similarity === 'euclidean' || this.similarity === 'manhattan') this.scoreDistances(rows, begin, end, tops);
    else this.scoreProducts(rows, begin, end, tops);
  }

  /** Products of documents begin .. end and a tile of queries. Four sums and no array of them, so that they are registers. */
  private scoreProducts(rows: Float64Array, begin: number, end: number, [heap0, heap1, heap2, heap3]: TopK[]): void {
    const { dim, vectors, inverses } = this;
    for (let doc = begin; doc < end; doc++) {
      const row = doc * dim;
      let sum0 = 0;
      let sum1 = 0;
      let sum2 = 0;
      let sum3 = 0;
      for (let i = 0; i < dim; i++) {
        const value = vectors[row + i];
        sum0 += value * rows[i];
        sum1 += value * rows[dim + i];
        sum2 += value * rows[2 * dim + i];
        sum3 += value * rows[3 * dim + i];
      }
      const inverse = inverses ? inverses[doc] : 1;
      heap0.push(doc, Math.fround(sum0 * inverse));
      heap1.push(doc, Math.fround(sum1 * inverse));
      heap2.push(doc, Math.fround(sum2 * inverse));
      heap3.push(doc, Math.fround(sum3 * inverse));
    }
  }

  /** Negative distances, in the same tiles: sums of |a - b|, or roots of sums of (a - b)^2. */
  private scoreDistances(rows: Float64Array, begin: number, end: number, heaps: TopK[]): void {
    const { dim, vectors } = this;
    const squared = this.similarity === 'euclidean';
    for (let doc = begin; doc < end; doc++) {
      const row = doc * dim;
      heaps.forEach((heap, q) => {
        let sum = 0;
        for (let i = 0, at = q * dim; i < dim; i++, at++) {
          const difference = vectors[row + i] - rows[at];
          sum += squared ? difference * difference : Math.abs(difference);
        }
        heap.push(doc, Math.fround(-(squared ? Math.sqrt(sum) : sum)));
      });
    }
  }
}

/** @throws naming the document with a value that is not finite, of rows of `width` values */
export function checkFinite(ids: readonly string[], values: Float32Array, width: number): void {
  const wrong = values.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0)
    throw new Error(
      `index: the vector of document "${ids[Math.floor(wrong / width)]}" contains ${values[wrong]}, expected finite numbers; check the model.`,
    );
}

/** The number of queries. @throws if they are not whole rows, or one is not finite */
export function checkQueries(queries: Float32Array, dim: number): number {
  const count = queries.length / dim;
  if (!Number.isInteger(count))
    throw new Error(`search: ${queries.length} query values, expected a multiple of ${dim}; same model as the index?`);
  const wrong = queries.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0)
    throw new Error(
      `search: query ${Math.floor(wrong / dim)} contains ${queries[wrong]}, expected finite numbers; check the model.`,
    );
  return count;
}

function inverseLengths(vectors: Float32Array, dim: number): Float64Array {
  return Float64Array.from({ length: vectors.length / dim }, (_, doc) => {
    let sum = 0;
    for (let i = doc * dim; i < (doc + 1) * dim; i++) sum += vectors[i] * vectors[i];
    return 1 / Math.max(Math.sqrt(sum), 1e-12);
  });
}
