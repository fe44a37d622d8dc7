// Learning-rate schedules: a number for each step, 0 being the first.

export type Schedule = (step: number) => number;

const check = (total: number, warmup: number): void => {
  if (!(total >= 1)) throw new Error(`schedule: ${total} steps in all; at least 1 is needed.`);
  if (!(warmup >= 0 && warmup <= total))
    throw new Error(`schedule: warm-up of ${warmup} steps of ${total}; it must be 0 to ${total}.`);
};

/** Hugging Face's linear schedule: peak * s / w while s < w, then peak * (T - s) / (T - w). The first step has rate 0. */
export function linearDecay(peak: number, total: number, warmup = 0): Schedule {
  check(total, warmup);
  return (s) => (s < warmup ? (peak * s) / warmup : (peak * Math.max(0, total - s)) / Math.max(1, total - warmup));
}

/** Linear warm-up, then half a cosine down to 0 (Loshchilov and Hutter, 2017). */
export function cosineDecay(peak: number, total: number, warmup = 0): Schedule {
  check(total, warmup);
  return (s) => {
    if (s < warmup) return (peak * s) / warmup;
    const progress = Math.min(1, (s - warmup) / Math.max(1, total - warmup));
    return peak * 0.5 * (1 + Math.cos(Math.PI * progress));
  };
}

/** Linear warm-up, then constant. */
export function constant(peak: number, warmup = 0): Schedule {
  return (s) => (s < warmup ? (peak * s) / warmup : peak);
}
