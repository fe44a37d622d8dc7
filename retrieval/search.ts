// Exact search by inner product over embeddings in memory. After FAISS's IndexFlatIP.
import { checkDepth, tiePlaces, TopK } from './ranking.js';
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
}

/** Ranks all documents for each query. Vectors are kept as given, not copied and not normalized. */
export class FlatIndex implements Index {
  private readonly places: Int32Array;

  /**
   * @param ids one a document, distinct
   * @param vectors [ids.length, dim], row-major
   * @throws if sizes do not agree, an id comes twice, or a value is not finite
   */
  constructor(
    readonly ids: readonly string[],
    readonly vectors: Float32Array,
    readonly dim: number,
  ) {
    if (!Number.isInteger(dim) || dim < 1) {
      throw new Error(`index: dim = ${dim}, expected a whole number of at least 1; pass the model's hidden size.`);
    }
    if (vectors.length !== ids.length * dim) {
      throw new Error(
        `index: ${vectors.length} values for ${ids.length} documents of dimension ${dim}, expected ${ids.length * dim}; pass one row per document.`,
      );
    }
    const wrong = vectors.findIndex((value) => !Number.isFinite(value));
    if (wrong >= 0) {
      const id = ids[Math.floor(wrong / dim)];
      throw new Error(
        `index: the vector of document "${id}" contains ${vectors[wrong]}, expected finite numbers; check the model.`,
      );
    }
    this.places = tiePlaces(ids);
  }

  get size(): number {
    return this.ids.length;
  }

  /**
   * The k documents with the largest inner product for each query, best first, ties as trec_eval breaks them; all
   * documents where there are fewer than k. Products are summed in float64, in the order of the dimensions, and rounded
   * to float32: the same whatever other queries come along.
   *
   * @param queries [number of queries, dim], row-major
   * @throws if the queries are not whole rows, or one is not finite
   */
  search(queries: Float32Array, k: number): Hit[][] {
    checkDepth(k);
    const { dim, size } = this;
    const count = queries.length / dim;
    if (!Number.isInteger(count)) {
      throw new Error(
        `search: ${queries.length} query values, expected a multiple of ${dim}; same model as the index?`,
      );
    }
    const wrong = queries.findIndex((value) => !Number.isFinite(value));
    if (wrong >= 0) {
      throw new Error(
        `search: query ${Math.floor(wrong / dim)} contains ${queries[wrong]}, expected finite numbers; check the model.`,
      );
    }
    // The last tile is filled up with zeros, whose heaps are thrown away.
    const tiles = Math.ceil(count / TILE);
    const padded = new Float64Array(tiles * TILE * dim);
    padded.set(queries);
    const heaps = Array.from({ length: tiles * TILE }, (_, q) => new TopK(q < count ? k : 0, this.places));
    const block = Math.max(1, Math.floor(BLOCK_VALUES / dim));
    for (let begin = 0; begin < size; begin += block) {
      for (let tile = 0; tile < tiles; tile++) {
        const rows = padded.subarray(tile * TILE * dim, (tile + 1) * TILE * dim);
        this.score(rows, begin, Math.min(begin + block, size), heaps.slice(tile * TILE, (tile + 1) * TILE));
      }
    }
    return heaps.slice(0, count).map((heap) => heap.drain(this.ids));
  }

  /** Scores documents begin .. end for a tile of queries. Four sums and no array of them, so that they are registers. */
  private score(rows: Float64Array, begin: number, end: number, [heap0, heap1, heap2, heap3]: TopK[]): void {
    const { dim, vectors } = this;
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
      heap0.push(doc, Math.fround(sum0));
      heap1.push(doc, Math.fround(sum1));
      heap2.push(doc, Math.fround(sum2));
      heap3.push(doc, Math.fround(sum3));
    }
  }
}
