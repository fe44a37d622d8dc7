// The charts of a run, or of several to compare: losses, probe, accuracy, and how the optimizer fares.
import type { Scalar, Scalars } from '../../retromae/index.js';
import { drawChart, LABEL_LINE, type Curve, type Panel } from './chart-frame.js';
import { formatLoss, formatQuantity } from './format.js';
import type { ProbeRecord, StepRecord } from './records.js';
import { scalarsIn } from './scalars.js';
import { smoothed, valuesOf } from './series.js';

/** A run to be drawn. With several, each has a colour; with one, each part of the loss has. */
export interface RunCurves {
  name: string;
  steps: readonly StepRecord[];
  probes?: readonly ProbeRecord[];
  /** What the numbers of an objective are that is not in the list. */
  scalars?: Scalars;
}

type Runs = readonly RunCurves[];
type Field = (record: StepRecord) => number | undefined;

const FAINT = 'Faint: every step; strong: moving average.';
const HEIGHT = 260;
const LOW = 150;

/** The losses that the objective reports, or the one that it minimises, over steps, as an SVG. */
export function lossChart(runs: Runs): Promise<string> {
  return drawChart({
    title: 'Losses',
    subtitle: `Cross-entropy of what is predicted, by what predicts it. ${FAINT}`,
    panels: parts(runs, 'nats', 'loss, nats', formatLoss),
  });
}

/** The shares that are predicted rightly, over steps, as an SVG. */
export function accuracyChart(runs: Runs): Promise<string> {
  return drawChart({
    title: 'Accuracy',
    subtitle: `Share of what is to be predicted that is ranked first. ${FAINT}`,
    panels: parts(runs, 'accuracy', 'accuracy, %', (value) => `${value.toFixed(1)} %`, 100),
  });
}

/** Whatever else the objective reports, each number on its own axis, over steps, as an SVG. */
export function numbersChart(runs: Runs): Promise<string> {
  return drawChart({
    title: 'Other numbers of the objective',
    subtitle: FAINT,
    panels: picksOf(runs, 'number').map(({ label, pick }) => ({
      axis: label,
      format: formatQuantity,
      curves: runs.flatMap(({ name, steps }, color) => curve(runs.length > 1 ? name : '', color, steps, pick)),
      height: LOW,
    })),
  });
}

/**
 * nDCG@10 of the retrieval probe over steps, as an SVG.
 * @param baselines levels to compare with, by name: BM25, the untrained encoder
 */
export function probeChart(runs: Runs, baselines: Readonly<Record<string, number>> = {}): Promise<string> {
  const curves = runs.map(({ name, probes = [] }, color): Curve => ({
    label: name,
    color,
    line: probes.map((probe) => [probe.step, probe['ndcg@10']]),
    dots: true,
  }));
  const { probes = [] } = runs.length === 1 ? runs[0] : {};
  return drawChart({
    title: 'Retrieval probe',
    subtitle: probes.length === 0 ? 'nDCG@10 of held-out queries.' : best(probes),
    panels: [
      {
        axis: 'nDCG@10',
        curves,
        rules: Object.entries(baselines).map(([label, y]) => ({ label, y })),
        zero: true,
        format: (value) => value.toFixed(3),
        height: HEIGHT,
      },
    ],
  });
}

/** Learning rate, gradient norm and speed over steps, as an SVG. */
export function optimizerChart(runs: Runs): Promise<string> {
  const panel = (axis: string, format: Panel['format'], pick: Field, average = true): Panel => ({
    axis,
    format,
    curves: runs.flatMap(({ name, steps }, color) => curve(runs.length > 1 ? name : '', color, steps, pick, average)),
    zero: true,
    height: LOW,
  });
  return drawChart({
    title: 'Learning rate, gradient and speed',
    subtitle: `The gradient norm is the global one, before clipping. ${FAINT}`,
    panels: [
      { ...panel('learning rate', formatRate, ({ lr }) => lr, false), ticks: formatRate },
      panel('gradient norm', formatLoss, ({ gradientNorm }) => gradientNorm),
      { ...panel('tokens per second', formatQuantity, ({ tokensPerSecond }) => tokensPerSecond), ticks: compact },
    ],
  });
}

/** 5e-4, 2.5e-4: two digits tell a rate, and no zeros are to be counted. */
const formatRate = (rate: number): string => (rate === 0 ? '0' : Number(rate.toPrecision(2)).toExponential());

const compact = (value: number): string => value.toLocaleString('en-US', { notation: 'compact' }).replace('K', 'k');

function best(probes: readonly ProbeRecord[]): string {
  const top = probes.reduce((a, b) => (b['ndcg@10'] > a['ndcg@10'] ? b : a));
  return `nDCG@10 of ${top.queries} held-out queries. Best: ${top['ndcg@10'].toFixed(3)} at step ${top.step}.`;
}

/** What the runs report in one unit, times a factor; of losses at least the one that is minimised. */
function picksOf(runs: Runs, unit: Scalar['unit'], factor = 1): { label: string; pick: Field }[] {
  const labels = new Map(
    runs.flatMap(({ steps, scalars }) => scalarsIn(steps, scalars, unit).map(({ name, label }) => [name, label])),
  );
  if (unit === 'nats' && labels.size === 0) labels.set('loss', 'all');
  return [...labels].map(([name, label]) => ({
    label,
    pick: ({ [name]: value }) => (value === undefined ? undefined : factor * value),
  }));
}

/** One panel with a curve for each part, or, for several runs, a panel for each part with a curve for each run. */
function parts(runs: Runs, unit: Scalar['unit'], axis: string, format: Panel['format'], factor = 1): Panel[] {
  const picks = picksOf(runs, unit, factor);
  if (runs.length === 1) {
    const curves = picks.flatMap(({ label, pick }, color) => curve(label, color, runs[0].steps, pick));
    return [{ axis, format, curves, height: HEIGHT }];
  }
  return picks.map(({ label, pick }) => ({
    axis: `${label} ${axis}`,
    format,
    curves: runs.flatMap(({ name, steps }, color) => curve(name, color, steps, pick)),
    // So high that every curve's label has a line.
    height: Math.max(0.8 * HEIGHT, LABEL_LINE * runs.length),
  }));
}

/** The curve of one field, if any record has it. */
function curve(label: string, color: number, steps: readonly StepRecord[], pick: Field, average = true): Curve[] {
  const points = valuesOf(steps, pick);
  if (points.length === 0) return [];
  return [average ? { label, color, line: smoothed(points), raw: points } : { label, color, line: points }];
}
