// Functions of one number that kernels call; plain enough for gpu.js, exact enough for float64.

/**
 * Error function. Rational approximations of W. J. Cody, "Rational Chebyshev approximations for the error function"
 * (1969): relative error below 6e-16 in float64, rounding error only in float32.
 */
export function erf(x: number): number {
  const y = Math.abs(x);
  let result = 1.0;
  if (y <= 0.46875) {
    const z = y * y;
    let a = 1.85777706184603153e-1 * z;
    let b = z;
    a = (a + 3.1611237438705656) * z;
    b = (b + 2.36012909523441209e1) * z;
    a = (a + 1.13864154151050156e2) * z;
    b = (b + 2.44024637934444173e2) * z;
    a = (a + 3.77485237685302021e2) * z;
    b = (b + 1.28261652607737228e3) * z;
    return (x * (a + 3.20937758913846947e3)) / (b + 2.84423683343917062e3);
  }
  if (y <= 4.0) {
    let a = 2.15311535474403846e-8 * y;
    let b = y;
    a = (a + 5.64188496988670089e-1) * y;
    b = (b + 1.57449261107098347e1) * y;
    a = (a + 8.88314979438837594) * y;
    b = (b + 1.17693950891312499e2) * y;
    a = (a + 6.61191906371416295e1) * y;
    b = (b + 5.37181101862009858e2) * y;
    a = (a + 2.98635138197400131e2) * y;
    b = (b + 1.62138957456669019e3) * y;
    a = (a + 8.8195222124176909e2) * y;
    b = (b + 3.29079923573345963e3) * y;
    a = (a + 1.71204761263407058e3) * y;
    b = (b + 4.36261909014324716e3) * y;
    a = (a + 2.05107837782607147e3) * y;
    b = (b + 3.43936767414372164e3) * y;
    result = 1.0 - (Math.exp(-y * y) * (a + 1.23033935479799725e3)) / (b + 1.23033935480374942e3);
  } else if (y < 6.0) {
    const z = 1.0 / (y * y);
    let a = 1.63153871373020978e-2 * z;
    let b = z;
    a = (a + 3.05326634961232344e-1) * z;
    b = (b + 2.56852019228982242) * z;
    a = (a + 3.60344899949804439e-1) * z;
    b = (b + 1.87295284992346725) * z;
    a = (a + 1.25781726111229246e-1) * z;
    b = (b + 5.27905102951428412e-1) * z;
    a = (a + 1.60837851487422766e-2) * z;
    b = (b + 6.05183413124413191e-2) * z;
    const tail = (z * (a + 6.58749161529837803e-4)) / (b + 2.33520497626869185e-3);
    result = 1.0 - (Math.exp(-y * y) * (0.56418958354775628695 - tail)) / y;
  }
  if (x < 0.0) return -result;
  return result;
}

/** Standard normal cumulative distribution, Phi(x). */
export function normalCdf(x: number): number {
  return 0.5 * (1.0 + erf(x * 0.7071067811865476));
}

/** d/dx of x Phi(x), the exact GELU: Phi(x) + x phi(x). */
export function geluSlope(x: number): number {
  return normalCdf(x) + x * 0.3989422804014327 * Math.exp(-0.5 * x * x);
}

/** Bit `index` (0..15) of a word below 2^16, by halving: exact where numbers are float32. */
export function bitAt(word: number, index: number): number {
  let rest = word;
  for (let i = 0; i < index; i++) rest = Math.floor(rest * 0.5);
  return rest - 2.0 * Math.floor(rest * 0.5);
}
