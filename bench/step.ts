// `npm run bench -- step`: whole RetroMAE training steps, tokens a second, and the share of the SIMD peak they reach.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { Ids, noGrad, Random, scope, Sequences, setBackend } from '../core/index.js';
import type { Backend } from '../kernels/backend.js';
import { openBackend } from '../kernels/open.js';
import { Engine } from '../kernels/wasm/engine.js';
import { AdamW, bertConfig } from '../nn/index.js';
import { Collator, RetroMae, type Batch, type Objective } from '../retromae/index.js';
import { flopsOf } from './flops.js';
import { measurePeak, quantile } from './peak.js';
import { sizes } from './sizes.js';

/** One line of the table; `--json` prints an array of these. */
interface Row {
  name: string;
  backend: string;
  threads: number;
  /** Sequences x tokens, and the vocabulary. */
  shape: string;
  medianMs: number;
  minMs: number;
  maxMs: number;
  tokensPerSecond: number;
  /** Useful work: multiplies and adds of matrix products, nothing computed twice. */
  gflops: number;
  /** SIMD peak of as many threads, the median of those measured between the steps. */
  peakGflops: number;
  peakShare: number;
  /** Most megabytes that tensors ever took. */
  peakMegabytes: number;
}

const help = `npm run bench -- step [options]
  --model tiny|mini|small   one of them (default all)
  --vocab N                 words (default 8192)
  --objective NAME          retromae, dupmae, mlm, or encode for inference (default retromae)
  --batch N --seq N         sequences and their length (default 16 x 128)
  --threads N               also on N threads, beside 1 (default 2)
  --backend NAME            default wasm
  --rounds N                steps measured (default 7)
  --profile                 where the time goes, by kernel
  --json                    print an array of rows and nothing else`;

export async function step(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: 'string' },
      vocab: { type: 'string', default: '8192' },
      objective: { type: 'string', default: 'retromae' },
      batch: { type: 'string', default: '16' },
      seq: { type: 'string', default: '128' },
      threads: { type: 'string', default: '2' },
      backend: { type: 'string', default: 'wasm' },
      rounds: { type: 'string', default: '7' },
      profile: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(help);
  const chosen = Object.entries(sizes).filter(([name]) => values.model === undefined || name === values.model);
  if (chosen.length === 0) throw new Error(`bench step: --model ${values.model}: use ${Object.keys(sizes).join(', ')}`);
  if (!values.json) {
    console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model.trim()}; dropout 0.1, AdamW, clipping`);
    console.log(`medians of ${values.rounds} steps (min-max), in turn with the SIMD peak of as many threads\n`);
  }
  const rows: Row[] = [];
  for (const [name, size] of chosen)
    for (const threads of new Set([1, Number(values.threads)])) {
      const backend = await openBackend(values.backend as Backend['name'], { threads });
      const counted = count(backend);
      const run = { name, vocab: Number(values.vocab), batch: Number(values.batch), seq: Number(values.seq), ...size };
      const row = await measure(backend, counted, run, values.objective as Work, Number(values.rounds));
      rows.push(row);
      if (!values.json) console.log(line(row));
      if (values.profile && !values.json) console.table(profile(counted, Number(values.rounds), row));
      await backend.close();
    }
  if (values.json) console.log(JSON.stringify(rows, null, 2));
}

/** What was launched since the last `clear`, by kernel. */
type Counts = Map<string, { calls: number; ms: number; flops: number }>;

/** Counts and times every launch of a backend from now on. */
function count(backend: Backend): Counts {
  const counts: Counts = new Map();
  const launch = backend.launch.bind(backend);
  const launchAll = backend.launchAll.bind(backend);
  const add = (name: string, flops: number, run: () => void) => {
    const start = performance.now();
    run();
    const ms = performance.now() - start;
    const former = counts.get(name) ?? { calls: 0, ms: 0, flops: 0 };
    counts.set(name, { calls: former.calls + 1, ms: former.ms + ms, flops: former.flops + flops });
  };
  backend.launch = (kernel, inputs, outputs) =>
    add(kernel.name, flopsOf(kernel.name, inputs, outputs), () => launch(kernel, inputs, outputs));
  // No product is launched this way.
  backend.launchAll = (kernel, launches) => add(kernel.name, 0, () => launchAll(kernel, launches));
  return counts;
}

/** A training step of an objective, or encoding the same texts. */
type Work = Objective | 'encode';

interface Run {
  name: string;
  vocab: number;
  batch: number;
  seq: number;
  layers: number;
  hidden: number;
  heads: number;
}

async function measure(backend: Backend, counts: Counts, run: Run, work: Work, rounds: number): Promise<Row> {
  const { vocab, batch, seq, layers, hidden, heads } = run;
  const former = setBackend(backend);
  const gauge = await Engine.open({ threads: backend.threads });
  const config = bertConfig({
    vocab_size: vocab,
    hidden_size: hidden,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    intermediate_size: 4 * hidden,
    max_position_embeddings: seq,
  });
  const objective = work === 'encode' ? 'mlm' : work;
  const model = new RetroMae(config, new Random(1), { objective });
  const optimizer = new AdamW(model, { lr: 1e-4, clip: 1 });
  const data = randomBatch(vocab, batch, seq, objective);
  const encode = () => scope(() => [model.encode(new Ids(data.ids), new Sequences(data.offsets)).read()])[0];
  const once = (round: number): Promise<unknown> =>
    work === 'encode' ? noGrad(encode) : optimizer.step(() => model.losses(data, new Random(3, round)));
  const times: number[] = [];
  const peaks: number[] = [];
  for (let round = -2; round < rounds; round++) {
    if (round === 0) counts.clear();
    const start = performance.now();
    await once(round + 2);
    if (round >= 0) times.push(performance.now() - start);
    for (let i = 0; i < 5; i++) peaks.push(measurePeak(gauge));
  }
  setBackend(former);
  await gauge.close();
  const medianMs = quantile(times, 0.5);
  const flops = [...counts.values()].reduce((sum, each) => sum + each.flops, 0) / rounds;
  const gflops = flops / medianMs / 1e6;
  const peakGflops = quantile(peaks, 0.5);
  return {
    name: `${work} ${run.name}`,
    backend: backend.name,
    threads: backend.threads,
    shape: `${batch}x${seq}, ${vocab} words`,
    medianMs,
    minMs: Math.min(...times),
    maxMs: Math.max(...times),
    tokensPerSecond: (1000 * data.ids.length) / medianMs,
    gflops,
    peakGflops,
    peakShare: gflops / peakGflops,
    peakMegabytes: backend.memory().peakBytes / 1e6,
  };
}

/** A batch of random words, all sequences of full length. */
function randomBatch(vocab: number, sequences: number, seq: number, objective: Objective): Batch {
  const special = 5;
  const tokenizer = {
    size: vocab,
    cls: 2,
    sep: 3,
    mask: 4,
    isContinuation: () => false,
    isSpecial: (id: number) => id < special,
  };
  const random = new Random(5);
  const examples = Array.from({ length: sequences }, () =>
    Int32Array.from({ length: seq - 2 }, () => special + random.below(vocab - special)),
  );
  const decoder = objective === 'mlm' ? 'none' : 'enhanced';
  return new Collator({ tokenizer, maxLength: seq, decoder }).collate(examples, (i) => new Random(6, i));
}

function line(row: Row): string {
  return [
    `${row.name.padEnd(15)} ${row.shape.padEnd(21)} ${row.backend}, ${row.threads} thread${row.threads > 1 ? 's' : ' '}`,
    `${row.medianMs.toFixed(0)} ms (${row.minMs.toFixed(0)}-${row.maxMs.toFixed(0)})`.padEnd(22),
    `${(row.tokensPerSecond / 1000).toFixed(1)}k tokens/s`,
    `${row.gflops.toFixed(1)} of ${row.peakGflops.toFixed(1)} GFLOP/s = ${(100 * row.peakShare).toFixed(0)} %`,
    `${row.peakMegabytes.toFixed(0)} MB`,
  ].join('  ');
}

/** Milliseconds a step by kernel, most first. */
function profile(counts: Counts, rounds: number, { peakGflops }: Row): Record<string, object> {
  const sorted = [...counts].sort(([, a], [, b]) => b.ms - a.ms);
  return Object.fromEntries(
    sorted.map(([name, { calls, ms, flops }]) => {
      const gflops = flops / ms / 1e6;
      const share =
        flops > 0 ? { 'GFLOP/s': gflops.toFixed(1), 'of peak': `${((100 * gflops) / peakGflops).toFixed(0)} %` } : {};
      return [name, { calls: calls / rounds, ms: (ms / rounds).toFixed(2), ...share }];
    }),
  );
}
