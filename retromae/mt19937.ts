// Mersenne Twister (Matsumoto and Nishimura) as Python's random and PyTorch's CPU generator use it: for parity tests.
import { shuffle, type Below } from '../core/index.js';

const SIZE = 624;
const PERIOD = 397;

/** The generator of mt19937ar.c: the stream of 32-bit numbers below both interfaces. */
class MersenneTwister {
  private readonly state = new Uint32Array(SIZE);
  private next = SIZE;

  /** init_genrand: from one word. */
  protected seedByWord(word: number): void {
    const { state } = this;
    state[0] = word;
    for (let i = 1; i < SIZE; i++) state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
    this.next = SIZE;
  }

  /** init_by_array: from a key of words. */
  protected seedByArray(key: readonly number[]): void {
    this.seedByWord(19650218);
    const { state } = this;
    const previous = (i: number): number => state[i - 1] ^ (state[i - 1] >>> 30);
    let i = 1;
    const advance = (): void => {
      if (++i < SIZE) return;
      state[0] = state[SIZE - 1];
      i = 1;
    };
    for (let k = 0; k < Math.max(SIZE, key.length); k++) {
      const j = k % key.length;
      state[i] = (state[i] ^ Math.imul(previous(i), 1664525)) + key[j] + j;
      advance();
    }
    for (let k = 1; k < SIZE; k++) {
      state[i] = (state[i] ^ Math.imul(previous(i), 1566083941)) - i;
      advance();
    }
    state[0] = 0x80000000;
  }

  /** genrand_int32: 0 .. 2^32 - 1. */
  uint32(): number {
    if (this.next === SIZE) this.twist();
    let y = this.state[this.next++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  private twist(): void {
    const { state } = this;
    for (let i = 0; i < SIZE; i++) {
      const y = (state[i] & 0x80000000) | (state[(i + 1) % SIZE] & 0x7fffffff);
      state[i] = state[(i + PERIOD) % SIZE] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.next = 0;
  }
}

/** Python's `random.Random(seed)`, as far as masking uses it. */
export class PythonRandom extends MersenneTwister implements Below {
  /** @param seed 0 .. 2^53 - 1 */
  constructor(seed: number) {
    super();
    const high = Math.floor(seed / 2 ** 32);
    this.seedByArray(high > 0 ? [seed >>> 0, high] : [seed >>> 0]);
  }

  /** `_randbelow(n)`, for n up to 2^32 - 1. */
  below(n: number): number {
    const shift = Math.clz32(n);
    for (;;) {
      const drawn = this.uint32() >>> shift;
      if (drawn < n) return drawn;
    }
  }

  /** `randint(a, b)`: both ends included. */
  randint(a: number, b: number): number {
    return a + this.below(b - a + 1);
  }

  /** `random()`: in [0, 1). */
  random(): number {
    const high = this.uint32() >>> 5;
    return (high * 2 ** 26 + (this.uint32() >>> 6)) / 2 ** 53;
  }

  /** `shuffle(items)`, in place. */
  shuffle(items: { [index: number]: number; readonly length: number }): void {
    shuffle(items, this);
  }
}

/** `torch.Generator().manual_seed(seed)` on the CPU, as far as masking uses it. */
export class TorchGenerator extends MersenneTwister {
  /** @param seed its lower 32 bits count, as in PyTorch */
  constructor(seed: number) {
    super();
    this.seedByWord(seed >>> 0);
  }

  /** One cell of `torch.bernoulli` of a float32 tensor of probabilities. */
  bernoulli(p: number): boolean {
    return (this.uint32() & 0xffffff) * 2 ** -24 < Math.fround(p);
  }

  /** One cell of `torch.randint(n, dtype=torch.long)`, for n below 2^32. */
  randint(n: number): number {
    return this.uint32() % n;
  }
}
