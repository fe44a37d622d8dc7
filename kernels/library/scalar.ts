// Functions of one number that kernels call; plain enough for gpu.js, exact enough for float64.

/**
 * Error function. Rational approximations of W. J. Cody, "Rational Chebyshev approximations for the error function"
 * (1969): relative error below 6e-16 in float64, rounding error only in float32.
 */
export function erf(x: number): number {
  const y = Math.abs(x);
  let result = y;
  if (y <= 0.46875) {
    const z = y * y;
    let a = 0.18577770618460315 * z;
    let b = z;
    a = (a + 3.1611237438705655) * z;
    b = (b + 23.601290952344122) * z;
    a = (a + 113.86415415105016) * z;
    b = (b + 244.02463793444417) * z;
    a = (a + 377.485237685302) * z;
    b = (b + 1282.6165260773723) * z;
    return (x * (a + 3209.3775891384694)) / (b + 2844.236833439171);
  }
  if (y <= 4.0) {
    let a = 2.1531153547440383e-8 * y;
    let b = y;
    a = (a + 0.5641884969886701) * y;
    b = (b + 15.744926110709835) * y;
    a = (a + 8.883149794388377) * y;
    b = (b + 117.6939508913125) * y;
    a = (a + 66.11919063714163) * y;
    b = (b + 537.1811018620099) * y;
    a = (a + 298.6351381974001) * y;
    b = (b + 1621.3895745666903) * y;
    a = (a + 881.952221241769) * y;
    b = (b + 3290.7992357334597) * y;
    a = (a + 1712.0476126340707) * y;
    b = (b + 4362.619090143247) * y;
    a = (a + 2051.0783778260716) * y;
    b = (b + 3439.3676741437216) * y;
    result = 1.0 - (Math.exp(-y * y) * (a + 1230.3393547979972)) / (b + 1230.3393548037495);
  } else if (y >= 6.0) {
    result = 1.0;
  } else if (y > 4.0) {
    const z = 1.0 / (y * y);
    let a = 0.016315387137302097 * z;
    let b = z;
    a = (a + 0.30532663496123236) * z;
    b = (b + 2.568520192289822) * z;
    a = (a + 0.36034489994980445) * z;
    b = (b + 1.8729528499234673) * z;
    a = (a + 0.12578172611122926) * z;
    b = (b + 0.5279051029514285) * z;
    a = (a + 0.016083785148742275) * z;
    b = (b + 0.06051834131244132) * z;
    const tail = (z * (a + 0.0006587491615298378)) / (b + 0.0023352049762686918);
    result = 1.0 - (Math.exp(-y * y) * (0.5641895835477563 - tail)) / y;
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
