// Arrays that are known on the host: ids, offsets, visibility bits, with a copy on the device made when first needed.
import type { Backend, View } from '../kernels/index.js';
import { Buffer, outermostScope } from './lifetime.js';
import { show, sizeOf, type Shape } from './shape.js';

/** Numbers on the host that kernels read. Integers must be below 2^24, where float32 is exact. */
export class HostArray {
  private copy: Buffer | undefined;

  constructor(
    readonly values: ArrayLike<number>,
    readonly dims: Shape = [values.length],
  ) {
    if (sizeOf(dims) !== values.length)
      throw new Error(
        `HostArray: ${values.length} values do not fill the shape ${show(dims)}. Give one for each cell.`,
      );
  }

  /** The array on that backend; uploaded at most once per outermost scope. */
  view(backend: Backend): View {
    if (!this.copy?.alive || this.copy.storage.backend !== backend)
      this.copy = Buffer.allocate(backend, this.values.length, this.values, outermostScope());
    return { storage: this.copy.storage, dims: this.dims };
  }
}

/** Integer ids of rows of a table, with the table turned round (which rows have id v) when a gradient needs it. */
export class Ids extends HostArray {
  readonly length: number;
  private turned: { rows: number; order: HostArray; starts: HostArray } | undefined;

  /** @param padding the id whose row gets no gradient from looking it up, as PyTorch's `padding_idx`; default: none */
  constructor(
    values: ArrayLike<number>,
    readonly padding?: number,
  ) {
    super(values);
    this.length = values.length;
  }

  /** The same ids with that padding; the very same where it does not occur among them. */
  padded(padding: number | null): Ids {
    return padding !== null && Array.prototype.includes.call(this.values, padding)
      ? new Ids(this.values, padding)
      : this;
  }

  /** @throws unless every id is an integer in [0, rows) */
  check(name: string, rows: number): void {
    for (let i = 0; i < this.length; i++) {
      const id = this.values[i];
      if (!Number.isInteger(id) || id < 0 || id >= rows)
        throw new Error(
          `${name}: id ${id} at index ${i} is not an integer from 0 to ${rows - 1}. Are ids and table of one vocabulary?`,
        );
    }
  }

  /** Counting sort: order[starts[v]] .. order[starts[v + 1] - 1] are the positions of id v, ascending; of padding, none. */
  inverse(rows: number): { order: HostArray; starts: HostArray } {
    if (this.turned?.rows !== rows) {
      const starts = new Int32Array(rows + 1);
      for (let i = 0; i < this.length; i++) if (this.values[i] !== this.padding) starts[this.values[i] + 1]++;
      for (let v = 0; v < rows; v++) starts[v + 1] += starts[v];
      const next = starts.slice();
      const order = new Int32Array(this.length);
      for (let i = 0; i < this.length; i++) if (this.values[i] !== this.padding) order[next[this.values[i]]++] = i;
      this.turned = { rows, order: new HostArray(order), starts: new HostArray(starts) };
    }
    return this.turned;
  }
}

/**
 * The ids of tokens in bags. Turned round they name the bag of a token instead of its place, for all tokens of a bag share
 * the bag's gradient.
 */
export class BagIds extends Ids {
  private bags: { rows: number; order: HostArray; starts: HostArray } | undefined;

  /** @param bagOf the bag of each */
  constructor(
    values: ArrayLike<number>,
    private readonly bagOf: ArrayLike<number>,
    padding?: number,
  ) {
    super(values, padding);
  }

  override inverse(rows: number): { order: HostArray; starts: HostArray } {
    if (this.bags?.rows !== rows) {
      const { order, starts } = super.inverse(rows);
      this.bags = { rows, order: new HostArray(Int32Array.from(order.values, (i) => this.bagOf[i])), starts };
    }
    return this.bags;
  }
}
