// A hash table from words to small integers that reads its keys in place: looking a word up builds no string.

/** FNV-1a, 32 bits: start from `HASH_SEED` and fold one UTF-16 unit after another. */
export const HASH_SEED = 0x811c9dc5 | 0;
export const foldHash = (hash: number, unit: number): number => Math.imul(hash ^ unit, 0x01000193);

/**
 * Open addressing with linear probing. A key is a range of UTF-16 units of some text, copied into one shared arena
 * when it is added. A `Map<string, number>` would need a substring per look-up, and a substring kept as a key keeps
 * the whole text that it was cut from alive.
 */
export class WordTable {
  /** Number of words held. Words get the indices 0, 1, 2, ... in the order of `add`. */
  size = 0;
  private slots = new Int32Array(1 << 12).fill(-1);
  private hashes = new Int32Array(1 << 11);
  private starts = new Int32Array((1 << 11) + 1);
  private units = new Uint16Array(1 << 14);

  /** The index of `text[start, end)`, whose hash is `hash`, or -1. */
  find(text: string, start: number, end: number, hash: number): number {
    const mask = this.slots.length - 1;
    for (let slot = spread(hash) & mask; ; slot = (slot + 1) & mask) {
      const index = this.slots[slot];
      if (index < 0) return -1;
      if (this.hashes[index] === hash && this.equals(index, text, start, end)) return index;
    }
  }

  /** Adds a word that `find` did not find; returns its index. */
  add(text: string, start: number, end: number, hash: number): number {
    if (this.size === this.hashes.length) this.grow();
    const index = this.size++;
    const from = this.starts[index];
    const to = from + end - start;
    if (to > this.units.length) {
      const units = new Uint16Array(Math.max(to, this.units.length * 2));
      units.set(this.units);
      this.units = units;
    }
    for (let i = 0; i < end - start; i++) this.units[from + i] = text.charCodeAt(start + i);
    this.starts[index + 1] = to;
    this.hashes[index] = hash;
    this.place(index);
    return index;
  }

  /** The word with this index, as a string. */
  word(index: number): string {
    return String.fromCharCode(...this.units.subarray(this.starts[index], this.starts[index + 1]));
  }

  clear(): void {
    this.slots.fill(-1);
    this.size = 0;
  }

  private equals(index: number, text: string, start: number, end: number): boolean {
    const from = this.starts[index];
    if (this.starts[index + 1] - from !== end - start) return false;
    for (let i = start, at = from; i < end; i++, at++) {
      if (this.units[at] !== text.charCodeAt(i)) return false;
    }
    return true;
  }

  private place(index: number): void {
    const mask = this.slots.length - 1;
    let slot = spread(this.hashes[index]) & mask;
    while (this.slots[slot] >= 0) slot = (slot + 1) & mask;
    this.slots[slot] = index;
  }

  /** Doubles the room; the table stays at most half full. */
  private grow(): void {
    const capacity = this.hashes.length * 2;
    const hashes = new Int32Array(capacity);
    hashes.set(this.hashes);
    const starts = new Int32Array(capacity + 1);
    starts.set(this.starts);
    this.hashes = hashes;
    this.starts = starts;
    this.slots = new Int32Array(capacity * 2).fill(-1);
    for (let index = 0; index < this.size; index++) this.place(index);
  }
}

/** FNV-1a's low bits mix less than its high ones. */
const spread = (hash: number): number => hash ^ (hash >>> 15);
