// A matrix of shares as squares: who sees whom, who attends to whom.
import { framed, MARGIN, PALETTE, WIDTH } from './chart-frame.js';
import { escapeMarkup } from './markup.js';

export interface MatrixChart {
  readonly title: string;
  readonly subtitle: string;
  /** Names, top to bottom and left to right. */
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  /** [rows, columns], each from 0 (empty) to 1 (full). */
  readonly values: readonly (readonly number[])[];
}

/** Of a square with its gap, in pixels, where there is room. */
const LARGEST = 28;
const CHARACTER = 7;
/** Columns' names are turned, so that they are as long as they like. */
const SLANT = Math.SQRT1_2;

/** Draws the matrix. @throws if it has not as many rows and columns as names */
export function matrixChart({ title, subtitle, rows, columns, values }: MatrixChart): string {
  if (values.length !== rows.length || values.some((row) => row.length !== columns.length))
    throw new Error(`matrix chart: expected ${rows.length} rows of ${columns.length} values, one a name.`);
  const longest = (names: readonly string[]): number => CHARACTER * Math.max(...names.map((name) => name.length));
  const left = 2 * MARGIN + longest(rows);
  const above = MARGIN + SLANT * longest(columns);
  const side = Math.min(LARGEST, (WIDTH - left - MARGIN - SLANT * longest(columns.slice(-1))) / columns.length);
  const places = columns.map((_, j) => left + j * side);
  const heads = columns.map((name, j) => {
    const place = `translate(${(places[j] + side / 2).toFixed(1)},${(above - 6).toFixed(1)}) rotate(-45)`;
    return `<text transform="${place}" text-anchor="start">${escapeMarkup(name)}</text>`;
  });
  const lines = rows.map((name, i) => {
    const y = above + i * side;
    const label = `<text x="${left - 8}" y="${(y + side / 2).toFixed(1)}" dy="0.35em" text-anchor="end">${escapeMarkup(name)}</text>`;
    return label + values[i].map((value, j) => square(places[j], y, side - 2, value)).join('');
  });
  const told = rows.map((name, i) => {
    const seen = columns.flatMap((column, j) => (values[i][j] > 0 ? [column + share(values[i][j])] : []));
    return `${name}: ${seen.length > 0 ? seen.join(', ') : 'nothing'}`;
  });
  const height = above + rows.length * side + MARGIN;
  const draw = (top: number): string => `<g transform="translate(0,${top})">${[...heads, ...lines].join('\n')}</g>`;
  return framed({ title, subtitle, description: `${told.join('; ')}.`, height }, draw);
}

const share = (value: number): string => (value === 1 ? '' : ` ${Math.round(100 * value)} %`);

/** Empty squares are an outline, so that a matrix is seen to have them. */
function square(x: number, y: number, side: number, value: number): string {
  const box = `x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${side.toFixed(1)}" height="${side.toFixed(1)}" rx="3"`;
  const outline = `<rect ${box} fill="none" stroke="currentColor" stroke-opacity="0.25"/>`;
  return value > 0 ? `<rect ${box} fill="${PALETTE[0]}" fill-opacity="${value.toFixed(3)}"/>${outline}` : outline;
}
