// Tables for people: columns as wide as they need, numbers to the right.

/** Lines of a table; a column whose cells are all numbers or missing is set to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  const isText = head.map((_, i) => rows.some((row) => !/^[-\d]/.test(row[i]) && row[i] !== ''));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (isText[i] ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join('  ')
      .trimEnd();
  return [head, ...rows].map(line).join('\n');
}

export const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;

/** 374, 62.1, 8.35: three digits. */
export function digits(x: number): string {
  return x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x.toFixed(2);
}

export const spread = (row: { medianMs: number; minMs: number; maxMs: number }): string =>
  `${digits(row.medianMs)} (${digits(row.minMs)}-${digits(row.maxMs)})`;
