// Half precision: IEEE 754 binary16, 1 sign, 5 exponent (bias 15) and 10 mantissa bits; and bfloat16, half a float32.
const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

/** The bits of the half that is nearest to a float32, ties to even; infinite from 65,520 on, as IEEE 754 has it. */
export function halfBits(x: number): number {
  float[0] = x;
  const sign = (word[0] >>> 16) & 0x8000;
  const size = word[0] & 0x7fffffff;
  if (size > 0x7f800000) return sign | 0x7e00;
  if (size >= 0x477ff000) return sign | 0x7c00;
  // Below 2^-14 a half counts steps of 2^-24; adding 2^-1 in float32 rounds to them.
  if (size < 0x38800000) {
    float[0] = Math.abs(x) + 0.5;
    return sign | (word[0] - 0x3f000000);
  }
  return sign | ((size + 0xfff + ((size >>> 13) & 1) - 0x38000000) >>> 13);
}

/** The bits of the bfloat16 that is nearest to a float32, its upper half rounded, ties to even. */
export function bfloatBits(x: number): number {
  float[0] = x;
  if (Number.isNaN(x)) return (word[0] >>> 16) | 0x40;
  return (word[0] + 0x7fff + ((word[0] >>> 16) & 1)) >>> 16;
}

/** What the bits of a half are. */
export function halfValue(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const mantissa = half & 1023;
  if (exponent === 31) return mantissa ? NaN : sign * Infinity;
  return sign * (exponent ? (1 + mantissa / 1024) * 2 ** (exponent - 15) : mantissa * 2 ** -24);
}
