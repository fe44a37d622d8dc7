// `npm run bench -- step`: whole training steps, ours and the peers' in turns, on the same batches.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Random, setBackend } from '../core/index.js';
import { loadTokenizer } from '../data/index.js';
import { openBackend } from '../kernels/open.js';
import { Engine } from '../kernels/wasm/engine.js';
import { configToHuggingFace, hostTensors, parameters, writeSafetensors, type BertConfig } from '../nn/index.js';
import { RetroMae, type Batch } from '../retromae/index.js';
import { packed, randomBatch, textBatches } from './batches.js';
import { conduct } from './conduct.js';
import { configOf, sizes } from './models.js';
import { measurePeak } from './peak.js';
import { ours, peersFor } from './peers.js';
import { profile } from './profile.js';
import type { Work } from './protocol.js';
import { rowsOf, type Absence, type Row } from './rows.js';
import { digits, percent, spread, table } from './table.js';

const help = `npm run bench -- step [options]
  --model LIST        of ${Object.keys(sizes).join(', ')} (default tiny,mini,small)
  --vocab N           words (default 8192)
  --objective NAME    retromae, dupmae, mlm, or encode for inference (default retromae)
  --batch N --seq N   sequences and their (largest) length (default 16 x 128)
  --text FILE         batches of real text instead of random words, each text an example; with --vocab-file FILE
  --vocab-file FILE   the vocabulary for --text
  --peers LIST        all, none, or beginnings of their names such as pytorch-a,jax (default all); see bench/peers
  --python PATH       the Python that has PyTorch (default python3)
  --threads LIST      threads of each contender (default 2)
  --backend NAME      of ours (default wasm)
  --rounds N          steps measured (default 7)
  --dropout P         default 0.1; with 0 all start from the same weights, and their losses must agree
  --profile           where our time goes, by kernel
  --json              print an array of rows and nothing else`;

/** What is measured once for each model and number of threads. */
interface Setup {
  name: string;
  config: BertConfig;
  batches: Batch[];
  shape: string;
  threads: number;
}

const options = {
  model: { type: 'string', default: 'tiny,mini,small' },
  vocab: { type: 'string', default: '8192' },
  objective: { type: 'string', default: 'retromae' },
  batch: { type: 'string', default: '16' },
  seq: { type: 'string', default: '128' },
  text: { type: 'string' },
  'vocab-file': { type: 'string' },
  peers: { type: 'string', default: 'all' },
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
    console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model.trim()}; dropout ${values.dropout}`);
    console.log(`medians of ${values.rounds} rounds (min-max), in turns; ratio = our time / theirs, median of rounds`);
  }
  const { batches, vocab, shape } = await batchesFor(values);
  const all: Row[] = [];
  for (const name of names)
    for (const threads of values.threads.split(',').map(Number)) {
      const config = configOf(sizes[name], vocab, Number(values.seq), Number(values.dropout));
      all.push(...(await measure({ name, config, batches, shape, threads }, values)));
    }
  if (values.json) console.log(JSON.stringify(all, null, 2));
}

/** One random batch, or for each round one of text. */
async function batchesFor(values: Values): Promise<{ batches: Batch[]; vocab: number; shape: string }> {
  const [batch, seq, count] = [values.batch, values.seq, values.rounds].map(Number);
  const work = values.objective as Work;
  if (values.text === undefined) {
    const vocab = Number(values.vocab);
    return {
      batches: [randomBatch(vocab, batch, seq, work)],
      vocab,
      shape: `${batch} x ${seq} tokens, ${vocab} words`,
    };
  }
  if (values['vocab-file'] === undefined)
    throw new Error('bench step: --text needs --vocab-file, the vocabulary to cut the words by');
  const tokenizer = await loadTokenizer(values['vocab-file']);
  const batches = await textBatches(values.text, tokenizer, { batch, seq, count }, work);
  const mean = batches.reduce((sum, { ids }) => sum + ids.length, 0) / (count * batch);
  const lengths = `${batch} texts of up to ${seq} tokens (mean ${mean.toFixed(0)})`;
  return { batches, vocab: tokenizer.size, shape: `${lengths}, ${tokenizer.size} words` };
}

async function measure({ name, config, batches, shape, threads }: Setup, values: Values): Promise<Row[]> {
  const work = values.objective as Work;
  const rounds = Number(values.rounds);
  const entries = [ours(values.backend), ...peersFor(work, values.peers, { python: values.python, threads })];
  const dir = await mkdtemp(join(tmpdir(), 'retromae-bench-'));
  const gauge = await Engine.open({ threads });
  try {
    const files = { batches: join(dir, 'batches.json'), weights: join(dir, 'weights.safetensors') };
    await writeFile(files.batches, JSON.stringify(batches.map(packed)));
    const same = work === 'encode' || Number(values.dropout) === 0;
    if (same) await writeWeights(files.weights, config, work);
    const job = {
      objective: work,
      threads,
      config: configToHuggingFace(config),
      batches: files.batches,
      ...(same && { weights: files.weights }),
    };
    const peaks: number[] = [];
    const courses = await conduct(entries, job, rounds, (who) => {
      if (who === entries[0].name) for (let i = 0; i < 5; i++) peaks.push(measurePeak(gauge));
    });
    // The first two steps warm up.
    const tokens = Array.from({ length: rounds }, (_, n) => batches[(n + 2) % batches.length].ids.length);
    const { rows, absent } = rowsOf(courses, { name: `${work} ${name}`, shape, tokens, peaks });
    if (!values.json) print(rows, absent);
    if (!values.json && values.profile) console.log(profile(courses[0].answers, rows[0].peakGflops));
    return rows;
  } finally {
    await gauge.close();
    await rm(dir, { recursive: true });
  }
}

/** The weights that all contenders start from. */
async function writeWeights(file: string, config: BertConfig, work: Work): Promise<void> {
  const backend = await openBackend('reference');
  setBackend(backend);
  const model = new RetroMae(config, new Random(1), { objective: work === 'encode' ? 'mlm' : work });
  await writeFile(file, writeSafetensors(await hostTensors(parameters(model))));
  await backend.close();
}

function print(rows: Row[], absent: Absence[]): void {
  const [{ name, shape, peakGflops }] = rows;
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
  console.log(`\n${name}, ${shape}; SIMD peak ${peakGflops.toFixed(0)} GFLOP/s`);
  console.log(table(head, lines));
  for (const { contender, reason } of absent) console.log(`not taking part: ${contender}: ${reason}`);
}
