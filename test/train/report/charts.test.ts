// The charts: well-formed, self-contained, and showing the numbers that they are given.
import fc from 'fast-check';
import t from 'tap';
import { PALETTE, spread } from '../../../train/report/chart-frame.js';
import { accuracyChart, lossChart, numbersChart, optimizerChart, probeChart } from '../../../train/report/charts.js';
import { intervalChart } from '../../../train/report/interval-chart.js';
import { matrixChart } from '../../../train/report/matrix-chart.js';
import type { RunCurves } from '../../../train/report/charts.js';
import type { Scalars } from '../../../retromae/index.js';
import { escapeMarkup } from '../../../train/report/markup.js';
import { syntheticProbes, syntheticSteps } from './synthetic.js';
import { elements, textOf } from './markup-reader.js';

const one: RunCurves[] = [
  { name: 'encoder', steps: syntheticSteps({ steps: 300 }), probes: syntheticProbes({ steps: 300, every: 50 }) },
];
const several: RunCurves[] = [
  ...one.map((run) => ({ ...run, name: 'RetroMAE' })),
  {
    name: 'MLM <same budget>',
    steps: syntheticSteps({ steps: 300, decoder: false, seed: 3 }),
    probes: syntheticProbes({ steps: 300, every: 50, seed: 4 }),
  },
];

/** The strong lines: what is drawn and what is labelled. */
const strokes = (svg: string): (string | undefined)[] =>
  elements(svg)
    .filter(({ attributes }) => attributes['stroke-width'] === '2')
    .map(({ attributes }) => attributes.stroke);

void t.test('all are well-formed, self-contained, titled and told in words', async (t) => {
  for (const runs of [
    one,
    several,
    [{ name: 'none', steps: [] }],
    [{ name: 'short', steps: syntheticSteps({ steps: 1 }), probes: syntheticProbes({ steps: 1, every: 1 }) }],
  ]) {
    for (const draw of [lossChart, accuracyChart, optimizerChart, probeChart]) {
      const svg = await draw(runs);
      const [root, title, desc] = elements(svg);
      t.equal(root.name, 'svg');
      t.match(root.attributes, { xmlns: 'http://www.w3.org/2000/svg', role: 'img' });
      t.equal(title.name, 'title');
      t.equal(root.attributes['aria-label'], textOf(svg, 'title')[0]);
      t.equal(desc.name, 'desc');
      t.notMatch(svg.replace(root.attributes.xmlns, ''), /https?:|<script|NaN|undefined|Infinity/);
      t.match(svg, 'prefers-color-scheme: dark');
      t.ok(textOf(svg, 'text').includes('step'), 'the x axis is named');
    }
  }
});

void t.test('losses of one run: a colour for each part, labelled with its last value', async (t) => {
  const svg = await lossChart([{ name: 'x', steps: syntheticSteps({ steps: 300, bow: true }) }]);
  const used = strokes(svg);
  for (const color of PALETTE.slice(0, 3)) t.equal(used.filter((stroke) => stroke === color).length, 2);
  const labels = textOf(svg, 'text').filter((text) => /^(encoder|decoder|bag of words) \d\.\d{3}$/.test(text));
  t.equal(labels.length, 3);
  t.ok(textOf(svg, 'text').includes('loss, nats'));
  t.match(textOf(svg, 'desc')[0], /encoder from \d\.\d+ at step 1 to \d\.\d+ at step 300/);
});

void t.test('losses of several runs: a panel for each part, a colour for each run', async (t) => {
  const svg = await lossChart(several);
  const texts = textOf(svg, 'text');
  t.ok(texts.includes('encoder loss, nats') && texts.includes('decoder loss, nats'));
  t.notOk(texts.includes('bag of words loss, nats'), 'no panel for what nobody measured');
  t.equal(texts.filter((text) => text.startsWith('RetroMAE ')).length, 2);
  t.equal(texts.filter((text) => text.startsWith('MLM &lt;same budget&gt; ')).length, 1, 'MLM has no decoder');
});

void t.test('an objective that is not in the list: its scalars say what is drawn', async (t) => {
  const steps = syntheticSteps({ steps: 20 }).map(
    ({ encoder, decoder, accuracy, decoderAccuracy, ...record }) => record,
  );
  const bare = await lossChart([{ name: 'x', steps }]);
  t.ok(
    textOf(bare, 'text').some((text) => /^all \d+\.\d{3}$/.test(text)),
    'without parts, the loss that is minimised',
  );
  const scalars: Scalars = {
    pairs: { unit: 'nats', label: 'pairs', tag: 'loss/pairs' },
    spread: { unit: 'number', label: 'spread of vectors', tag: 'spread' },
  };
  const run = { name: 'x', steps: steps.map((record) => ({ ...record, pairs: 2, spread: 7 })), scalars };
  t.ok(textOf(await lossChart([run]), 'text').includes('pairs 2.000'));
  t.ok(textOf(await numbersChart([run]), 'text').includes('spread of vectors'));
});

void t.test('the probe: baselines as dashed rules, the best step named', async (t) => {
  const svg = await probeChart(one, { BM25: 0.561, untrained: 0.0815 });
  const texts = textOf(svg, 'text');
  t.ok(texts.includes('BM25 0.561') && texts.includes('untrained 0.082'));
  const probes = one[0].probes ?? [];
  const best = probes.reduce((a, b) => (b['ndcg@10'] > a['ndcg@10'] ? b : a));
  t.ok(texts.includes(`nDCG@10 of 300 held-out queries. Best: ${best['ndcg@10'].toFixed(3)} at step ${best.step}.`));
  t.equal(elements(svg).filter(({ attributes }) => attributes['stroke-dasharray'] === '5 4').length, 4);
  t.equal(elements(svg).filter(({ name }) => name === 'circle').length, probes.length);
});

void t.test('steps that diverged leave a gap, not a broken chart', async (t) => {
  const steps = syntheticSteps({ steps: 50 });
  steps[30].encoder = NaN;
  steps[49].encoder = Infinity;
  const svg = await lossChart([{ name: 'x', steps }]);
  t.notMatch(svg, /NaN|Infinity/);
  t.match(textOf(svg, 'desc')[0], 'at step 49');
});

void t.test('a long run is drawn with few points', async (t) => {
  const svg = await lossChart([{ name: 'x', steps: syntheticSteps({ steps: 30_000 }) }]);
  t.ok(svg.length < 100_000, `${svg.length} characters`);
});

void t.test('labels are moved apart and stay in order, no further than needed', (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 12 }), (heights) => {
      const labels = heights.map((at, name) => ({ at, name }));
      const moved = spread(labels, 15);
      t.same(moved.map(({ name }) => name).sort(), labels.map(({ name }) => name).sort());
      moved.forEach(({ at, name }, i) => {
        if (i === 0) return;
        t.ok(at - moved[i - 1].at >= 15 - 1e-9);
        t.ok(heights[name] >= heights[moved[i - 1].name]);
      });
      const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);
      t.ok(Math.abs(mean(moved.map(({ at }) => at)) - mean(heights)) < 1e-6);
    }),
    { numRuns: 50 },
  );
  t.same(
    spread([{ at: 10 }, { at: 100 }]).map(({ at }) => at),
    [10, 100],
  );
  t.end();
});

void t.test('the palette has a contrast of 3 against both papers', (t) => {
  const luminance = (hex: string): number =>
    [1, 3, 5]
      .map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
      .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const contrast = (a: number, b: number): number => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  for (const color of PALETTE) {
    for (const paper of ['#ffffff', '#0d1117'])
      t.ok(contrast(luminance(color), luminance(paper)) >= 2.95, `${color} on ${paper}`);
  }
  t.end();
});

void t.test('escaping', (t) => {
  t.equal(escapeMarkup(`<a href="x">&'\0\n</a>`), '&lt;a href=&quot;x&quot;&gt;&amp;&#39;\uFFFD\n&lt;/a&gt;');
  t.end();
});

void t.test('differences with intervals: a dot and a whisker each, beside what they are compared with', async (t) => {
  const svg = await intervalChart({
    ...{ title: 'Differences', subtitle: 'of <two>', axis: 'difference' },
    rows: [
      { label: 'A above B', mean: 0.02, low: 0.01, high: 0.03, reference: 0.04, color: 2 },
      { label: 'A above C', mean: -0.02, low: -0.05, high: 0.01, color: 4 },
    ],
  });
  const all = elements(svg);
  t.equal(all.filter(({ name }) => name === 'circle').length, 2);
  t.match(textOf(svg, 'desc'), /A above B: \+0\.02 from \+0\.01 to \+0\.03, compared with \+0\.04; A above C: -0\.02/);
  t.ok(svg.includes(PALETTE[2]) && svg.includes(PALETTE[4]));
  t.match(svg, /of &lt;two&gt;/);
});

void t.test('a matrix: a square a cell, filled by its value, and the same in words', (t) => {
  const names = { rows: ['a', 'b'], columns: ['vector', 'a', '<b>'] };
  const values = [
    [1, 0, 0.25],
    [1, 1, 0],
  ];
  const svg = matrixChart({ title: 'M', subtitle: 'who sees whom', ...names, values });
  const squares = elements(svg).filter(({ name, attributes }) => name === 'rect' && attributes['fill-opacity']);
  t.same(
    squares.map(({ attributes }) => Number(attributes['fill-opacity'])),
    [1, 0.25, 1, 1],
  );
  t.same(textOf(svg, 'desc'), ['who sees whom a: vector, &lt;b&gt; 25 %; b: vector, a.']);
  t.throws(() => matrixChart({ title: '', subtitle: '', ...names, values: [[1]] }), /expected 2 rows of 3 values/);
  t.end();
});
