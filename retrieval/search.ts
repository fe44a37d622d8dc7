// Exact search over embeddings in memory, by any of sentence-transformers' similarities. After FAISS's IndexFlatIP.
import { similarities, unitLength, type Similarity } from '../nn/index.js';
import { checkDepth, DocumentNumbers, tiePlaces, TopK } from './ranking.js';
import type { Hit } from './types.js';
import { WholeVectors, type VectorStore } from './vector-store.js';

/** Queries scored together: each value of a document is loaded once for all of them. */
const TILE = 4;
/** Documents scored before the next tile of queries takes its turn: as many values as stay in a core's cache. */
const BLOCK_VALUES = 1 << 16;
/** Documents that are compared by their numbers, for each that is asked for, where a sketch says which come into question. */
const OVERSAMPLE = 4;

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

/** Ranks all documents for each query, by what their vectors are as they are kept. */
export class FlatIndex implements Index {
  readonly similarity: Similarity;
  readonly model: string | undefined;
  readonly represent: string | undefined;
  private readonly places: Int32Array;
  private readonly numbers: DocumentNumbers;
  readonly store: VectorStore;
  /** 1 / |vector| of each document, where the cosine is wanted. */
  private readonly inverses: Float64Array | undefined;

  /**
   * @param ids one a document, distinct
   * @param vectors [ids.length, dim], row-major, kept as given, not copied and not normalized; or a store of vectors, of
   *   `dim` numbers or of as many of the first
   * @param dim numbers of a query
   * @throws if sizes do not agree, an id comes twice, or a value is not finite
   */
  constructor(
    readonly ids: readonly string[],
    vectors: Float32Array | VectorStore,
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
    this.store = storeOf(ids, vectors, dim);
    this.places = tiePlaces(ids);
    this.numbers = new DocumentNumbers(ids);
    this.similarity = similarity;
    this.model = model;
    this.represent = represent;
    if (similarity === 'cosine') this.inverses = inverseLengths(this.store);
  }

  get size(): number {
    return this.ids.length;
  }

  /** Vectors as they are kept, [size, numbers kept], row-major. */
  get vectors(): Float32Array {
    return this.store.rows(0, this.size);
  }

  /** Bytes that the vector of a document takes. */
  get bytes(): number {
    return this.store.bytes;
  }

  /**
   * The k documents of the largest score for each query, best first, ties as trec_eval breaks them; all documents where
   * there are fewer than k. Scores are summed in float64, in the order of the dimensions, and rounded to float32: the
   * same whatever other queries come along. Of a store with sketches only the four k nearest by these are scored.
   *
   * @param queries [number of queries, dim], row-major
   * @throws if the queries are not whole rows, or one is not finite
   */
  search(queries: Float32Array, k: number): Hit[][] {
    checkDepth(k);
    const { size } = this;
    const { dim } = this.store;
    const count = checkQueries(queries, this.dim);
    if (this.store.sketch) return this.searchSketched(queries, count, k);
    // The last tile is filled up with zeros, whose heaps are thrown away.
    const tiles = Math.ceil(count / TILE);
    const padded = this.prepare(queries, tiles * TILE);
    const heaps = Array.from({ length: tiles * TILE }, (_, q) => new TopK(q < count ? k : 0, this.places));
    const block = Math.max(1, Math.floor(BLOCK_VALUES / dim));
    for (let begin = 0; begin < size; begin += block) {
      const vectors = this.store.rows(begin, Math.min(begin + block, size));
      for (let tile = 0; tile < tiles; tile++) {
        const rows = padded.subarray(tile * TILE * dim, (tile + 1) * TILE * dim);
        const tops = heaps.slice(tile * TILE, (tile + 1) * TILE);
        this.scoreTile(rows, begin, vectors, tops);
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
    const { dim } = this;
    const wanted = this.numbers.ofEach(named, checkQueries(queries, dim));
    return wanted.map((docs, q) => {
      const rows = this.prepare(queries.subarray(q * dim, (q + 1) * dim), TILE);
      return this.scoreDocuments(rows, docs, docs.length);
    });
  }

  private searchSketched(queries: Float32Array, count: number, k: number): Hit[][] {
    const { dim, store, places, size } = this;
    return Array.from({ length: count }, (_, q) => {
      const rows = this.prepare(queries.subarray(q * dim, (q + 1) * dim), TILE);
      const likeness = store.sketch!(rows.subarray(0, store.dim));
      const near = new TopK(OVERSAMPLE * k, places);
      for (let doc = 0; doc < size; doc++) near.push(doc, likeness(doc));
      return this.scoreDocuments(rows, near.documents(), k);
    });
  }

  /** The best k of some documents, in a tile of one query, so that every score comes out of the sums of `search`. */
  private scoreDocuments(rows: Float64Array, docs: Iterable<number>, k: number): Hit[] {
    const tops = Array.from({ length: TILE }, (_, i) => new TopK(i === 0 ? k : 0, this.places));
    for (const doc of docs) this.scoreTile(rows, doc, this.store.rows(doc, doc + 1), tops);
    return tops[0].drain(this.ids);
  }

  /** Queries as they are multiplied, as wide as the vectors that are kept, filled up with zeros to `rows` of them. */
  private prepare(queries: Float32Array, rows: number): Float64Array {
    const { dim: width, store } = this;
    const { dim } = store;
    const padded = new Float64Array(rows * dim);
    for (let q = 0; q * width < queries.length; q++) {
      const query = Float64Array.from(queries.subarray(q * width, q * width + dim));
      padded.set(this.inverses ? unitLength(query) : query, q * dim);
    }
    return padded;
  }

  private scoreTile(rows: Float64Array, begin: number, vectors: Float32Array, tops: TopK[]): void {
    if (this.similarity === 'euclidean' || this.similarity === 'manhattan')
      this.scoreDistances(rows, begin, vectors, tops);
    else this.scoreProducts(rows, begin, vectors, tops);
  }

  /**
   * Products of the documents from `begin` on, whose vectors are given, and a tile of queries. Four sums and no array of
   * them, so that they are registers.
   */
  private scoreProducts(
    rows: Float64Array,
    begin: number,
    vectors: Float32Array,
    [heap0, heap1, heap2, heap3]: TopK[],
  ): void {
    const { inverses } = this;
    const { dim } = this.store;
    for (let doc = begin, row = 0; row < vectors.length; doc++, row += dim) {
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
  private scoreDistances(rows: Float64Array, begin: number, vectors: Float32Array, heaps: TopK[]): void {
    const { dim } = this.store;
    const squared = this.similarity === 'euclidean';
    for (let doc = begin, row = 0; row < vectors.length; doc++, row += dim) {
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

/** @throws if sizes do not agree, or a value is not finite */
function storeOf(ids: readonly string[], vectors: Float32Array | VectorStore, dim: number): VectorStore {
  if (vectors instanceof Float32Array) {
    if (vectors.length !== ids.length * dim)
      throw new Error(
        `index: ${vectors.length} values for ${ids.length} documents of dimension ${dim}, expected ${ids.length * dim}; pass one row per document.`,
      );
    checkFinite(ids, vectors, dim);
    return new WholeVectors(vectors, dim);
  }
  if (vectors.size !== ids.length || vectors.dim > dim)
    throw new Error(
      `index: ${vectors.size} vectors of ${vectors.dim} numbers for ${ids.length} documents and queries of ${dim} numbers; pass one a document, of no more numbers than a query.`,
    );
  for (let doc = 0; doc < vectors.size; doc++) checkFinite(ids.slice(doc, doc + 1), vectors.rows(doc, doc + 1), dim);
  return vectors;
}

function inverseLengths(store: VectorStore): Float64Array {
  return Float64Array.from({ length: store.size }, (_, doc) => {
    const sum = store.rows(doc, doc + 1).reduce((sum, value) => sum + value * value, 0);
    return 1 / Math.max(Math.sqrt(sum), 1e-12);
  });
}
