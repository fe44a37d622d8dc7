// The dropout generator of kernels/library/random.ts, four cells at a time and bit for bit the same.
import { Lanes } from './lanes';

const HALF = memory.data<i32>([4095]);
const ONE = memory.data<i32>([1]);
export const FOUR = memory.data<i32>([4]);
/** The words that the last three rounds take in. */
const LAST1 = memory.data<i32>([2531]);
const LAST2 = memory.data<i32>([1013]);
const LAST3 = memory.data<i32>([3691]);

/** Takes 12 bits into a state by one Feistel round, as `mix` in kernels/library/random.ts. */
function mix(state: i32, word: i32): i32 {
  const s = (state + word) & 4095;
  const f = ((state >> 12) + ((s * s + s) >> 6)) & 4095;
  return (s << 12) | f;
}

/**
 * The rounds for four columns at once. A state is two vectors of 12-bit halves: first (always masked) and second (not
 * masked where it is made, because it enters the next round through a masked sum).
 */
class Round {
  @inline static first(second: v128, word: v128): v128 {
    return v128.and(i32x4.add(second, word), Lanes.constant(HALF));
  }

  /** `s` is the new first half, `first` the old one. s (s + 1) < 2^24 comes from a 16-bit multiply: upper lanes are 0. */
  @inline static second(first: v128, s: v128): v128 {
    const square = i32x4.dot_i16x8_s(s, i32x4.add(s, Lanes.constant(ONE)));
    return i32x4.add(first, i32x4.shr_u(square, 6));
  }
}

/** Factors of inverted dropout: `row`, `first` and `second` once a row, then `factors` for every four columns. */
export class Dropout {
  /** State of the generator after key and row, both below 2^24. */
  static row(key: i32, row: i32): i32 {
    return mix(mix(key, row & 4095), row >> 12);
  }

  /** The halves of a row's state, in every lane. */
  @inline static first(row: i32): v128 {
    return i32x4.splat(row >> 12);
  }

  @inline static second(row: i32): v128 {
    return i32x4.splat(row & 4095);
  }

  /**
   * For each column (below 2^24): 0 where the cell is dropped, else `scale`.
   * @param threshold ceil(p 2^24) in every lane: a cell is dropped where its 24 random bits are below it
   * @param scale 1 / (1 - p) in every lane
   */
  @inline static factors(first: v128, second: v128, columns: v128, threshold: v128, scale: v128): v128 {
    const s1 = Round.first(second, v128.and(columns, Lanes.constant(HALF)));
    const f1 = Round.second(first, s1);
    const s2 = Round.first(f1, i32x4.shr_u(columns, 12));
    const f2 = Round.second(s1, s2);
    const s3 = Round.first(f2, Lanes.constant(LAST1));
    const f3 = Round.second(s2, s3);
    const s4 = Round.first(f3, Lanes.constant(LAST2));
    const f4 = Round.second(s3, s4);
    const s5 = Round.first(f4, Lanes.constant(LAST3));
    const f5 = v128.and(Round.second(s4, s5), Lanes.constant(HALF));
    const bits = v128.or(i32x4.shl(s5, 12), f5);
    return v128.andnot(scale, i32x4.lt_s(bits, threshold));
  }

  /** y = x * factors for one row of n floats, whose state is given; x and y may be one. */
  static apply(x: usize, y: usize, n: i32, state: i32, threshold: v128, scale: v128): void {
    const first = Dropout.first(state);
    const second = Dropout.second(state);
    let columns = i32x4(0, 1, 2, 3);
    let i = 0;
    for (; i + 8 <= n; i += 8) {
      const at = (<usize>i) << 2;
      const next = i32x4.add(columns, Lanes.constant(FOUR));
      const keep0 = Dropout.factors(first, second, columns, threshold, scale);
      const keep1 = Dropout.factors(first, second, next, threshold, scale);
      v128.store(y + at, f32x4.mul(v128.load(x + at), keep0));
      v128.store(y + at, f32x4.mul(v128.load(x + at, 16), keep1), 16);
      columns = i32x4.add(next, Lanes.constant(FOUR));
    }
    for (; i < n; i += 4) {
      const at = (<usize>i) << 2;
      const keep = Dropout.factors(first, second, columns, threshold, scale);
      columns = i32x4.add(columns, Lanes.constant(FOUR));
      Lanes.store(y + at, f32x4.mul(Lanes.load(x + at, n - i), keep), n - i);
    }
  }
}
