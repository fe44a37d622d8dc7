// `npm run bench -- growth`: how the cost of our step grows with length, padding, batch, width, vocabulary, threads.
import { parseArgs } from 'node:util';
import { randomBatch } from './batches.js';
import { measure } from './measure.js';
import { configOf, sizes } from './models.js';
import { ours } from './peers.js';
import type { Row } from './rows.js';
import { digits, percent, spread, table } from './table.js';

/** The step that everything is compared with, mini; its heads stay 64 wide. */
const middle = { seq: 128, padding: 0, batch: 16, hidden: sizes.mini.hidden, vocab: 8192, threads: 2 };
type Point = typeof middle;

/** What is varied, one at a time. */
const axes: { axis: keyof Point; values: readonly number[] }[] = [
  { axis: 'seq', values: [32, 64, 128, 256, 512] },
  { axis: 'padding', values: [0, 25, 50] },
  { axis: 'batch', values: [1, 4, 16, 64] },
  { axis: 'hidden', values: [128, 256, 512, 768] },
  { axis: 'vocab', values: [8192, 16384, 30522] },
  { axis: 'threads', values: [1, 2] },
];

const titles: Record<keyof Point, string> = {
  seq: 'tokens a sequence',
  padding: '% padding, if padded',
  batch: 'sequences',
  hidden: 'hidden size',
  vocab: 'words',
  threads: 'threads',
};

const help = `npm run bench -- growth [options]
  --axis LIST  of ${axes.map(({ axis }) => axis).join(', ')} (default all)
  --rounds N   steps measured for each point (default 3)
  --json       print an array of rows and nothing else`;

/** A point is measured once, in a fresh process, though it lies on several axes. */
export async function growth(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      axis: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(help);
  const wanted = values.axis?.split(',') ?? axes.map(({ axis }) => axis);
  const chosen = axes.filter(({ axis }) => wanted.includes(axis));
  if (chosen.length < wanted.length)
    throw new Error(`bench growth: --axis ${values.axis}: use some of ${axes.map(({ axis }) => axis).join(', ')}`);
  const { seq, batch, hidden, vocab, threads } = middle;
  if (!values.json)
    console.log(
      `RetroMAE steps of mini: 4 layers, hidden ${hidden}, ${vocab} words, ${batch} x ${seq} tokens, ${threads} threads; ` +
        `one thing varied at a time`,
    );
  const measured = new Map<string, Row & Point>();
  for (const { axis, values: steps } of chosen) {
    const rows: (Row & Point)[] = [];
    for (const value of steps) {
      const point = { ...middle, [axis]: value };
      const key = JSON.stringify(point);
      const row = measured.get(key) ?? { ...(await measurePoint(point, Number(values.rounds))), ...point };
      measured.set(key, row);
      rows.push(row);
    }
    if (!values.json) console.log(`\n${describe(axis, rows)}`);
  }
  if (values.json) console.log(JSON.stringify([...measured.values()], null, 2));
}

async function measurePoint({ seq, padding, batch, hidden, vocab, threads }: Point, rounds: number): Promise<Row> {
  const size = { ...sizes.mini, hidden, heads: hidden / 64 };
  const { rows } = await measure({
    name: `mini, hidden ${hidden}`,
    shape: `${batch} x ${seq} tokens, ${vocab} words`,
    work: 'retromae',
    config: configOf(size, vocab, seq, 0.1),
    batches: [randomBatch(vocab, batch, seq, 'retromae', padding / 100)],
    threads,
    rounds,
    entries: [ours('wasm')],
  });
  return rows[0];
}

function describe(axis: keyof Point, rows: readonly (Row & Point)[]): string {
  const head = [titles[axis], 'ms (min-max)', 'tokens/s', 'GFLOP/s', 'of peak', 'peak MB'];
  const lines = rows.map((row) => [
    String(row[axis]),
    spread(row),
    digits(row.tokensPerSecond),
    digits(row.gflops),
    percent(row.peakShare),
    row.peakMegabytes.toFixed(0),
  ]);
  return table(head, lines);
}
