// Differences as dots with whiskers, one a line, beside what they are compared with: a chart as one self-contained SVG.
import { drawing, framed, inner, MARGIN, PALETTE, WIDTH, type Framed } from './chart-frame.js';

/** A line of the chart. */
export interface IntervalRow {
  readonly label: string;
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  /** Drawn as a hollow diamond. */
  readonly reference?: number;
  /** One of `PALETTE`, by its number. */
  readonly color: number;
}

export interface IntervalChart {
  readonly title: string;
  readonly subtitle: string;
  /** The x axis, with its unit. */
  readonly axis: string;
  readonly rows: readonly IntervalRow[];
}

const LINE = 26;
/** Of a character at 12 px, in pixels. */
const CHARACTER = 6.6;

/** Draws the chart. */
export async function intervalChart({ title, subtitle, axis, rows }: IntervalChart): Promise<string> {
  const { Plot, document } = await drawing();
  const marginLeft = 2 * MARGIN + CHARACTER * Math.max(...rows.map(({ label }) => label.length));
  const height = LINE * rows.length + 64;
  const places = rows.map((row, i) => ({ ...row, y: String(i), stroke: PALETTE[row.color % PALETTE.length] }));
  const plot = Plot.plot({
    ...{ document, width: WIDTH, height, marginLeft, marginRight: 2 * MARGIN, marginTop: 8, marginBottom: 48 },
    x: { label: axis, labelAnchor: 'center', labelArrow: 'none', nice: true, grid: true, tickFormat: signed },
    y: { label: null, domain: places.map(({ y }) => y), tickSize: 0, tickFormat: (y: string) => rows[Number(y)].label },
    style: { fontSize: '12px' },
    marks: [
      Plot.ruleX([0], { stroke: 'currentColor', strokeOpacity: 0.7 }),
      Plot.link(places, { x1: 'low', x2: 'high', y1: 'y', y2: 'y', stroke: 'stroke', strokeWidth: 2 }),
      Plot.dot(places, { x: 'mean', y: 'y', fill: 'stroke', r: 4.5 }),
      Plot.dot(
        places.filter(({ reference }) => reference !== undefined),
        { x: 'reference', y: 'y', stroke: 'currentColor', strokeWidth: 1.5, symbol: 'diamond', r: 4.5 },
      ),
    ],
  });
  const told = rows.map(
    ({ label, mean, low, high, reference }) =>
      `${label}: ${signed(mean)} from ${signed(low)} to ${signed(high)}${reference === undefined ? '' : `, compared with ${signed(reference)}`}`,
  );
  const chart: Framed = { title, subtitle, description: `${told.join('; ')}.`, height };
  return framed(chart, (top) => `<g transform="translate(0,${top})">${inner(plot)}</g>`);
}

const signed = (value: number): string => `${value > 0 ? '+' : ''}${Number(value.toFixed(4))}`;
