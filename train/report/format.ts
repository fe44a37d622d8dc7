// Numbers for people: durations, rates, shares, losses. One place, so that terminal, charts and report agree.

/** Seconds as "0:07", "12:34", "1:02:03" or "2 d 3:04 h"; "?" for what is no time. */
export function formatDuration(seconds: number): string {
  if (!(seconds >= 0 && seconds < Infinity)) return '?';
  const whole = Math.round(seconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  if (hours >= 24) return `${Math.floor(hours / 24)} d ${hours % 24}:${two(minutes)} h`;
  return `${hours > 0 ? `${hours}:${two(minutes)}` : minutes}:${two(whole % 60)}`;
}

const UNITS = [
  [1e9, 'B'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const;

/** A quantity with three digits and a unit: 7, 0.52, 812, 15.2k, 1.23M. */
export function formatQuantity(value: number): string {
  if (!Number.isFinite(value)) return '?';
  // Rounded first, so that 999.7 is 1.00k and not 1000.
  const rounded = Number(value.toPrecision(3));
  for (const [size, unit] of UNITS) {
    if (Math.abs(rounded) >= size) return `${threeDigits(rounded / size)}${unit}`;
  }
  return Number.isInteger(value) ? String(value) : threeDigits(rounded);
}

/** A loss or a norm with three decimals, fewer where it is large, and in powers of ten where that says nothing. */
export function formatLoss(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size >= 1e5 || (size < 1e-3 && size > 0)) return value.toExponential(1);
  return value.toFixed(size < 100 ? 3 : 1);
}

/** A share in 0 .. 1 as "12.3 %". */
export const formatShare = (share: number): string => (Number.isFinite(share) ? `${(100 * share).toFixed(1)} %` : '?');

/** A whole number with thousands apart: 1,234,567. */
export const formatCount = (count: number): string => count.toLocaleString('en-US', { maximumFractionDigits: 0 });

const threeDigits = (value: number): string => {
  const size = Math.abs(value);
  return value.toFixed(size < 10 ? 2 : size < 100 ? 1 : 0);
};
