// BM25 over an inverted index. After Robertson and Walker, in Lucene's form (BM25Similarity), with Anserini's k1 and b.
import { englishAnalyzer, type Analyzer } from './analyzer.js';
import { checkDepth, DocumentNumbers, tiePlaces, TopK } from './ranking.js';
import type { Hit } from './types.js';

export interface Bm25Options {
  /** How soon repetitions of a term stop counting; 0 counts presence only. */
  readonly k1?: number;
  /** How much of a document's length is held against it, 0 .. 1. */
  readonly b?: number;
  readonly analyzer?: Analyzer;
}

/**
 * The score of a document d is the sum, over the terms of the query with their repetitions, of
 *
 *     ln(1 + (N - df + 0.5) / (df + 0.5)) * tf / (tf + k1 * (1 - b + b * |d| / mean |d|))
 *
 * with N documents, df of them with the term, and tf occurrences in d. Lucene stores |d| in one byte, with four
 * significant bits; so does this index, since it decides ties and neighbours as Lucene does. The mean is of exact
 * lengths, over documents that have any term, also as there.
 */
export class Bm25 {
  private readonly ids: readonly string[];
  private readonly places: Int32Array;
  private readonly numbers: DocumentNumbers;
  private readonly analyzer: Analyzer;
  private readonly terms = new Map<string, number>();
  /** The postings of term t lie at offsets[t] .. offsets[t + 1]: documents ascending, and what the term adds to each. */
  private readonly offsets: Uint32Array;
  private readonly postings: Uint32Array;
  private readonly impacts: Float32Array;
  /** All zero between searches, so that a search clears only what it touched. */
  private readonly sums: Float64Array;

  /** @throws if an id comes twice, or k1 or b are out of range */
  constructor(
    docs: readonly { readonly id: string; readonly text: string }[],
    { k1 = 0.9, b = 0.4, analyzer = englishAnalyzer() }: Bm25Options = {},
  ) {
    if (!(k1 >= 0 && k1 < Infinity)) throw new Error(`bm25: k1 = ${k1}, expected 0 or more; 0.9 is usual.`);
    if (!(b >= 0 && b <= 1)) throw new Error(`bm25: b = ${b}, expected 0 .. 1; 0.4 is usual.`);
    this.ids = docs.map(({ id }) => id);
    this.places = tiePlaces(this.ids);
    this.numbers = new DocumentNumbers(this.ids);
    this.analyzer = analyzer;
    this.sums = new Float64Array(docs.length);

    const lengths = new Uint32Array(docs.length);
    const counted = docs.map(({ text }, doc) => {
      const terms = analyzer(text);
      lengths[doc] = terms.length;
      return this.countTerms(terms);
    });
    this.offsets = offsetsOf(counted, this.terms.size);
    this.postings = new Uint32Array(this.offsets[this.terms.size]);
    this.impacts = new Float32Array(this.postings.length);
    this.fill(counted, lengthNorms(lengths, k1, b));
  }

  get size(): number {
    return this.ids.length;
  }

  /**
   * The k best documents that share a term with the query, best first, in trec_eval's order. Scores are rounded to
   * float32, as Lucene's are.
   */
  search(query: string, k: number): Hit[] {
    checkDepth(k);
    const best = new TopK(k, this.places);
    for (const doc of this.addUp(query)) best.push(doc, this.take(doc));
    return best.drain(this.ids);
  }

  /**
   * The scores of some documents, as `search` gives them; 0 for one that shares no term with the query.
   * @throws if there is no such document
   */
  scores(query: string, ids: readonly string[]): number[] {
    const docs = ids.map((id) => this.numbers.of(id));
    const touched = new Map(this.addUp(query).map((doc) => [doc, this.take(doc)]));
    return docs.map((doc) => touched.get(doc) ?? 0);
  }

  /** Leaves what the terms of a query add to each document in `sums`. Returns the documents, which are to be taken. */
  private addUp(query: string): number[] {
    const { sums, offsets, postings, impacts } = this;
    const touched: number[] = [];
    for (const term of this.analyzer(query)) {
      const t = this.terms.get(term);
      if (t === undefined) continue;
      for (let i = offsets[t]; i < offsets[t + 1]; i++) {
        const doc = postings[i];
        if (sums[doc] === 0) touched.push(doc);
        sums[doc] += impacts[i];
      }
    }
    return touched;
  }

  /** The score of a document out of `sums`, which has 0 in its place then. */
  private take(doc: number): number {
    const score = Math.fround(this.sums[doc]);
    this.sums[doc] = 0;
    return score;
  }

  /** Pairs of term number and count, numbering terms as they appear. */
  private countTerms(terms: readonly string[]): Uint32Array {
    const counts = new Map<number, number>();
    for (const term of terms) {
      let t = this.terms.get(term);
      if (t === undefined) this.terms.set(term, (t = this.terms.size));
      counts.set(t, (counts.get(t) ?? 0) + 1);
    }
    return Uint32Array.from([...counts].flat());
  }

  private fill(counted: readonly Uint32Array[], norms: Float64Array): void {
    const next = this.offsets.slice();
    const idfs = Float64Array.from({ length: this.terms.size }, (_, t) => {
      const df = this.offsets[t + 1] - this.offsets[t];
      return Math.log(1 + (this.size - df + 0.5) / (df + 0.5));
    });
    counted.forEach((pairs, doc) => {
      for (let i = 0; i < pairs.length; i += 2) {
        const [t, tf] = [pairs[i], pairs[i + 1]];
        const at = next[t]++;
        this.postings[at] = doc;
        this.impacts[at] = (idfs[t] * tf) / (tf + norms[doc]);
      }
    });
  }
}

/** Where each term's postings start: the running sum of document frequencies. */
function offsetsOf(counted: readonly Uint32Array[], terms: number): Uint32Array {
  const offsets = new Uint32Array(terms + 1);
  for (const pairs of counted) for (let i = 0; i < pairs.length; i += 2) offsets[pairs[i] + 1]++;
  for (let t = 0; t < terms; t++) offsets[t + 1] += offsets[t];
  return offsets;
}

/** The denominator's k1 * (1 - b + b * |d| / mean |d|) of each document. */
function lengthNorms(lengths: Uint32Array, k1: number, b: number): Float64Array {
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const mean =
    total /
    Math.max(
      1,
      lengths.reduce((sum, length) => sum + Math.min(length, 1), 0),
    );
  return Float64Array.from(lengths, (length) => k1 * (1 - b + (b * roundLength(length)) / mean));
}

/** Lucene's SmallFloat.byte4ToInt(intToByte4(n)): exact up to 40, above that n - 24 loses all but four leading bits. */
export function roundLength(length: number): number {
  const rest = length - 24;
  if (rest < 16) return length;
  const unit = 2 ** (28 - Math.clz32(rest));
  return 24 + Math.floor(rest / unit) * unit;
}
