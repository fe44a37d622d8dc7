// The random numbers of the host: xoshiro128** (Blackman and Vigna) seeded by NumPy's SeedSequence (after O'Neill).

/** What a generator needs to go on where it was: JSON, for a checkpoint. */
export interface RandomState {
  readonly words: readonly number[];
  readonly spare: number | null;
}

/** Anything that draws integers below a bound; what a shuffle needs. */
export interface Below {
  /** An integer in 0 .. n-1. */
  below(n: number): number;
}

/** Fisher and Yates from the top down, in place: the order of draws of Python's random.shuffle. */
export function shuffle(items: { [index: number]: number; readonly length: number }, random: Below): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const item = items[i];
    items[i] = items[j];
    items[j] = item;
  }
}

/**
 * A seeded generator. The key (seed, ...stream) names an independent sequence: `new Random(seed, epoch, example)` gives
 * an example the same numbers whoever prepares it, and whenever. Integers only, so the same bits on every machine,
 * but for normal(), which takes a logarithm.
 */
export class Random implements Below {
  /** In a typed array: a field of V8's keeps an integer beyond 31 bits as a float. */
  private readonly words = new Int32Array(4);
  /** The point that `polar` found last. */
  private readonly point = new Float64Array(2);
  private spare: number | null = null;
  private readonly key: readonly number[];

  /**
   * @param seed 0 .. 2^53 - 1
   * @param stream any number of words, each 0 .. 2^32 - 1
   * @throws if one of them is not such an integer
   */
  constructor(seed: number, ...stream: number[]) {
    if (!Number.isSafeInteger(seed) || seed < 0) throw new Error(`random: seed ${seed}; use an integer 0 .. 2^53 - 1.`);
    const wrong = stream.find((word) => word >>> 0 !== word);
    if (wrong !== undefined) throw new Error(`random: stream word ${wrong}; use integers 0 .. 2^32 - 1.`);
    this.key = [seed, ...stream];
    // Filling the seed up to the pool's size keeps (seed) and (seed, 0) apart, as NumPy's spawn keys do.
    this.words.set(seedSequence([seed >>> 0, Math.floor(seed / 2 ** 32), 0, 0, ...stream]));
  }

  /** The generator of a longer key: independent of this one, and of what has been drawn from it. */
  fork(...stream: number[]): Random {
    const [seed, ...words] = this.key;
    return new Random(seed, ...words, ...stream);
  }

  /** An integer in 0 .. 2^32 - 1. */
  uint32(): number {
    const { words } = this;
    const second = words[1];
    const c = words[2] ^ words[0];
    const d = words[3] ^ second;
    words[0] ^= d;
    words[1] ^= c;
    words[2] = c ^ (second << 9);
    words[3] = rotateLeft(d, 11);
    return Math.imul(rotateLeft(Math.imul(second, 5), 7), 9) >>> 0;
  }

  /**
   * An integer in 0 .. n-1, each exactly as likely as the others.
   * @throws if n is not in 1 .. 2^32
   */
  below(n: number): number {
    if (!(n >= 1 && n <= 2 ** 32)) throw new Error(`random: below(${n}); ask for an integer below 1 .. 2^32.`);
    if (n === 1) return 0;
    // Keep the bits that n - 1 needs, and draw again when too large: one draw suffices more often than not.
    const shift = Math.clz32(n - 1);
    for (;;) {
      const drawn = this.uint32() >>> shift;
      if (drawn < n) return drawn;
    }
  }

  /** A number in [0, 1), a multiple of 2^-53. */
  uniform(): number {
    const high = this.uint32() >>> 5;
    return (high * 2 ** 26 + (this.uint32() >>> 6)) / 2 ** 53;
  }

  /** A standard normal number, by Marsaglia's polar method. */
  normal(): number {
    if (this.spare !== null) {
      const { spare } = this;
      this.spare = null;
      return spare;
    }
    const scale = this.polar();
    const [x, y] = this.point;
    this.spare = y * scale;
    return x * scale;
  }

  /** Fills an array with what as many calls of normal() would give, times `deviation`; twice as fast. */
  normals(values: Float32Array | Float64Array, deviation = 1): void {
    let i = 0;
    if (this.spare !== null && values.length > 0) values[i++] = this.normal() * deviation;
    for (; i + 1 < values.length; i += 2) {
      const scale = this.polar();
      values[i] = this.point[0] * scale * deviation;
      values[i + 1] = this.point[1] * scale * deviation;
    }
    if (i < values.length) values[i] = this.normal() * deviation;
  }

  /** Draws a point of the unit disc; that times the result are two normal numbers. */
  private polar(): number {
    for (;;) {
      const x = 2 * this.uniform() - 1;
      const y = 2 * this.uniform() - 1;
      const square = x * x + y * y;
      if (square >= 1 || square === 0) continue;
      this.point[0] = x;
      this.point[1] = y;
      return Math.sqrt((-2 * Math.log(square)) / square);
    }
  }

  /** Brings an array into random order, in place. */
  shuffle(items: { [index: number]: number; readonly length: number }): void {
    shuffle(items, this);
  }

  /** The state, to be restored later. */
  state(): RandomState {
    return { words: Array.from(this.words, (word) => word >>> 0), spare: this.spare };
  }

  /**
   * Goes on from a saved state.
   * @throws if it is not the state of a generator
   */
  restore({ words, spare }: RandomState): void {
    if (words.length !== 4 || words.some((word) => word >>> 0 !== word) || words.every((word) => word === 0)) {
      throw new Error(
        `random: state [${words.join(', ')}] is not four 32-bit words, not all 0; is the checkpoint whole?`,
      );
    }
    this.words.set(words);
    this.spare = spare;
  }
}

const rotateLeft = (x: number, k: number): number => (x << k) | (x >>> (32 - k));

/**
 * Hashes 32-bit words into four words such that any one of them changes all four: numpy.random.SeedSequence(words)
 * .generate_state(4). Never all zero in practice (one chance in 2^128), which xoshiro could not leave.
 */
export function seedSequence(words: readonly number[]): number[] {
  let constant = 0x43b0d7e5;
  const hash = (value: number): number => {
    const keyed = value ^ constant;
    constant = Math.imul(constant, 0x931e8875);
    const product = Math.imul(keyed, constant);
    return product ^ (product >>> 16);
  };
  const mix = (x: number, y: number): number => {
    const sum = Math.imul(x, 0xca01f9dd) - Math.imul(y, 0x4973f715);
    return sum ^ (sum >>> 16);
  };
  const pool = Array.from({ length: 4 }, (_, i) => hash(words[i] ?? 0));
  for (let source = 0; source < 4; source++) {
    for (let target = 0; target < 4; target++) {
      if (source !== target) pool[target] = mix(pool[target], hash(pool[source]));
    }
  }
  for (const word of words.slice(4)) {
    for (let target = 0; target < 4; target++) pool[target] = mix(pool[target], hash(word));
  }
  constant = 0x8b51f9dd;
  return pool.map((value) => {
    const keyed = value ^ constant;
    constant = Math.imul(constant, 0x58f38ded);
    const product = Math.imul(keyed, constant);
    return (product ^ (product >>> 16)) >>> 0;
  });
}
