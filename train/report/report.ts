// The report of a run: one HTML page without scripts or links, and its charts as files beside it.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeError, writeFileAtomic, type DataCounts } from '../../data/index.js';
import type { Scalar, Scalars } from '../../retromae/index.js';
import { accuracyChart, lossChart, numbersChart, optimizerChart, probeChart } from './charts.js';
import { dataFacts, dataWarnings } from './data-summary.js';
import { formatCount, formatDuration, formatLoss, formatQuantity, formatShare } from './format.js';
import { escapeMarkup } from './markup.js';
import { dataWait, type ProbeRecord, type StepRecord } from './records.js';
import { scalarsIn } from './scalars.js';
import { smoothed, valuesOf } from './series.js';

/** A line of the table that compares systems. */
export interface ComparisonRow {
  name: string;
  /** With its 95 % confidence interval. */
  'ndcg@10': Readonly<Record<'mean' | 'low' | 'high', number>>;
  'mrr@10': number;
  'recall@100': number;
  /** nDCG@10 minus that of other systems, by their names. */
  against?: Readonly<Record<string, Readonly<Record<'mean' | 'low' | 'high', number>>>>;
}

export interface Figure {
  /** Of its file, without extension: letters, digits, "-" and "_". */
  name: string;
  /** An SVG as the chart functions return it. It goes into the page as it is: never one from elsewhere. */
  svg: string;
}

/** A table of texts, the first of each row its name. */
export interface ReportTable {
  heading: string;
  head: readonly string[];
  rows: readonly (readonly string[])[];
  /** Below it. */
  note?: string;
}

export interface ReportContent {
  title: string;
  /** What it comes to, in sentences, above all else. */
  lead?: readonly string[];
  /** The settings of the run; values that are not strings are shown as JSON, undefined ones not at all. */
  config: object;
  /** What the corpus was. */
  data?: DataCounts;
  steps: readonly StepRecord[];
  probes: readonly ProbeRecord[];
  /** What the numbers of an objective are that is not in the list. */
  scalars?: Scalars;
  /** nDCG@10 to compare the probe with, by name. */
  baselines?: Readonly<Record<string, number>>;
  table?: readonly ComparisonRow[];
  /** What the table was measured on, in a sentence. */
  tableNote?: string;
  /** Above the charts. */
  tables?: readonly ReportTable[];
  /** What is to be known of it, a paragraph each. */
  notes?: { readonly heading: string; readonly lines: readonly string[] };
  /** Shown after the charts of the run. */
  figures?: readonly Figure[];
  /** The commands that made the run, as one would type them. */
  commands?: readonly string[];
}

/**
 * Writes `report.html` and `charts/*.svg` into a folder, each file whole or not at all.
 * @returns the path of the page
 * @throws if a file cannot be written, or two figures have the same name or one that is no file name
 */
export async function writeReport(dir: string, content: ReportContent): Promise<string> {
  const figures = [...(await ownFigures(content)), ...(content.figures ?? [])];
  figures.forEach(({ name }, i) => {
    if (!/^[\w-]+$/.test(name) || figures.findIndex((other) => other.name === name) !== i) {
      throw new Error(
        `report: figure "${name}": expected a name of its own of letters, digits, "-" and "_"; rename it.`,
      );
    }
  });
  const charts = join(dir, 'charts');
  await mkdir(charts, { recursive: true }).catch((error: unknown) => {
    throw writeError(charts, error);
  });
  for (const { name, svg } of figures) await writeFileAtomic(join(charts, `${name}.svg`), svg);
  const page = join(dir, 'report.html');
  await writeFileAtomic(page, reportPage(content, figures));
  return page;
}

async function ownFigures({ steps, probes, scalars, baselines }: ReportContent): Promise<Figure[]> {
  const runs = [{ name: 'encoder', steps, probes, scalars }];
  const figures: Figure[] = [];
  if (steps.length > 0) figures.push({ name: 'loss', svg: await lossChart(runs) });
  if (probes.length > 0) figures.push({ name: 'probe', svg: await probeChart(runs, baselines) });
  if (scalarsIn(steps, scalars, 'accuracy').length > 0)
    figures.push({ name: 'accuracy', svg: await accuracyChart(runs) });
  if (scalarsIn(steps, scalars, 'number').length > 0) figures.push({ name: 'numbers', svg: await numbersChart(runs) });
  if (steps.length > 0) figures.push({ name: 'optimizer', svg: await optimizerChart(runs) });
  return figures;
}

/** The page as text; it needs nothing beside it. */
function reportPage(
  {
    title,
    lead = [],
    config,
    data,
    steps,
    probes,
    scalars,
    table,
    tableNote,
    tables = [],
    notes,
    commands,
  }: ReportContent,
  figures: readonly Figure[],
): string {
  const sections = [
    section('Summary', pairs(summary(steps, probes, scalars), 'facts')),
    section('What the training bought', table?.length ? comparison(table, tableNote) : ''),
    ...tables.map((one) => section(one.heading, plainTable(one))),
    section('Charts', figures.map(({ svg }) => `<figure>${svg}</figure>`).join('\n')),
    notes ? section(notes.heading, paragraphs(notes.lines)) : '',
    section('Data', data ? dataPart(data) : ''),
    section('Settings', pairs(settings(config), 'settings')),
    section('Commands', commands?.length ? `<pre>${commands.map(escapeMarkup).join('\n')}</pre>` : ''),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeMarkup(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeMarkup(title)}</h1>
${paragraphs(lead)}${sections.filter(Boolean).join('\n')}
</main>
</body>
</html>
`;
}

const section = (heading: string, content: string): string =>
  content && `<section>\n<h2>${heading}</h2>\n${content}\n</section>`;

const paragraphs = (lines: readonly string[]): string => lines.map((line) => `<p>${escapeMarkup(line)}</p>\n`).join('');

function plainTable({ head, rows, note }: ReportTable): string {
  const cells = ([name, ...others]: readonly string[]): string =>
    `<tr><th scope="row">${escapeMarkup(name)}</th>${others.map((text) => `<td>${escapeMarkup(text)}</td>`).join('')}</tr>`;
  return `<div class="wide"><table>
${note ? `<caption>${escapeMarkup(note)}</caption>\n` : ''}<thead><tr>${head.map((name) => `<th scope="col">${escapeMarkup(name)}</th>`).join('')}</tr></thead>
<tbody>
${rows.map(cells).join('\n')}
</tbody>
</table></div>`;
}

type Pair = readonly [name: string, value: string];

const pairs = (all: readonly Pair[], kind: string): string =>
  all.length === 0
    ? ''
    : `<dl class="${kind}">\n${all.map(([name, value]) => `<div><dt>${escapeMarkup(name)}</dt><dd>${escapeMarkup(value)}</dd></div>`).join('\n')}\n</dl>`;

function dataPart(data: DataCounts): string {
  const lines = [...data.taken, ...dataWarnings('the corpus', data)];
  return `${pairs(dataFacts(data), 'facts')}\n${paragraphs(lines)}`;
}

const settings = (config: object): Pair[] =>
  Object.entries(config as Record<string, unknown>)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]);

type Fact = [name: string, value: number | undefined, format: (value: number) => string];

/** How numbers of a unit are named and shown. */
const units: Record<Scalar['unit'], { what: string; format: Fact[2] }> = {
  nats: { what: ' loss', format: formatLoss },
  accuracy: { what: ' accuracy', format: formatShare },
  number: { what: '', format: formatQuantity },
};

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

function summary(steps: readonly StepRecord[], probes: readonly ProbeRecord[], own?: Scalars): Pair[] {
  // Averaged as in the charts, so that both say the same.
  const average = (field: (record: StepRecord) => number | undefined): number | undefined =>
    smoothed(valuesOf(steps, field)).at(-1)?.[1];
  const total = (field: (record: StepRecord) => number): number =>
    steps.reduce((sum, record) => sum + field(record), 0);
  const tokens = total((record) => record.tokens);
  const seconds = total((record) => record.seconds);
  const facts: Fact[] = [
    ['Steps', steps.at(-1)?.step, formatCount],
    ...scalarsIn(steps, own).map(({ name, label, unit }): Fact => {
      const { what, format } = units[unit];
      return [capital(`${label}${what}`), average((record) => record[name]), format];
    }),
    ['Probe nDCG@10', probes.at(-1)?.['ndcg@10'], (value) => value.toFixed(3)],
    ['Tokens', tokens, formatQuantity],
    ['Time in steps', seconds, formatDuration],
    ['Tokens per second', tokens / seconds, formatQuantity],
    ['Data wait', dataWait(steps), formatShare],
  ];
  if (steps.length === 0) return [];
  return facts.flatMap(([name, value, format]): Pair[] => (value === undefined ? [] : [[name, format(value)]]));
}

function comparison(rows: readonly ComparisonRow[], note?: string): string {
  const top = Math.max(...rows.map((row) => row['ndcg@10'].mean));
  const rivals = [...new Set(rows.flatMap(({ against = {} }) => Object.keys(against)))];
  const cell = (interval: ComparisonRow['ndcg@10'] | undefined, show: (value: number) => string): string =>
    interval
      ? `<td>${show(interval.mean)} <span class="interval">[${show(interval.low)}, ${show(interval.high)}]</span></td>`
      : '<td></td>';
  const line = ({ name, 'ndcg@10': ndcg, 'mrr@10': mrr, 'recall@100': recall, against }: ComparisonRow): string =>
    `<tr${ndcg.mean === top ? ' class="best"' : ''}><th scope="row">${escapeMarkup(name)}</th>` +
    `${cell(ndcg, score)}${rivals.length > 0 ? '' : `<td>${score(mrr)}</td>`}<td>${score(recall)}</td>` +
    `${rivals.map((rival) => cell(against?.[rival], signed)).join('')}</tr>`;
  return `<div class="wide"><table>
<caption>${escapeMarkup(`${note ? `${note} ` : ''}In brackets: 95 % confidence interval. Bold: best nDCG@10.`)}</caption>
<thead><tr><th scope="col">System</th><th scope="col">nDCG@10</th>${rivals.length > 0 ? '' : '<th scope="col">MRR@10</th>'}<th scope="col">Recall@100</th>${rivals.map((rival) => `<th scope="col">Against ${escapeMarkup(rival)}</th>`).join('')}</tr></thead>
<tbody>
${rows.map(line).join('\n')}
</tbody>
</table></div>`;
}

const score = (value: number): string => value.toFixed(3);
const signed = (value: number): string => `${value >= 0 ? '+' : ''}${score(value)}`;

const STYLE = `
:root { color-scheme: light dark; --ink: #1f2328; --paper: #ffffff; --faint: #59636e; --rule: #d1d9e0; --panel: #f6f8fa; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --paper: #0d1117; --faint: #9198a1; --rule: #3d444d; --panel: #151b23; }
}
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 832px; margin: 0 auto; padding: 24px 16px 48px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 8px; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 32px 0 12px; padding-bottom: 4px; border-bottom: 1px solid var(--rule); }
figure { margin: 0 0 20px; border: 1px solid var(--rule); border-radius: 6px; overflow: hidden; }
figure svg { display: block; width: 100%; }
dl { margin: 0; display: grid; gap: 8px; }
dl.facts { grid-template-columns: repeat(auto-fill, minmax(140px, 1fr)); }
dl.facts div { background: var(--panel); border-radius: 6px; padding: 8px 12px; }
dl.facts dd { font-size: 20px; font-weight: 600; }
dl.settings { grid-template-columns: repeat(auto-fill, minmax(240px, 1fr)); gap: 2px 24px; }
dl.settings div { display: flex; justify-content: space-between; gap: 12px; border-bottom: 1px solid var(--rule); }
dl.settings dd { font-family: ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono", monospace; font-size: 13px; text-align: right; overflow-wrap: anywhere; }
dt { color: var(--faint); font-size: 13px; }
dd { margin: 0; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
caption { caption-side: bottom; text-align: left; color: var(--faint); font-size: 13px; padding-top: 8px; }
th, td { padding: 6px 12px 6px 0; border-bottom: 1px solid var(--rule); text-align: right; white-space: nowrap; }
th:first-child { text-align: left; white-space: normal; }
tbody th { font-weight: normal; }
tr.best, tr.best th { font-weight: 600; }
.interval { color: var(--faint); font-weight: normal; }
pre { background: var(--panel); border-radius: 6px; padding: 12px; margin: 0; overflow-x: auto; font: 13px/1.5 ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono", monospace; }
`;
