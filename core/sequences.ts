// Sequences of different lengths packed end to end: the shape of every batch of texts.
import { HostArray, Ids } from './host.js';

/** Sequences packed end to end: sequence b owns rows offsets[b] .. offsets[b + 1] - 1. */
export class Sequences {
  readonly count: number;
  /** Rows in all. */
  readonly rows: number;
  /** Length of the longest sequence. */
  readonly longest: number;
  readonly offsets: HostArray;
  /** The sequence of each row. */
  readonly ofRow: Ids;
  /** The position of each row in its sequence. */
  readonly positions: Ids;

  /** @throws unless offsets are whole numbers that start at 0 and never fall */
  constructor(offsets: ArrayLike<number>) {
    for (let b = 0; b < Math.max(1, offsets.length); b++)
      if (b === 0 ? offsets[0] !== 0 : !(Number.isInteger(offsets[b]) && offsets[b] >= offsets[b - 1]))
        throw new Error(
          `Sequences: offset ${b} is ${offsets[b]}; offsets are whole numbers that start at 0 and never fall. Try Sequences.ofLengths.`,
        );
    this.count = offsets.length - 1;
    this.rows = offsets[this.count];
    const ofRow = new Int32Array(this.rows);
    const positions = new Int32Array(this.rows);
    let longest = 0;
    for (let b = 0; b < this.count; b++) {
      const length = offsets[b + 1] - offsets[b];
      longest = Math.max(longest, length);
      ofRow.fill(b, offsets[b], offsets[b + 1]);
      for (let i = 0; i < length; i++) positions[offsets[b] + i] = i;
    }
    this.longest = longest;
    this.offsets = new HostArray(offsets);
    this.ofRow = new Ids(ofRow);
    this.positions = new Ids(positions);
  }

  static ofLengths(lengths: ArrayLike<number>): Sequences {
    const offsets = new Int32Array(lengths.length + 1);
    for (let b = 0; b < lengths.length; b++) offsets[b + 1] = offsets[b] + lengths[b];
    return new Sequences(offsets);
  }
}
