// `npm run bench -- memory`: how much memory a RetroMAE training step takes, with and without recomputation.
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { Random, setBackend } from '../core/index.js';
import { openBackend } from '../kernels/open.js';
import { AdamW } from '../nn/index.js';
import { RetroMae } from '../retromae/index.js';
import { randomBatch } from './batches.js';
import { configOf, sizes } from './models.js';

/** What one process measures. */
interface Run {
  model: string;
  vocab: number;
  batch: number;
  seq: number;
  steps: number;
  threads: number;
  recompute: boolean;
}

interface Row extends Run {
  /** Megabytes that tensors took at most, and that the WebAssembly heap reached with holes and working memory. */
  tensors: number;
  heap: number;
  /** Peak resident megabytes of the whole process, Node included. */
  resident: number;
  /** Fastest step. */
  ms: number;
}

const help = `npm run bench -- memory [options]
  --model NAME          ${Object.keys(sizes).join(', ')} (default mini and small with 8192 and 30522 words, and base)
  --vocab N             words, with --model (default 8192)
  --batch N --seq N     sequences and their length (default 16 x 128; base 8 x 128)
  --steps N             steps of each, the first included (default 2)
  --threads N           default 2
  --recompute           with recomputation alone; without the flag both are measured
  --json                print an array of rows and nothing else`;

export async function memory(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: 'string' },
      vocab: { type: 'string', default: '8192' },
      batch: { type: 'string' },
      seq: { type: 'string', default: '128' },
      steps: { type: 'string', default: '2' },
      threads: { type: 'string', default: '2' },
      recompute: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      one: { type: 'string' },
    },
  });
  if (values.help) return console.log(help);
  if (values.one) return console.log(JSON.stringify(await measure(JSON.parse(values.one) as Run)));
  const { model } = values;
  if (model !== undefined && !Object.hasOwn(sizes, model))
    throw new Error(`bench memory: --model ${model}: use ${Object.keys(sizes).join(', ')}`);
  const chosen: [string, number][] = model
    ? [[model, Number(values.vocab)]]
    : [
        ...['mini', 'small'].flatMap((name) => [8192, 30522].map((words): [string, number] => [name, words])),
        ['base', 30522],
      ];
  if (!values.json)
    console.log('one process each; MB are 10^6 bytes; resident is the peak of the process, Node included\n');
  const rows: Row[] = [];
  for (const [name, vocab] of chosen)
    for (const recompute of values.recompute ? [true] : [false, true]) {
      const [seq, steps, threads] = [values.seq, values.steps, values.threads].map(Number);
      const batch = Number(values.batch ?? (name === 'base' ? 8 : 16));
      const run: Run = { model: name, vocab, batch, seq, steps, threads, recompute };
      const child = [process.argv[1], 'memory', '--one', JSON.stringify(run)];
      const row = JSON.parse(execFileSync(process.execPath, child, { encoding: 'utf8' })) as Row;
      rows.push(row);
      if (!values.json) console.log(line(row));
    }
  if (values.json) console.log(JSON.stringify(rows, null, 2));
}

/** Trains a few steps. In a process of its own, or the peak is that of whatever ran before. */
async function measure(run: Run): Promise<Row> {
  const { model: name, vocab, batch, seq, steps, threads, recompute } = run;
  const backend = await openBackend('wasm', { threads });
  setBackend(backend);
  const model = new RetroMae(configOf(sizes[name], vocab, seq, 0.1), new Random(1), { recompute });
  const optimizer = new AdamW(model, { lr: 1e-4, clip: 1 });
  const data = randomBatch(vocab, batch, seq, 'retromae');
  let ms = Infinity;
  for (let step = 0; step < steps; step++) {
    const start = performance.now();
    await optimizer.step(() => model.losses(data, new Random(3, step)));
    ms = Math.min(ms, performance.now() - start);
  }
  const { peakBytes, heapBytes = 0 } = backend.memory();
  const resident = process.resourceUsage().maxRSS * 1024;
  await backend.close();
  return { ...run, tensors: peakBytes / 1e6, heap: heapBytes / 1e6, resident: resident / 1e6, ms };
}

function line({ model, vocab, batch, seq, recompute, tensors, heap, resident, ms }: Row): string {
  return [
    `${model}, ${batch}x${seq}, ${vocab} words`.padEnd(27),
    (recompute ? 'recompute' : '').padEnd(9),
    `tensors ${tensors.toFixed(0).padStart(4)} MB`,
    `heap ${heap.toFixed(0).padStart(4)} MB`,
    `resident ${resident.toFixed(0).padStart(4)} MB`,
    `${ms.toFixed(0).padStart(6)} ms`,
  ].join('  ');
}
