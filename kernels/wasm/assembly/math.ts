// Elementary functions on four float32 lanes, each good to a few units in the last place (docs/design/wasm.md).
//
// Coefficients are minimax fits (Remez), rounded to float32. There is no fused multiply-add, so that results are the
// same bits on every machine.
import { Lanes } from './lanes';

/** Adding this number, 1.5 * 2^23, rounds to a whole number, which then stands in the low bits of the sum. */
const ROUND = memory.data<f32>([12582912]);
const LOG2_E = memory.data<f32>([1.44269504088896341]);
/** ln 2 in two parts; products of the first with whole numbers below 2^8 are exact. */
const LN2_HIGH = memory.data<f32>([0.693359375]);
const LN2_LOW = memory.data<f32>([-2.12194440054690583e-4]);
/** (exp(r) - 1 - r) / r^2 for |r| <= ln 2 / 2. */
const EXP0 = memory.data<f32>([0.49999993432033835]);
const EXP1 = memory.data<f32>([0.16666520398892284]);
const EXP2 = memory.data<f32>([0.04166839080182469]);
const EXP3 = memory.data<f32>([0.008368745123151172]);
const EXP4 = memory.data<f32>([0.0013814539333331223]);
/** Between ln(2^-126), below which exp gives 0, and the largest x whose exp is finite. */
const EXP_LEAST = memory.data<f32>([-87.3365447505531]);
const EXP_MOST = memory.data<f32>([88.72283172607422]);
const ONE = memory.data<f32>([1]);
const INFINITE = memory.data<f32>([Infinity]);

/** Functions of one vector. NaN gives NaN, infinities give the limits, and there are no subnormal results. */
export class Elementary {
  @inline static exp(x: v128): v128 {
    const shifted = Lanes.madd(x, Lanes.constant(LOG2_E), Lanes.constant(ROUND));
    return Elementary.scaledExp(x, shifted, Elementary.expRemainder(x, shifted));
  }

  /** exp(x + low), where low is what x lost to rounding. */
  @inline static expSum(x: v128, low: v128): v128 {
    const shifted = Lanes.madd(x, Lanes.constant(LOG2_E), Lanes.constant(ROUND));
    return Elementary.scaledExp(x, shifted, f32x4.add(Elementary.expRemainder(x, shifted), low));
  }

  /** x - n ln 2, where n stands in `shifted`. */
  @inline private static expRemainder(x: v128, shifted: v128): v128 {
    const n = f32x4.sub(shifted, Lanes.constant(ROUND));
    const r = f32x4.sub(x, f32x4.mul(n, Lanes.constant(LN2_HIGH)));
    return f32x4.sub(r, f32x4.mul(n, Lanes.constant(LN2_LOW)));
  }

  /** 2^n exp(r), or the limit that x asks for. */
  @inline private static scaledExp(x: v128, shifted: v128, r: v128): v128 {
    let q = Lanes.madd(r, Lanes.constant(EXP4), Lanes.constant(EXP3));
    q = Lanes.madd(q, r, Lanes.constant(EXP2));
    q = Lanes.madd(q, r, Lanes.constant(EXP1));
    q = Lanes.madd(q, r, Lanes.constant(EXP0));
    q = f32x4.add(Lanes.madd(f32x4.mul(r, r), q, r), Lanes.constant(ONE));
    const y = v128.and(i32x4.add(q, i32x4.shl(shifted, 23)), f32x4.ge(x, Lanes.constant(EXP_LEAST)));
    // Where x is too large or not a number, x + Infinity is the answer.
    const limit = f32x4.add(x, Lanes.constant(INFINITE));
    return v128.bitselect(y, limit, f32x4.le(x, Lanes.constant(EXP_MOST)));
  }
}
