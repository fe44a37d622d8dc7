// The report: one page that needs nothing, says what is there, and takes any text.
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { writeReport, type ReportContent } from '../../../train/report/report.js';
import { syntheticProbes, syntheticSteps } from './synthetic.js';
import { elements, textOf } from './markup-reader.js';

const content: ReportContent = {
  title: 'RetroMAE: out',
  config: { corpus: 'sotu', lr: '5e-4', layers: 4, init: undefined, resume: false },
  steps: syntheticSteps({ steps: 200 }),
  probes: syntheticProbes({ steps: 200, every: 50 }),
  baselines: { BM25: 0.5 },
  table: [
    { name: 'RetroMAE', 'ndcg@10': { mean: 0.5204, low: 0.49, high: 0.551 }, 'mrr@10': 0.47, 'recall@100': 0.9 },
    { name: 'untrained', 'ndcg@10': { mean: 0.08, low: 0.05, high: 0.11 }, 'mrr@10': 0.06, 'recall@100': 0.3 },
  ],
  tableNote: '300 held-out queries.',
  commands: ['node examples/pretrain.js --minutes 10', 'npx retromae eval --model out'],
};

void t.test('a whole report', async (t) => {
  const dir = t.testdir({ 'report.html': 'of before' });
  const page = await writeReport(dir, content);
  t.equal(page, join(dir, 'report.html'));
  t.same((await readdir(dir)).sort(), ['charts', 'report.html']);
  t.same((await readdir(join(dir, 'charts'))).sort(), ['accuracy.svg', 'loss.svg', 'optimizer.svg', 'probe.svg']);
  const html = await readFile(page, 'utf8');
  for (const name of await readdir(join(dir, 'charts'))) {
    t.ok(html.includes(await readFile(join(dir, 'charts', name), 'utf8')), `${name} is in the page as well`);
  }
  const all = elements(html);
  t.equal(all.filter(({ name }) => name === 'figure').length, 4);
  t.notOk(all.some(({ name }) => ['script', 'link', 'img', 'iframe'].includes(name)));
  t.notOk(all.some(({ attributes }) => 'src' in attributes || 'href' in attributes));
  t.same(textOf(html, 'h1'), ['RetroMAE: out']);
  t.same(textOf(html, 'h2'), ['Summary', 'What the training bought', 'Charts', 'Settings', 'Commands']);
  t.same(textOf(html, 'pre'), ['node examples/pretrain.js --minutes 10\nnpx retromae eval --model out']);

  const facts = Object.fromEntries(textOf(html, 'dt').map((name, i) => [name, textOf(html, 'dd')[i]]));
  const seconds = content.steps.reduce((sum, step) => sum + step.seconds, 0);
  t.match(facts, {
    Steps: '200',
    'Probe nDCG@10': content.probes[4]['ndcg@10'].toFixed(3),
    'Time in steps': `1:${String(Math.round(seconds) - 60).padStart(2, '0')}`,
    'Data wait': '1.0 %',
    corpus: 'sotu',
    layers: '4',
    resume: 'false',
  });
  t.match(facts['Tokens'], /^4\d\dk$/);
  t.notOk('init' in facts || 'Bag-of-words loss' in facts);
  const label = textOf(html, 'text').find((text) => text.startsWith('decoder '));
  t.equal(facts['Decoder loss'], label?.split(' ')[1], 'summary and chart say the same');

  t.same(
    textOf(html, 'td').map((cell) => cell.trim()),
    ['0.520', '0.470', '0.900', '0.080', '0.060', '0.300'],
  );
  t.match(textOf(html, 'span'), ['[0.490, 0.551]', '[0.050, 0.110]']);
  t.equal(all.filter(({ name, attributes }) => name === 'tr' && attributes.class === 'best').length, 1);
});

void t.test('of a log that tells of no waiting, neither does the report', async (t) => {
  const steps = content.steps.map((step) => ({ ...step, dataSeconds: undefined }));
  const page = await writeReport(t.testdir({}), { ...content, steps });
  t.notMatch(await readFile(page, 'utf8'), 'Data wait');
});

void t.test('what the corpus was, and what of it was lost', async (t) => {
  const counts = { documents: 1200, characters: 34_000, tokens: 8000, unknown: 4000, cut: 0, blocks: 70 };
  const data = { ...counts, leftOut: { 'without text': 3 }, taken: ['a.txt: one document a line'] };
  const page = await writeReport(t.testdir({}), { ...content, data });
  const html = await readFile(page, 'utf8');
  t.same(textOf(html, 'h2').slice(3), ['Data', 'Settings', 'Commands']);
  const facts = Object.fromEntries(textOf(html, 'dt').map((name, i) => [name, textOf(html, 'dd')[i]]));
  t.match(facts, {
    documents: '1,200',
    blocks: '70',
    'tokens that are [UNK]': '50.0 %',
    'left out: without text': '3',
  });
  t.match(textOf(html, 'p'), ['a.txt: one document a line', /50\.0 % of the tokens are \[UNK\]/]);
});

void t.test('any text is text', async (t) => {
  const evil = `</title><script>alert("1 & '2'")</script>\0`;
  const dir = t.testdir({});
  const page = await writeReport(dir, {
    ...content,
    title: evil,
    config: { [evil]: evil, nested: { evil } },
    baselines: { [evil]: 0.3 },
    table: content.table?.map((row) => ({ ...row, name: evil })),
    tableNote: evil,
    commands: [evil],
  });
  const html = await readFile(page, 'utf8');
  t.notMatch(html, '<script');
  t.equal(elements(html).filter(({ name }) => name === 'title').length, 5, 'one of the page, one of each chart');
});

void t.test('a run without steps, probes and table', async (t) => {
  const dir = t.testdir({});
  const page = await writeReport(dir, { title: 'Empty', config: {}, steps: [], probes: [] });
  const html = await readFile(page, 'utf8');
  t.same(textOf(html, 'h2'), []);
  t.same(await readdir(join(dir, 'charts')), []);
});

void t.test('figures of one’s own; their names are checked before anything is written', async (t) => {
  const dir = t.testdir({});
  const svg = '<svg xmlns="http://www.w3.org/2000/svg"></svg>';
  await writeReport(dir, { ...content, figures: [{ name: 'compare', svg }] });
  t.equal(await readFile(join(dir, 'charts/compare.svg'), 'utf8'), svg);
  for (const name of ['loss', '../escape', '']) {
    const empty = t.testdir({});
    await t.rejects(writeReport(empty, { ...content, figures: [{ name, svg }] }), {
      message: /report: figure ".*": expected/,
    });
    t.same(await readdir(empty), []);
  }
});

void t.test('a file in the place of the charts', async (t) => {
  const dir = t.testdir({});
  await writeFile(join(dir, 'charts'), '');
  await t.rejects(writeReport(dir, content), { message: /charts: cannot be written/ });
});

void t.test('tables of texts, what it comes to, and notes', async (t) => {
  const dir = t.testdir({});
  const page = await writeReport(dir, {
    ...{ title: 'Table', config: {}, steps: [], probes: [], lead: ['Two < three.'] },
    tables: [
      { heading: 'The table', head: ['', 'here'], rows: [['one & all', '0.5 [0.4, 0.6]']], note: 'Of <made-up> sets.' },
    ],
    notes: { heading: 'What is different', lines: ['Size.', 'Text.'] },
  });
  const html = await readFile(page, 'utf8');
  t.match(html, /<h1>Table<\/h1>\n<p>Two &lt; three\.<\/p>/);
  t.match(html, /<h2>The table<\/h2>[^]*<th scope="row">one &amp; all<\/th><td>0\.5 \[0\.4, 0\.6\]<\/td>/);
  t.match(html, /<caption>Of &lt;made-up&gt; sets\.<\/caption>/);
  t.match(html, /<h2>What is different<\/h2>\n<p>Size\.<\/p>\n<p>Text\.<\/p>/);
});
