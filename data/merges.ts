// Pair counts of byte-pair encoding, kept up to date merge by merge (after Hugging Face's `BpeTrainer`).

/** Two neighbouring pieces and how often they stand side by side, weighted by the counts of their words. */
export interface Pair {
  left: number;
  right: number;
  count: number;
}

interface Entry extends Pair {
  /** Words that may hold the pair; a word whose pair was merged away since stays listed. */
  words: number[];
}

/** Piece ids are below 2^26, so two of them make one exact number, and a Map key. */
const ID_RANGE = 2 ** 26;

/** A merge changes only the neighbours of the merged pair, so its cost follows its occurrences, not the corpus. */
export class Merges {
  private readonly entries = new Map<number, Entry>();
  private readonly heap = new Heap();

  /** `words[w]` are the pieces of distinct word w (changed in place), `counts[w]` is how often it occurs. */
  constructor(
    private readonly words: Int32Array[],
    private readonly counts: readonly number[],
  ) {
    words.forEach((pieces, w) => {
      for (let i = 1; i < pieces.length; i++) this.change(pieces[i - 1], pieces[i], counts[w], w);
    });
    for (const entry of this.entries.values()) this.heap.push(entry, entry.count);
  }

  /**
   * The most frequent pair; among equals the one with the smaller left, then right, id. The heap's counts may be out
   * of date, never too low: an entry is pushed anew when its count grows, and put back lower when it comes up too high.
   */
  best(): Pair | undefined {
    for (;;) {
      const top = this.heap.pop();
      if (top === undefined) return undefined;
      if (top.count === top.entry.count) return top.entry;
      if (top.count > top.entry.count && top.entry.count > 0) this.heap.push(top.entry, top.entry.count);
    }
  }

  /** Replaces the pair by `merged` in every word, and counts anew the pairs that this makes and unmakes. */
  apply({ left, right }: Pair, merged: number): void {
    const key = left * ID_RANGE + right;
    const entry = this.entries.get(key)!;
    this.entries.delete(key);
    entry.count = 0; // which voids what the heap still holds of it
    const grown = new Set<Entry>();
    for (const w of entry.words) {
      const pieces = this.words[w];
      const count = this.counts[w];
      let length = 0;
      for (let i = 0; i < pieces.length; i++) {
        if (pieces[i] !== left || pieces[i + 1] !== right) {
          pieces[length++] = pieces[i];
          continue;
        }
        if (length > 0) {
          this.change(pieces[length - 1], left, -count, w);
          grown.add(this.change(pieces[length - 1], merged, count, w));
        }
        if (i + 2 < pieces.length) {
          this.change(right, pieces[i + 2], -count, w);
          grown.add(this.change(merged, pieces[i + 2], count, w));
        }
        pieces[length++] = merged;
        i++;
      }
      this.words[w] = pieces.subarray(0, length);
    }
    // Overlapping occurrences (`aaa`) took from the pair's own count; no occurrence is left, so nothing of it is.
    this.entries.delete(key);
    for (const changed of grown) if (changed.count > 0) this.heap.push(changed, changed.count);
  }

  private change(left: number, right: number, by: number, w: number): Entry {
    const key = left * ID_RANGE + right;
    let entry = this.entries.get(key);
    if (entry === undefined) {
      entry = { left, right, count: 0, words: [] };
      this.entries.set(key, entry);
    }
    entry.count += by;
    if (by > 0 && entry.words[entry.words.length - 1] !== w) entry.words.push(w);
    return entry;
  }
}

interface Item {
  entry: Entry;
  /** The entry's count when it was pushed. */
  count: number;
}

const before = (a: Item, b: Item): boolean =>
  a.count !== b.count
    ? a.count > b.count
    : a.entry.left !== b.entry.left
      ? a.entry.left < b.entry.left
      : a.entry.right < b.entry.right;

/** A binary heap, the best item first. */
class Heap {
  private readonly items: Item[] = [];

  push(entry: Entry, count: number): void {
    const item = { entry, count };
    let at = this.items.length;
    this.items.push(item);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(item, this.items[parent])) break;
      this.items[at] = this.items[parent];
      at = parent;
    }
    this.items[at] = item;
  }

  pop(): Item | undefined {
    const { items } = this;
    const top = items[0];
    const last = items.pop();
    if (last === undefined || items.length === 0) return last;
    let at = 0;
    for (let child = 1; child < items.length; child = 2 * at + 1) {
      if (child + 1 < items.length && before(items[child + 1], items[child])) child++;
      if (!before(items[child], last)) break;
      items[at] = items[child];
      at = child;
    }
    items[at] = last;
    return top;
  }
}
