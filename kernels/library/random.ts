// A counter-based random generator whose every step is exact in float32, so that all backends draw the same dropout.
//
// The state is a number below 2^24, two halves of 12 bits, mixed as in a Feistel network (Luby and Rackoff, 1988) whose
// round function is the middle of a square (as in Widynski's "Squares", 2020). 4095 * 4096 < 2^24, so nothing rounds.

/** Takes in 12 bits by one Feistel round: (a, b) -> (s, a + F(s)) with s = b + word, F(s) the middle of s (s + 1). */
export function mix(state: number, word: number): number {
  const a = Math.floor(state * 0.000244140625);
  let s = state - a * 4096.0 + word;
  s = s - 4096.0 * Math.floor(s * 0.000244140625);
  let f = Math.floor((s * s + s) * 0.015625);
  f = a + f - 4096.0 * Math.floor(f * 0.000244140625);
  f = f - 4096.0 * Math.floor(f * 0.000244140625);
  return s * 4096.0 + f;
}

/** Takes a number below 2^24 into the state; a bijection of that number for any state. */
export function absorb(state: number, value: number): number {
  const high = Math.floor(value * 0.000244140625);
  return mix(mix(state, value - high * 4096.0), high);
}

/** Uniform number in [0, 1) with 24 bits: a function of the key (below 2^24) and the cell alone. */
export function uniform(key: number, row: number, column: number): number {
  const state = absorb(absorb(key, row), column);
  return mix(mix(mix(state, 2531.0), 1013.0), 3691.0) * 5.9604644775390625e-8;
}

/** Factor of inverted dropout for one cell: 0 with probability p, else 1 / (1 - p). Where p is 0 nothing is drawn. */
export function keep(p: number, key: number, row: number, column: number): number {
  if (p <= 0.0) return 1.0;
  if (uniform(key, row, column) < p) return 0.0;
  return 1.0 / (1.0 - p);
}

/** What a cell that draws dropout calls. */
export const dropoutCalls = [keep, uniform, absorb, mix];
