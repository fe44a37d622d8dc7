// Elementary functions on four float32 lanes, each good to a few units in the last place (docs/design/wasm.md).
//
// Coefficients are our own minimax fits (Remez), rounded to float32.
import { Lanes } from './lanes';
import { Normal } from './normal';

const ONE = memory.data<f32>([1]);
const TWO = memory.data<f32>([2]);
const HALF = memory.data<f32>([0.5]);
const INFINITE = memory.data<f32>([Infinity]);

/**
 * Adding this number, 1.5 * 2^23 + 126, rounds to a whole number n, and leaves n + 126 in the low bits of the sum: 23
 * places further up, these are the float 2^(n - 1).
 */
const ROUND = memory.data<f32>([12583038]);
const LOG2_E = memory.data<f32>([1.44269504088896341]);
/** ln 2 in two parts; products of the first with whole numbers below 2^8 are exact. */
const LN2_HIGH = memory.data<f32>([0.693359375]);
const LN2_LOW = memory.data<f32>([-2.12194440054690583e-4]);
/** 2 (exp(r) - 1 - r) / r^2 for |r| <= ln 2 / 2. */
const EXP0 = memory.data<f32>([0.9999998686406767]);
const EXP1 = memory.data<f32>([0.33333040797784568]);
const EXP2 = memory.data<f32>([0.08333678160364938]);
const EXP3 = memory.data<f32>([0.016737490246302344]);
const EXP4 = memory.data<f32>([0.0027629078666666446]);
/** Below the first, exp is 0 (n = -126 makes the factor 2^-127, which is none); above the second it is infinite (n = 129). */
const EXP_LEAST = memory.data<f32>([-87.3]);
const EXP_MOST = memory.data<f32>([89.4]);

/** (ln(1 + f) - f + f^2 / 2) / f^3 for 1 + f between sqrt(1/2) and sqrt(2). */
const LOG0 = memory.data<f32>([0.3333333170209096]);
const LOG1 = memory.data<f32>([-0.2500082099884476]);
const LOG2 = memory.data<f32>([0.20001227381013256]);
const LOG3 = memory.data<f32>([-0.16623358491591578]);
const LOG4 = memory.data<f32>([0.14201747259949096]);
const LOG5 = memory.data<f32>([-0.13160163774505615]);
const LOG6 = memory.data<f32>([0.1276164265824901]);
const LOG7 = memory.data<f32>([-0.07634618930768536]);
/** The least normal number, and what lifts a subnormal one above it. */
const NORMAL = memory.data<f32>([1.1754943508222875e-38]);
const LIFT = memory.data<f32>([8388608]);
const LIFT_BITS = memory.data<i32>([23]);
/** Bits of sqrt(1/2). */
const SQRT_HALF = memory.data<i32>([0x3f3504f3]);

/** erf(x) / x - 1 as a polynomial of x^2 for |x| <= 0.75. */
const ERF0 = memory.data<f32>([0.128379165496454]);
const ERF1 = memory.data<f32>([-0.37612618756773697]);
const ERF2 = memory.data<f32>([0.11283376575046901]);
const ERF3 = memory.data<f32>([-0.02683462460555639]);
const ERF4 = memory.data<f32>([0.005114345627754206]);
const ERF5 = memory.data<f32>([-0.0006749513798822454]);
const ERF_SMALL = memory.data<f32>([0.75]);
const SQRT2 = memory.data<f32>([1.4142135623730951]);

/** erf is 1 from here on. */
const FAR = memory.data<f32>([16]);

/** (tanh(x) / x - 1) / x^2 as a polynomial of x^2 for |x| <= 0.5. */
const TANH0 = memory.data<f32>([-0.3333314389630529]);
const TANH1 = memory.data<f32>([0.13325878958374993]);
const TANH2 = memory.data<f32>([-0.05304549432198483]);
const TANH3 = memory.data<f32>([0.01724149158791584]);

/** Functions of one vector. NaN gives NaN, infinities give the limits, and there are no subnormal results. */
export class Elementary {
  /** 0 below -87. */
  @inline static exp(x: v128): v128 {
    const within = Elementary.expRange(x);
    const shifted = Lanes.madd(within, Lanes.constant(LOG2_E), Lanes.constant(ROUND));
    return Elementary.scaledExp(shifted, Elementary.expRemainder(within, shifted));
  }

  /** These forms of minimum and maximum are one instruction each, and give NaN where x is NaN. */
  @inline private static expRange(x: v128): v128 {
    return f32x4.pmin(f32x4.pmax(x, Lanes.constant(EXP_LEAST)), Lanes.constant(EXP_MOST));
  }

  /** x - n ln 2, where n stands in `shifted`. */
  @inline private static expRemainder(x: v128, shifted: v128): v128 {
    const n = f32x4.sub(shifted, Lanes.constant(ROUND));
    const r = f32x4.sub(x, f32x4.mul(n, Lanes.constant(LN2_HIGH)));
    return f32x4.sub(r, f32x4.mul(n, Lanes.constant(LN2_LOW)));
  }

  /**
   * 2^n exp(r) as 2 exp(r) 2^(n - 1), so that 2^128 and more overflow as they should. Terms are taken in pairs (Estrin),
   * because chains of dependent operations are what bounds a loop of this.
   */
  @inline private static scaledExp(shifted: v128, r: v128): v128 {
    const square = f32x4.mul(r, r);
    const low = Lanes.madd(r, Lanes.constant(EXP1), Lanes.constant(EXP0));
    const high = Lanes.madd(r, Lanes.constant(EXP3), Lanes.constant(EXP2));
    const rest = Lanes.madd(Lanes.madd(square, Lanes.constant(EXP4), high), square, low);
    const twice = f32x4.add(Lanes.madd(rest, square, f32x4.add(r, r)), Lanes.constant(TWO));
    return f32x4.mul(twice, i32x4.shl(shifted, 23));
  }

  /** ln(x), of subnormal numbers too; -Infinity at 0, NaN below. */
  @inline static log(x: v128): v128 {
    const tiny = f32x4.lt(x, Lanes.constant(NORMAL));
    const lifted = v128.bitselect(f32x4.mul(x, Lanes.constant(LIFT)), x, tiny);
    const e = i32x4.shr_s(i32x4.sub(lifted, Lanes.constant(SQRT_HALF)), 23);
    const f = f32x4.sub(i32x4.sub(lifted, i32x4.shl(e, 23)), Lanes.constant(ONE));
    const n = f32x4.convert_i32x4_s(i32x4.sub(e, v128.and(tiny, Lanes.constant(LIFT_BITS))));
    let p = Lanes.madd(f, Lanes.constant(LOG7), Lanes.constant(LOG6));
    p = Lanes.madd(p, f, Lanes.constant(LOG5));
    p = Lanes.madd(p, f, Lanes.constant(LOG4));
    p = Lanes.madd(p, f, Lanes.constant(LOG3));
    p = Lanes.madd(p, f, Lanes.constant(LOG2));
    p = Lanes.madd(p, f, Lanes.constant(LOG1));
    p = Lanes.madd(p, f, Lanes.constant(LOG0));
    const square = f32x4.mul(f, f);
    p = f32x4.mul(f32x4.mul(p, f), square);
    p = f32x4.add(p, f32x4.mul(n, Lanes.constant(LN2_LOW)));
    p = f32x4.sub(p, f32x4.mul(square, Lanes.constant(HALF)));
    const y = f32x4.add(f32x4.add(f, p), f32x4.mul(n, Lanes.constant(LN2_HIGH)));
    const zero = f32x4.splat(0);
    const usual = v128.and(f32x4.gt(x, zero), f32x4.lt(x, Lanes.constant(INFINITE)));
    // The square root of what is left is that very number, or NaN below 0.
    const limit = v128.bitselect(f32x4.neg(Lanes.constant(INFINITE)), f32x4.sqrt(x), f32x4.eq(x, zero));
    return v128.bitselect(y, limit, usual);
  }

  @inline static tanh(x: v128): v128 {
    const a = f32x4.abs(x);
    const z = f32x4.mul(x, x);
    let p = Lanes.madd(z, Lanes.constant(TANH3), Lanes.constant(TANH2));
    p = Lanes.madd(p, z, Lanes.constant(TANH1));
    p = Lanes.madd(p, z, Lanes.constant(TANH0));
    const small = Lanes.madd(f32x4.mul(p, z), x, x);
    const e = f32x4.add(Elementary.exp(f32x4.add(a, a)), Lanes.constant(ONE));
    const large = f32x4.sub(Lanes.constant(ONE), f32x4.div(Lanes.constant(TWO), e));
    return v128.bitselect(small, Elementary.signed(large, x), f32x4.le(a, Lanes.constant(HALF)));
  }

  @inline static erf(x: v128): v128 {
    const a = f32x4.pmin(f32x4.abs(x), Lanes.constant(FAR));
    const z = f32x4.mul(a, a);
    let p = Lanes.madd(z, Lanes.constant(ERF5), Lanes.constant(ERF4));
    p = Lanes.madd(p, z, Lanes.constant(ERF3));
    p = Lanes.madd(p, z, Lanes.constant(ERF2));
    p = Lanes.madd(p, z, Lanes.constant(ERF1));
    p = Lanes.madd(p, z, Lanes.constant(ERF0));
    const small = Lanes.madd(p, x, x);
    const ratio = Normal.mills(f32x4.mul(a, Lanes.constant(SQRT2)));
    const tail = f32x4.mul(f32x4.mul(Elementary.exp(f32x4.neg(z)), Lanes.constant(TWO)), ratio);
    const large = Elementary.signed(f32x4.sub(Lanes.constant(ONE), tail), x);
    return v128.bitselect(small, large, f32x4.le(a, Lanes.constant(ERF_SMALL)));
  }

  /** The magnitude of one with the sign of the other; `magnitude` is not negative. */
  @inline private static signed(magnitude: v128, sign: v128): v128 {
    return v128.or(magnitude, v128.and(sign, i32x4.splat(0x80000000)));
  }
}
