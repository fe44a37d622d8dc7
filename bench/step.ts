// `npm run bench -- step`: whole training steps, ours and the peers' in turns, on the same batches.
import { parseArgs } from 'node:util';
import { loadTokenizer, trainWordPiece } from '../data/index.js';
import type { DecoderBatch } from '../retromae/index.js';
import { randomBatch, readTexts, textBatches } from './batches.js';
import { machine, measure, type Measurement } from './measure.js';
import { configOf, sizes } from './models.js';
import { before, ours, peersFor } from './peers.js';
import { profile } from './profile.js';
import type { Work } from './protocol.js';
import type { Row } from './rows.js';
import { digits, percent, spread, table } from './table.js';

const help = `npm run bench -- step [options]
  --model LIST        of ${Object.keys(sizes).join(', ')} (default tiny,mini,small)
  --vocab N           words (default 8192)
  --objective NAME    retromae, dupmae, mlm, or encode for inference (default retromae)
  --batch N --seq N   sequences and their (largest) length (default 16 x 128)
  --text FILE         batches of real text instead of random words, each text an example cut off at --seq tokens
  --sorted            texts of like length share a batch, as when encoding a corpus
  --vocab-file FILE   the vocabulary for --text (default: one of --vocab words is trained on it)
  --peers LIST        all, none, or beginnings of names such as pytorch-a,tfjs (default all; see bench/peers)
  --against DIR       another checkout of ours, built: what has changed since
  --python PATH       the Python that has PyTorch (default python3)
  --threads LIST      threads of each contender (default 2)
  --backend NAME      of ours (default wasm)
  --rounds N          steps measured (default 7)
  --dropout P         default 0.1; with 0 all start from the same weights, and their losses must agree
  --profile           where our time goes, by kernel
  --json              print an array of rows, our profile with ours, and nothing else`;

const options = {
  model: { type: 'string', default: 'tiny,mini,small' },
  vocab: { type: 'string', default: '8192' },
  objective: { type: 'string', default: 'retromae' },
  batch: { type: 'string', default: '16' },
  seq: { type: 'string', default: '128' },
  text: { type: 'string' },
  sorted: { type: 'boolean', default: false },
  'vocab-file': { type: 'string' },
  peers: { type: 'string', default: 'all' },
  against: { type: 'string' },
  python: { type: 'string', default: 'python3' },
  threads: { type: 'string', default: '2' },
  backend: { type: 'string', default: 'wasm' },
  rounds: { type: 'string', default: '7' },
  dropout: { type: 'string', default: '0.1' },
  profile: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

const parse = (args: string[]) => parseArgs({ args, options }).values;
type Values = ReturnType<typeof parse>;

export async function step(args: string[]): Promise<void> {
  const values = parse(args);
  if (values.help) return console.log(help);
  const names = values.model.split(',');
  const unknown = names.find((name) => !Object.hasOwn(sizes, name));
  if (unknown !== undefined)
    throw new Error(`bench step: --model ${unknown}: there is none; use ${Object.keys(sizes).join(', ')}`);
  if (!values.json) {
    console.log(`${machine()}; dropout ${values.dropout}`);
    console.log(`medians of ${values.rounds} rounds (min-max), in turns; ratio = our time / theirs, median of rounds`);
  }
  const { batches, vocab, shape } = await batchesFor(values);
  const work = values.objective as Work;
  const rows: Row[] = [];
  for (const name of names)
    for (const threads of values.threads.split(',').map(Number)) {
      const config = configOf(sizes[name], vocab, Number(values.seq), Number(values.dropout));
      const entries = [
        ours(values.backend),
        ...(values.against === undefined ? [] : [before(values.against, values.backend)]),
        ...peersFor(work, values.peers, { python: values.python, threads }),
      ];
      const rounds = Number(values.rounds);
      const found = await measure({ name, shape, work, config, batches, threads, rounds, entries });
      rows.push(...found.rows);
      if (!values.json) print(found, values.profile);
      for (const { reason } of found.absent) console.error(`not taking part: ${reason}`);
    }
  if (values.json) console.log(JSON.stringify(rows, null, 2));
}

/** One random batch, or for each round one of text. */
async function batchesFor(values: Values): Promise<{ batches: DecoderBatch[]; vocab: number; shape: string }> {
  const [batch, seq, count, words] = [values.batch, values.seq, values.rounds, values.vocab].map(Number);
  const work = values.objective as Work;
  if (values.text === undefined) {
    if (values.sorted) throw new Error('bench step: --sorted sorts texts: give some by --text FILE');
    const shape = `${batch} x ${seq} tokens, ${words} words`;
    return { batches: [randomBatch(words, batch, seq, work)], vocab: words, shape };
  }
  const texts = await readTexts(values.text);
  const file = values['vocab-file'];
  const tokenizer = file ? await loadTokenizer(file) : await trainWordPiece(texts, { vocabSize: words });
  const batches = textBatches(texts, tokenizer, { batch, seq, count, sorted: values.sorted }, work);
  const mean = batches.reduce((sum, { ids }) => sum + ids.length, 0) / (count * batch);
  const shape = `${batch} texts of up to ${seq} tokens (mean ${mean.toFixed(0)})${values.sorted ? ' sorted by length' : ''}, ${tokenizer.size} words`;
  return { batches, vocab: tokenizer.size, shape };
}

function print({ rows }: Measurement, withProfile: boolean): void {
  const [{ name, shape, peakGflops, copyGigabytes }] = rows;
  const head = ['', 'threads', 'ms (min-max)', 'ratio', 'tokens/s', 'GFLOP/s', 'of peak', 'peak MB', 'start s', 'loss'];
  const lines = rows.map((row) => [
    `${row.contender} ${row.version}`,
    String(row.threads),
    spread(row),
    row.ratio.toFixed(2),
    digits(row.tokensPerSecond),
    digits(row.gflops),
    percent(row.peakShare),
    row.peakMegabytes.toFixed(0),
    (row.startMs / 1000).toFixed(2),
    row.losses.at(-1)!.toFixed(5),
  ]);
  console.log(`\n${name}, ${shape}; SIMD peak ${digits(peakGflops)} GFLOP/s`);
  console.log(table(head, lines));
  if (!withProfile) return;
  console.log(`\nof our step; copying moves ${digits(copyGigabytes)} GB/s`);
  console.log(profile(rows[0]));
}
