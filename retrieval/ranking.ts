// The one order of hits: best score first, ties as trec_eval breaks them; and the best k of a stream, by a bounded heap.
import type { Hit } from './types.js';

/**
 * Orders identifiers as C's strcmp orders their UTF-8 bytes: below 0 where `a` comes first. This is code point order,
 * which differs from JavaScript's comparison of UTF-16 code units where surrogates (U+10000 and up) meet U+E000-U+FFFF.
 */
export function compareIds(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) {
      const astralX = (x & 0xf800) === 0xd800;
      const astralY = (y & 0xf800) === 0xd800;
      return astralX === astralY ? x - y : astralX ? 1 : -1;
    }
  }
  return a.length - b.length;
}

/** Score descending, equal scores by identifier descending: trec_eval's comparison, deaf to the order of the run. */
export const compareHits = (a: Hit, b: Hit): number => b.score - a.score || compareIds(b.id, a.id);

/**
 * For each document its place among all identifiers in descending order, so that ties are broken by comparing integers.
 * @throws if an identifier comes twice
 */
export function tiePlaces(ids: readonly string[]): Int32Array {
  const order = Array.from(ids.keys()).sort((a, b) => compareIds(ids[b], ids[a]));
  const places = new Int32Array(ids.length);
  order.forEach((doc, place) => {
    if (place > 0 && ids[doc] === ids[order[place - 1]]) {
      throw new Error(
        `retrieval: the document id "${ids[doc]}" comes twice, expected distinct ids; rename or drop one of the two.`,
      );
    }
    places[doc] = place;
  });
  return places;
}

/** Numbers of documents by their ids. The map is made at the first question: searching alone needs none. */
export class DocumentNumbers {
  private numbers: ReadonlyMap<string, number> | undefined;

  constructor(private readonly ids: readonly string[]) {}

  has(id: string): boolean {
    return this.all().has(id);
  }

  /** @throws if no document has this id */
  of(id: string): number {
    const doc = this.all().get(id);
    if (doc === undefined)
      throw new Error(
        `retrieval: no document has the id ${JSON.stringify(id)}, expected one of the ${this.ids.length} that there are; ask for one of these.`,
      );
    return doc;
  }

  /**
   * The documents that are named for each of `count` queries, each once.
   * @throws if there is not a list for each query, or an id is of no document
   */
  ofEach(named: readonly (readonly string[])[], count: number): number[][] {
    if (named.length !== count)
      throw new Error(`retrieval: ${named.length} lists of documents for ${count} queries; pass one a query.`);
    return named.map((ids) => [...new Set(ids)].map((id) => this.of(id)));
  }

  private all(): ReadonlyMap<string, number> {
    return (this.numbers ??= new Map(this.ids.map((id, doc) => [id, doc])));
  }
}

/** The number of hits asked for. @throws if it is not a whole number of at least 1 */
export function checkDepth(k: number): void {
  if (!Number.isInteger(k) || k < 1) {
    throw new Error(`retrieval: asked for the best k = ${k} documents; k must be a whole number of at least 1.`);
  }
}

/** The best k of any number of scored documents, in O(k) memory: a heap with the worst of them on top. */
export class TopK {
  private readonly docs: Int32Array;
  private readonly scores: Float64Array;
  private size = 0;

  /**
   * @param k how many to keep
   * @param places by document number, from `tiePlaces`
   */
  constructor(
    k: number,
    private readonly places: Int32Array,
  ) {
    const capacity = Math.min(k, places.length);
    this.docs = new Int32Array(capacity);
    this.scores = new Float64Array(capacity);
  }

  /** Offers a document; to be called at most once for each. */
  push(doc: number, score: number): void {
    const { docs, scores } = this;
    if (this.size < docs.length) {
      let i = this.size++;
      for (let parent = (i - 1) >> 1; i > 0 && this.worse(doc, score, parent); parent = (i - 1) >> 1) {
        docs[i] = docs[parent];
        scores[i] = scores[parent];
        i = parent;
      }
      docs[i] = doc;
      scores[i] = score;
    } else if (score >= scores[0] && !this.worse(doc, score, 0)) {
      this.replaceWorst(doc, score);
    }
  }

  /** The documents that are kept, in no order. */
  documents(): Int32Array {
    return this.docs.slice(0, this.size);
  }

  /** Empties the heap into hits, best first. */
  drain(ids: readonly string[]): Hit[] {
    const hits = new Array<Hit>(this.size);
    while (this.size > 0) {
      const [doc, score] = [this.docs[0], this.scores[0]];
      const last = --this.size;
      hits[last] = { id: ids[doc], score };
      this.replaceWorst(this.docs[last], this.scores[last]);
    }
    return hits;
  }

  /** Whether a document ranks below the one in slot i. */
  private worse(doc: number, score: number, i: number): boolean {
    const other = this.scores[i];
    return score < other || (score === other && this.places[doc] > this.places[this.docs[i]]);
  }

  private replaceWorst(doc: number, score: number): void {
    const { docs, scores, size } = this;
    let i = 0;
    for (let child = 1; child < size; child = 2 * i + 1) {
      if (child + 1 < size && this.worse(docs[child + 1], scores[child + 1], child)) child++;
      if (this.worse(doc, score, child)) break;
      docs[i] = docs[child];
      scores[i] = scores[child];
      i = child;
    }
    docs[i] = doc;
    scores[i] = score;
  }
}
