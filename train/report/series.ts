// Curves made readable: smoothing, and thinning that keeps the extremes.

/** A point of a curve: x, y. */
export type Point = readonly [x: number, y: number];

/**
 * Exponential moving average over about `horizon` values, without the bias towards zero at its start (Kingma and Ba,
 * 2015, section 3). Values that are not finite are passed over.
 */
export class Smooth {
  private sum = 0;
  private weight = 0;
  private readonly keep: number;

  /** @param horizon values that count; 1 smooths nothing */
  constructor(horizon: number) {
    this.keep = 1 - 1 / Math.max(1, horizon);
  }

  /** Takes a value in and returns the average; NaN before the first finite one. */
  add(value: number): number {
    if (Number.isFinite(value)) {
      this.sum = this.keep * this.sum + (1 - this.keep) * value;
      this.weight = this.keep * this.weight + (1 - this.keep);
    }
    return this.value;
  }

  get value(): number {
    return this.weight === 0 ? NaN : this.sum / this.weight;
  }
}

/** The finite values of a field over steps; records that lack it are passed over. */
export function valuesOf<T extends { step: number }>(
  records: readonly T[],
  field: (record: T) => number | undefined,
): Point[] {
  return records.flatMap((record): Point[] => {
    const y = field(record);
    return y !== undefined && Number.isFinite(y) ? [[record.step, y]] : [];
  });
}

/**
 * A curve with every value replaced by the mean of about a thirtieth of the points, centred on it, so that a smoothed
 * curve does not lag behind: fewer at the ends, where the first ones stay centred, as losses fall steeply there. All values
 * must be finite.
 */
export function smoothed(points: readonly Point[]): Point[] {
  const reach = Math.floor(points.length / 60);
  const sums = new Float64Array(points.length + 1);
  points.forEach(([, y], i) => (sums[i + 1] = sums[i] + y));
  return points.map(([x], i) => {
    const from = Math.max(0, i - reach);
    const to = Math.min(points.length, i + Math.min(reach, i) + 1);
    return [x, (sums[to] - sums[from]) / (to - from)];
  });
}

/**
 * At most about `limit` points of a curve that show the same: of every run of neighbours the lowest and the highest, in
 * their order, and both ends.
 */
export function thinned(points: readonly Point[], limit: number): readonly Point[] {
  if (points.length <= limit) return points;
  const buckets = Math.max(1, Math.floor(limit / 2) - 1);
  const inner = points.length - 2;
  const kept: Point[] = [points[0]];
  for (let bucket = 0; bucket < buckets; bucket++) {
    const from = 1 + Math.floor((bucket * inner) / buckets);
    const to = 1 + Math.floor(((bucket + 1) * inner) / buckets);
    let low = from;
    let high = from;
    for (let i = from + 1; i < to; i++) {
      if (points[i][1] < points[low][1]) low = i;
      if (points[i][1] > points[high][1]) high = i;
    }
    kept.push(points[Math.min(low, high)]);
    if (low !== high) kept.push(points[Math.max(low, high)]);
  }
  kept.push(points[points.length - 1]);
  return kept;
}
