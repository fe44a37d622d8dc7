// The parts of a softmax that attention and the losses over a vocabulary share.
import { Lanes } from './lanes';

export const LOG2_E: f32 = 1.44269504088896341;

const ONE = memory.data<f32>([1]);
/** Adding this number, 1.5 * 2^23, rounds to a whole number, which then stands in the low bits of the sum. */
const ROUND = memory.data<f32>([12582912]);
/** Below it there are no normal results. */
const LEAST = memory.data<f32>([-125]);
/** (2^r - 1) / r for |r| <= 1/2, fitted to the least relative error of 2^r, 9.2e-8. */
const POWER0 = memory.data<f32>([0.6931470036506653]);
const POWER1 = memory.data<f32>([0.24022242426872253]);
const POWER2 = memory.data<f32>([0.05550733581185341]);
const POWER3 = memory.data<f32>([0.009671512991189957]);
const POWER4 = memory.data<f32>([0.001326472731307149]);

export class Softmax {
  /**
   * 2^x for x up to 0 and a little above, good to 2 units in the last place (1.6 measured); 0 below -125. A softmax needs
   * no more, and this takes two thirds of the instructions of `Elementary.exp`: ln 2 need not be subtracted in two parts.
   */
  @inline static power(x: v128): v128 {
    const shifted = f32x4.add(x, Lanes.constant(ROUND));
    const r = f32x4.sub(x, f32x4.sub(shifted, Lanes.constant(ROUND)));
    let q = Lanes.madd(r, Lanes.constant(POWER4), Lanes.constant(POWER3));
    q = Lanes.madd(q, r, Lanes.constant(POWER2));
    q = Lanes.madd(q, r, Lanes.constant(POWER1));
    q = Lanes.madd(q, r, Lanes.constant(POWER0));
    q = Lanes.madd(q, r, Lanes.constant(ONE));
    const y = i32x4.add(q, i32x4.shl(shifted, 23));
    return v128.and(y, f32x4.ge(x, Lanes.constant(LEAST)));
  }

  /** Largest of the numbers from .. end - 1, a whole number of vectors, at least one. */
  static largest(from: usize, end: usize): f32 {
    let top = v128.load(from);
    let other = top;
    from += 16;
    for (; from + 16 < end; from += 32) {
      top = f32x4.pmax(top, v128.load(from));
      other = f32x4.pmax(other, v128.load(from, 16));
    }
    if (from < end) top = f32x4.pmax(top, v128.load(from));
    return Lanes.max(f32x4.pmax(top, other));
  }

  /** Writes -Infinity, which weighs nothing, to from .. end - 1. */
  static clear(from: usize, end: usize): void {
    for (; from < end; from += 4) store<f32>(from, -Infinity);
  }
}
