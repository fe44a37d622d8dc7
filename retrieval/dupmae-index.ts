// Exact search over DupMAE's representation (Xiao et al., 2023, arXiv 2305.02564): dense numbers and weighted words.
import { checkDepth, DocumentNumbers, tiePlaces, TopK } from './ranking.js';
import { checkFinite, checkQueries, type Index } from './search.js';
import type { Hit } from './types.js';

/** Documents scored for one query before the next takes its turn: as many as stay in a core's cache. */
const BLOCK = 512;

/** What is kept of n documents. */
export interface DupmaeDocuments {
  /** [n, dense], row-major. */
  readonly vectors: Float32Array;
  /** Ids of the k words of each, rising: [n, k]. */
  readonly words: Int32Array;
  /** Their weights, [n, k]. */
  readonly weights: Float32Array;
}

export interface DupmaeShape {
  /** Dense numbers of a document. */
  readonly dense: number;
  /** Words of a document. */
  readonly k: number;
  /** Words of the vocabulary, of which a query has all. */
  readonly vocabulary: number;
}

/**
 * Ranks all documents for each query by a_q . a_p + sum over the words t of the document of m_q[t] m_p[t]. Queries weigh all
 * words, so an inverted list would be read from end to end: documents are scanned as they lie.
 */
export class DupmaeIndex implements Index {
  readonly represent = 'dupmae';
  readonly similarity = 'dot';
  private readonly places: Int32Array;
  private readonly numbers: DocumentNumbers;

  /**
   * @param ids one a document, distinct
   * @throws if sizes do not agree, an id comes twice, words are not rising ids of the vocabulary, or a value is not finite
   */
  constructor(
    readonly ids: readonly string[],
    readonly documents: DupmaeDocuments,
    readonly shape: DupmaeShape,
    /** The fingerprint of the model that made the vectors. */
    readonly model?: string,
  ) {
    const { dense, k, vocabulary } = shape;
    if (![dense, k, vocabulary].every((n) => Number.isInteger(n) && n >= 1) || k > vocabulary)
      throw new Error(
        `index: ${dense} dense numbers and ${k} of ${vocabulary} words, expected whole numbers of at least 1, and no more words than the vocabulary has.`,
      );
    const { vectors, words, weights } = documents;
    for (const [name, { length }, width] of [
      ['vectors', vectors, dense],
      ['words', words, k],
      ['weights', weights, k],
    ] as const)
      if (length !== ids.length * width)
        throw new Error(
          `index: ${name} are ${length} for ${ids.length} documents, expected ${ids.length * width}; pass ${width} a document.`,
        );
    checkFinite(ids, vectors, dense);
    checkFinite(ids, weights, k);
    const wrong = words.findIndex((word, i) => word >= vocabulary || word < (i % k === 0 ? 0 : words[i - 1] + 1));
    if (wrong >= 0)
      throw new Error(
        `index: of document "${ids[Math.floor(wrong / k)]}", a word is ${words[wrong]}; expected rising ids below ${vocabulary}.`,
      );
    this.places = tiePlaces(ids);
    this.numbers = new DocumentNumbers(ids);
  }

  get size(): number {
    return this.ids.length;
  }

  /** Numbers of a query: dense ones, then a weight for each word of the vocabulary. */
  get dim(): number {
    return this.shape.dense + this.shape.vocabulary;
  }

  /** Bytes that a document takes: its dense numbers, and its words with their weights. */
  get bytes(): number {
    return 4 * this.shape.dense + (4 + 4) * this.shape.k;
  }

  /**
   * As `FlatIndex.search`, and to the bits of one that has a number for each word of the vocabulary.
   * @param queries [number of queries, dim], row-major
   * @throws if the queries are not whole rows, or one is not finite
   */
  search(queries: Float32Array, k: number): Hit[][] {
    checkDepth(k);
    const { dim, size, ids, places } = this;
    const count = checkQueries(queries, dim);
    const heaps = Array.from({ length: count }, () => new TopK(k, places));
    for (let begin = 0; begin < size; begin += BLOCK)
      heaps.forEach((heap, q) => {
        const query = queries.subarray(q * dim, (q + 1) * dim);
        for (let doc = begin; doc < Math.min(begin + BLOCK, size); doc++)
          heap.push(doc, Math.fround(this.product(query, doc)));
      });
    return heaps.map((heap) => heap.drain(ids));
  }

  /** As `FlatIndex.score`. @throws as that */
  score(queries: Float32Array, named: readonly (readonly string[])[]): Hit[][] {
    const { dim, ids, places } = this;
    const wanted = this.numbers.ofEach(named, checkQueries(queries, dim));
    return wanted.map((docs, q) => {
      const query = queries.subarray(q * dim, (q + 1) * dim);
      const heap = new TopK(docs.length, places);
      for (const doc of docs) heap.push(doc, Math.fround(this.product(query, doc)));
      return heap.drain(ids);
    });
  }

  private product(query: Float32Array, doc: number): number {
    const { vectors, words, weights } = this.documents;
    const { dense, k } = this.shape;
    let sum = 0;
    for (let i = 0, at = doc * dense; i < dense; i++, at++) sum += vectors[at] * query[i];
    for (let at = doc * k; at < (doc + 1) * k; at++) sum += weights[at] * query[dense + words[at]];
    return sum;
  }
}
