// A chart as one self-contained SVG: title, stacked panels drawn by Observable Plot, curves labelled where they end.
import type * as PlotModule from '@observablehq/plot';
import { escapeMarkup } from './markup.js';
import { thinned, type Point } from './series.js';

export interface Curve {
  /** Empty where there is nothing to tell apart. */
  label: string;
  /** One of `PALETTE`, by its number. */
  color: number;
  /** What is drawn strong, and labelled with its last value. */
  line: readonly Point[];
  /** What it was made from, drawn faint. */
  raw?: readonly Point[];
  /** Whether to mark the points of the line. */
  dots?: boolean;
}

/** A level to compare with. */
export interface Rule {
  label: string;
  y: number;
}

export interface Panel {
  /** The y axis, with its unit. */
  axis: string;
  curves: readonly Curve[];
  rules?: readonly Rule[];
  /** Whether the y axis begins at 0. */
  zero?: boolean;
  /** How the last value of a curve is written. */
  format: (value: number) => string;
  /** How the y axis is numbered, where plain numbers would be too long. */
  ticks?: (value: number) => string;
  height: number;
}

export interface Chart {
  title: string;
  subtitle: string;
  panels: readonly Panel[];
}

/**
 * The first four are Okabe and Ito's (2008), told apart by colour-blind eyes; all have a contrast of 3 and more against
 * both papers, as WCAG 2.1 (1.4.11) asks of graphics.
 */
export const PALETTE = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#7F7F7F', '#A6761D'];

export const WIDTH = 800;
export const MARGIN = 16;
const HEAD_FILE = 58;
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';
/** Of a character at 12 px, in pixels; fonts differ, so a little more than the mean. */
const CHARACTER = 6.8;
export const LABEL_LINE = 15;
const SWATCH = 16;
const LONGEST_NAME = 26;
/** In characters, so that the panels of most charts are as wide as each other. */
const SHORTEST_LABELS = 15;
const RAW_POINTS = 1200;
const LINE_POINTS = 600;

/** Draws a chart. Plot and a document to draw in are loaded on the first call only: they take a second. */
export async function drawChart(chart: Chart): Promise<string> {
  const { Plot, document } = await drawing();
  const labelled = chart.panels.map(labelsOf);
  const marginRight =
    2 * MARGIN + SWATCH + CHARACTER * Math.max(SHORTEST_LABELS, ...labelled.flat().map(({ text }) => text.length));
  const steps = chart.panels.flatMap(({ curves }) => curves.flatMap(({ line }) => line.map(([x]) => x)));
  let top = HEAD_FILE;
  const body = chart.panels.map((panel, i) => {
    const last = i === chart.panels.length - 1;
    const marginBottom = last ? 38 : 22;
    const height = panel.height + marginBottom;
    const plot = Plot.plot({
      document,
      width: WIDTH,
      height,
      marginLeft: 56,
      marginRight,
      marginTop: 26,
      marginBottom,
      x: { label: last ? 'step' : null, domain: extent(steps), labelAnchor: 'center', labelArrow: 'none' },
      y: {
        label: null,
        domain: yDomain(panel),
        nice: true,
        ticks: 5,
        tickSize: 0,
        grid: true,
        tickFormat: panel.ticks,
      },
      style: { fontSize: '12px' },
      marks: panel.curves
        .flatMap((curve) => marks(Plot, curve, panel.curves.length > 3 ? 0.14 : 0.28))
        .concat(rules(Plot, panel)),
    });
    const y = plot.scale('y');
    const labels = spread(labelled[i].map((label) => ({ ...label, at: Number(y?.apply(label.y)) })));
    const group =
      `<g transform="translate(0,${top})"><text x="${MARGIN}" y="12" text-anchor="start">${escapeMarkup(panel.axis)}</text>${inner(plot)}` +
      labels.map((label) => drawLabel(label, WIDTH - marginRight + 10)).join('') +
      '</g>';
    top += height + 6;
    return group;
  });
  return framed({ ...chart, description: describe(chart.panels), height: top - HEAD_FILE }, () => body.join('\n'));
}

/** Plot, and a document to draw in: the browser's, elsewhere linkedom's. */
export async function drawing() {
  const Plot = await import('@observablehq/plot');
  const { document } =
    globalThis.document === undefined ? (await import('linkedom')).parseHTML('<html><body></body></html>') : globalThis;
  return { Plot, document: document as unknown as PlotModule.PlotOptions['document'] };
}

/** What stands around a drawing. */
export interface Framed {
  readonly title: string;
  readonly subtitle: string;
  /** The chart in words. */
  readonly description: string;
  /** Of the drawing alone. */
  readonly height: number;
}

/** A chart with its title and on its paper; `draw` is told where the drawing begins. */
export function framed(chart: Framed, draw: (top: number) => string): string {
  const [title, subtitle] = [escapeMarkup(chart.title), escapeMarkup(chart.subtitle)];
  const height = HEAD_FILE + chart.height + 2;
  return `<svg xmlns="http://www.w3.org/2000/svg" class="retromae-chart" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${title}" font-family="${escapeMarkup(FONT)}" font-size="12" fill="currentColor" text-anchor="middle">
<title>${title}</title>
<desc>${subtitle} ${escapeMarkup(chart.description)}</desc>
<style>${STYLE}</style>
<rect class="paper" width="${WIDTH}" height="${height}" rx="6"/>
<text x="${MARGIN}" y="26" font-size="16" font-weight="600" text-anchor="start">${title}</text>
<text x="${MARGIN}" y="45" opacity="0.75" text-anchor="start">${subtitle}</text>
${draw(HEAD_FILE)}
</svg>
`;
}

/** Dark where the reader's system is: in a page, and as an image of its own. */
const STYLE = `
.retromae-chart { color: #1f2328; max-width: 100%; height: auto; }
.retromae-chart .paper { fill: #ffffff; }
@media (prefers-color-scheme: dark) {
  .retromae-chart { color: #e6edf3; }
  .retromae-chart .paper { fill: #0d1117; }
}
`;

function marks(Plot: typeof PlotModule, { color, line, raw = [], dots }: Curve, faint: number): PlotModule.Markish[] {
  const stroke = PALETTE[color % PALETTE.length];
  // More curves than colours: the next ones are dashed.
  const strokeDasharray = color < PALETTE.length ? undefined : '6 3';
  const shown = thinned(line, LINE_POINTS).map(toArray);
  return [
    Plot.line(thinned(raw, RAW_POINTS).map(toArray), { stroke, strokeWidth: 1, strokeOpacity: faint }),
    Plot.line(shown, { stroke, strokeWidth: 2, strokeDasharray }),
    // A curve of one point is invisible without a dot.
    ...(dots || line.length === 1 ? [Plot.dot(shown, { fill: stroke, r: 3 })] : []),
  ];
}

const rules = (Plot: typeof PlotModule, { rules = [] }: Panel): PlotModule.Markish[] =>
  rules.map(({ y }) => Plot.ruleY([y], { stroke: 'currentColor', strokeOpacity: 0.6, strokeDasharray: DASHES }));

const DASHES = '5 4';

/** Plot's types ask for arrays that may be written to. */
const toArray = ([x, y]: Point): [number, number] => [x, y];

interface Label {
  text: string;
  y: number;
  /** A curve's; a rule has none. */
  color?: number;
}

function labelsOf({ curves, rules = [], format }: Panel): Label[] {
  const named = (name: string, y: number): string => `${shorten(name)} ${format(y)}`.trim();
  return [
    ...curves.flatMap(({ label, color, line }) => {
      const end = line.findLast(([, y]) => Number.isFinite(y));
      return end ? [{ text: named(label, end[1]), y: end[1], color }] : [];
    }),
    ...rules.map(({ label, y }) => ({ text: named(label, y), y })),
  ];
}

const shorten = (name: string): string => (name.length <= LONGEST_NAME ? name : `${name.slice(0, LONGEST_NAME - 1)}…`);

/** Moves labels apart that would overlap: each group of neighbours is centred on where its members belong. */
export function spread<T extends { at: number }>(labels: readonly T[], gap = LABEL_LINE): T[] {
  const groups: { members: T[]; centre: number }[] = [];
  const half = ({ members }: { members: T[] }): number => ((members.length - 1) * gap) / 2;
  for (const label of [...labels].sort((a, b) => a.at - b.at)) {
    let group = { members: [label], centre: label.at };
    for (let above = groups.at(-1); above && group.centre - half(group) - above.centre - half(above) < gap;) {
      groups.pop();
      const members = [...above.members, ...group.members];
      group = { members, centre: members.reduce((sum, { at }) => sum + at, 0) / members.length };
      above = groups.at(-1);
    }
    groups.push(group);
  }
  return groups.flatMap((group) =>
    group.members.map((label, i) => ({ ...label, at: group.centre - half(group) + i * gap })),
  );
}

function drawLabel({ text, color, at }: Label & { at: number }, x: number): string {
  const y = at.toFixed(1);
  const stroke = color === undefined ? 'currentColor' : PALETTE[color % PALETTE.length];
  const dashes =
    color === undefined ? ` stroke-dasharray="${DASHES}"` : color < PALETTE.length ? '' : ' stroke-dasharray="6 3"';
  return (
    `<line x1="${x}" x2="${x + SWATCH}" y1="${y}" y2="${y}" stroke="${stroke}" stroke-width="2"${dashes}/>` +
    `<text x="${x + SWATCH + 6}" y="${y}" dy="0.35em" text-anchor="start">${escapeMarkup(text)}</text>`
  );
}

/** What a plot has inside, its own style sheet left out and coordinates to a hundredth of a pixel. */
export const inner = (plot: Element): string =>
  plot.innerHTML
    .replace(/<style>[^]*?<\/style>/, '')
    .replace(/<[^>]+>/g, (tag) => tag.replace(/\d+\.\d{3,}/g, (number) => String(Number(Number(number).toFixed(2)))));

function yDomain({ curves, rules = [], zero = false }: Panel): [number, number] {
  const values = curves.flatMap(({ line, raw = [] }) => [...line, ...raw].map(([, y]) => y));
  const [low, high] = extent([...values, ...rules.map(({ y }) => y), ...(zero ? [0] : [])]);
  return low === high ? [low, low + 1] : [low, high];
}

/** The lowest and the highest finite value; 0 and 1 where there is none. Not by spreading: there may be a million. */
function extent(values: readonly number[]): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 1];
}

/** The chart in words, for those who do not see it. */
function describe(panels: readonly Panel[]): string {
  return panels
    .map(({ axis, curves, rules = [], format }) => {
      const told = curves
        .filter(({ line }) => line.length > 0)
        .map(({ label, line }) => {
          const [from, to] = [line[0], line[line.length - 1]];
          return `${label || 'curve'} from ${format(from[1])} at step ${from[0]} to ${format(to[1])} at step ${to[0]}`;
        });
      const levels = rules.map(({ label, y }) => `${label} at ${format(y)}`);
      return `${axis}: ${[...told, ...levels].join(', ')}.`;
    })
    .join(' ');
}
