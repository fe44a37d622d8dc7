// Records of runs that never were, but look like real ones: for the tests of what is drawn and written.
import { Random } from '../../support/random.js';
import type { ProbeRecord, StepRecord } from '../../../train/report/records.js';

export interface SyntheticOptions {
  steps?: number;
  seed?: number;
  /** Without one it is a run of plain MLM. */
  decoder?: boolean;
  bow?: boolean;
  /** How fast the losses fall, about 1. */
  pace?: number;
}

/** Steps with losses that fall from ln(vocabulary), noise, a warm-up and a decay. */
export function syntheticSteps({
  steps = 2000,
  seed = 1,
  decoder = true,
  bow = false,
  pace = 1,
}: SyntheticOptions = {}): StepRecord[] {
  const random = new Random(seed);
  const noise = (size: number): number => size * random.normal() * 0.5;
  let elapsed = 0;
  return Array.from({ length: steps }, (_, i) => {
    const step = i + 1;
    const done = (pace * step) / steps;
    const fall = (from: number, to: number, speed: number): number => to + (from - to) * Math.exp(-speed * done ** 0.6);
    const encoder = fall(9.7, 4.1, 2.6) + noise(0.35);
    const other = decoder
      ? { decoder: fall(9.9, 5.2, 2.1) + noise(0.2), decoderAccuracy: Math.max(0, 0.28 * done ** 0.8 + noise(0.01)) }
      : {};
    const words = bow ? { bow: fall(8.1, 6.0, 3) + noise(0.15) } : {};
    const tokens = Math.round(2048 + noise(300));
    const seconds = tokens / (3800 + noise(300) - (step % 250 === 0 ? 1400 : 0));
    elapsed += seconds;
    return {
      step,
      loss: encoder + (other.decoder ?? 0) + (words.bow ?? 0),
      encoder,
      accuracy: Math.max(0, 0.36 * done ** 0.8 + noise(0.03)),
      ...other,
      ...words,
      gradientNorm: 0.9 + 5 * Math.exp(-step / 60) + Math.abs(noise(0.3)),
      lr: 5e-4 * Math.min(step / (0.1 * steps), (steps - step) / (0.9 * steps)),
      tokens,
      seconds,
      dataSeconds: 0.01 * seconds,
      tokensPerSecond: tokens / seconds,
      elapsed,
    };
  });
}

/** A probe every `every` steps, the untrained encoder included. */
export function syntheticProbes({ steps = 2000, every = 200, seed = 2, pace = 1 } = {}): ProbeRecord[] {
  const random = new Random(seed);
  return Array.from({ length: Math.floor(steps / every) + 1 }, (_, i) => {
    const level = 0.08 + 0.5 * (1 - Math.exp((-2.2 * pace * i * every) / steps)) + 0.02 * (random.next() - 0.5);
    return { step: i * every, 'ndcg@10': level, 'mrr@10': 0.9 * level, 'recall@100': level ** 0.4, queries: 300 };
  });
}
