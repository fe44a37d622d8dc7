// Seeded numbers for tests: mulberry32 (Tommy Ettinger, 2017), with the laws that test values are drawn from.
import { cellsOf, type Dims } from '../../kernels/kernel.js';

/** An array that a test hands to a kernel: float32, so that every backend starts from the same bits. */
export interface Operand {
  readonly dims: Dims;
  readonly data: Float32Array;
}

export class Random {
  constructor(private state: number) {}

  /** Uniform in [0, 1). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let bits = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** Uniform among 0 .. below - 1. */
  integer(below: number): number {
    return Math.floor(this.next() * below);
  }

  /** Standard normal (Box and Muller, 1958). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
  }

  shuffle<T>(items: readonly T[]): T[] {
    const result = [...items];
    for (let i = result.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [result[i], result[j]] = [result[j], result[i]];
    }
    return result;
  }

  /** An array whose cells follow `law`, standard normal if not given. */
  array(dims: Dims, law: (cell: number) => number = () => this.normal()): Operand {
    return { dims, data: Float32Array.from({ length: cellsOf(dims) }, (_, cell) => law(cell)) };
  }
}

/** A vector of given numbers. */
export const vector = (values: readonly number[]): Operand => ({
  dims: [values.length],
  data: Float32Array.from(values),
});
