// The standard normal distribution on four float32 lanes, and GELU with its slope, good in both tails.
//
// With a = |x| and the bell b(a) = exp(-a^2 / 2), the tail is 1 - Phi(a) = b(a) ratio(a) (Mills), so that one exponential
// and one quotient give x Phi(x) = max(x, 0) - a tail(a) and its derivative, Phi(x) + x phi(x), without a branch.
import { Lanes } from './lanes';

const ONE = memory.data<f32>([1]);
const HALF = memory.data<f32>([0.5]);
const SIGN = memory.data<i32>([0x80000000]);
/** All bits but the sign; V8 makes f32x4.abs three instructions. */
const MAGNITUDE = memory.data<i32>([0x7fffffff]);

/** Beyond this tail(a) is below every normal number; here the exponential is already 0. */
const FAR = memory.data<f32>([13.25]);
/** Keeps 12 significant bits, so that the square is exact. */
const UPPER_BITS = memory.data<i32>([0xfffff000]);
/** log2(e) / 2. */
const HALF_LOG2_E = memory.data<f32>([0.72134752044448170]);
/** A difference to 1.5 * 2^23 + 127 rounds to a whole number, with 127 - n in its low bits: the exponent of 2^-n. */
const ROUND = memory.data<f32>([12583039]);
/** 2 ln 2 in two parts; products of the first with whole numbers below 2^8 are exact. */
const LN4_HIGH = memory.data<f32>([1.38671875]);
const LN4_LOW = memory.data<f32>([-4.2438888801090118e-4]);
/** exp(-q / 2) for |q| <= ln 2, to 1.1 * 2^-23 of it (Remez). */
const BELL1 = memory.data<f32>([-0.49999985315645457]);
const BELL2 = memory.data<f32>([0.12499786960176507]);
const BELL3 = memory.data<f32>([-0.020834547660718218]);
const BELL4 = memory.data<f32>([0.002618634978680351]);
const BELL5 = memory.data<f32>([-0.0002590710009094025]);

/** (1 - Phi(a)) exp(a^2 / 2) as a quotient for 0 <= a <= 13.3. All are positive, so that nothing cancels. */
const MILLS0 = memory.data<f32>([0.5000000024837098]);
const MILLS1 = memory.data<f32>([0.4356857835575442]);
const MILLS2 = memory.data<f32>([0.18130635182203705]);
const MILLS3 = memory.data<f32>([0.039984031926043946]);
const MILLS4 = memory.data<f32>([0.00402016874519253]);
const UNDER1 = memory.data<f32>([1.6692564860922117]);
const UNDER2 = memory.data<f32>([1.1944825460305393]);
const UNDER3 = memory.data<f32>([0.4643792558209562]);
const UNDER4 = memory.data<f32>([0.10023248629474667]);
const UNDER5 = memory.data<f32>([0.010076925426314182]);
/** 1 / sqrt(2 pi). */
const DENSITY = memory.data<f32>([0.3989422804014327]);

export class Normal {
  /** |x|, at most FAR; NaN stays. What `bell` and `mills` take. */
  @inline static magnitude(x: v128): v128 {
    return f32x4.pmin(v128.and(x, Lanes.constant(MAGNITUDE)), Lanes.constant(FAR));
  }

  /**
   * exp(-a^2 / 2) for 0 <= a <= FAR. The square is taken in two parts, because its rounding error alone would cost 6 bits
   * at a = 13. With a^2 = n 2 ln 2 + q it is 2^-n exp(-q / 2).
   */
  @inline static bell(a: v128): v128 {
    const upper = v128.and(a, Lanes.constant(UPPER_BITS));
    const square = f32x4.mul(upper, upper);
    const rest = f32x4.mul(f32x4.sub(a, upper), f32x4.add(a, upper));
    const power = f32x4.sub(Lanes.constant(ROUND), f32x4.mul(f32x4.mul(a, a), Lanes.constant(HALF_LOG2_E)));
    const minusN = f32x4.sub(power, Lanes.constant(ROUND));
    const high = Lanes.madd(minusN, Lanes.constant(LN4_HIGH), square);
    const q = f32x4.add(high, Lanes.madd(minusN, Lanes.constant(LN4_LOW), rest));
    const q2 = f32x4.mul(q, q);
    const low = Lanes.madd(q, Lanes.constant(BELL1), Lanes.constant(ONE));
    const middle = Lanes.madd(q, Lanes.constant(BELL3), Lanes.constant(BELL2));
    const top = Lanes.madd(q, Lanes.constant(BELL5), Lanes.constant(BELL4));
    const sum = Lanes.madd(Lanes.madd(top, q2, middle), q2, low);
    return f32x4.mul(sum, i32x4.shl(power, 23));
  }

  /** (1 - Phi(a)) / bell(a) for a >= 0. */
  @inline static mills(a: v128): v128 {
    const z = f32x4.mul(a, a);
    const over = Lanes.madd(a, Lanes.constant(MILLS1), Lanes.constant(MILLS0));
    const over2 = Lanes.madd(a, Lanes.constant(MILLS3), Lanes.constant(MILLS2));
    const p = Lanes.madd(Lanes.madd(z, Lanes.constant(MILLS4), over2), z, over);
    const under = Lanes.madd(a, Lanes.constant(UNDER1), Lanes.constant(ONE));
    const under2 = Lanes.madd(a, Lanes.constant(UNDER3), Lanes.constant(UNDER2));
    const under4 = Lanes.madd(a, Lanes.constant(UNDER5), Lanes.constant(UNDER4));
    const q = Lanes.madd(Lanes.madd(under4, z, under2), z, under);
    return f32x4.div(p, q);
  }

  /** x Phi(x), to 8 units in the last place in both tails, given what the functions above say of x. (x + |x|) / 2 is max(x, 0) but for NaN, which it keeps. */
  @inline static gelu(x: v128, a: v128, bell: v128, ratio: v128): v128 {
    const twice = f32x4.add(x, v128.and(x, Lanes.constant(MAGNITUDE)));
    return f32x4.sub(f32x4.mul(twice, Lanes.constant(HALF)), f32x4.mul(f32x4.mul(bell, ratio), a));
  }

  /** Phi(x) + x phi(x) to 2^-22, likewise: bell (ratio - a / sqrt(2 pi)) below 0, and 1 minus that above. */
  @inline static slope(x: v128, a: v128, bell: v128, ratio: v128): v128 {
    const below = f32x4.mul(bell, f32x4.sub(ratio, f32x4.mul(a, Lanes.constant(DENSITY))));
    const above = f32x4.ge(x, f32x4.splat(0));
    return f32x4.add(v128.and(above, Lanes.constant(ONE)), v128.xor(below, v128.and(above, Lanes.constant(SIGN))));
  }
}
