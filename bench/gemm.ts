// `npm run bench -- gemm`: matrix multiply on the shapes of a training step, as a share of what the cores can do.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { Engine } from '../kernels/wasm/engine.js';
import type { Gemm } from '../kernels/wasm/gemm.js';
import { measureSteps, stepNumbers, stepsText } from './lessons/steps.js';
import { elapsed, measurePeak, quantile } from './peak.js';

/** One line of the table; `--json` prints an array of these. */
interface Row {
  name: string;
  backend: 'wasm';
  threads: number;
  /** M x N x K, with the batch in front where there is one. */
  shape: string;
  medianMs: number;
  minMs: number;
  maxMs: number;
  /** From the median. */
  gflops: number;
  /** SIMD peak of as many threads, the median of those measured before and after every multiply of this row. */
  peakGflops: number;
  /** gflops / peakGflops. */
  peakShare: number;
  /** The same of the upper quartiles: what is left when the machine has other work. */
  quietShare: number;
  /** Times as fast as on one thread. */
  speedup: number;
}

type Shape = Pick<Gemm, 'm' | 'n' | 'k' | 'transA' | 'transB' | 'batch'> & { name: string };

/** y = x W^T, dx = dy W and dW = dy^T x of a linear layer. */
function linear(rows: number, inputs: number, outputs: number): Shape[] {
  return [
    { name: 'forward x W^T', m: rows, n: outputs, k: inputs, transB: true },
    { name: 'backward dy W', m: rows, n: inputs, k: outputs },
    { name: 'backward dy^T x', m: outputs, n: inputs, k: rows, transA: true },
  ];
}

const shapes: Shape[] = [
  { name: 'square', m: 512, n: 512, k: 512 },
  { name: 'square A B^T', m: 512, n: 512, k: 512, transB: true },
  { name: 'square A^T B', m: 512, n: 512, k: 512, transA: true },
  ...linear(2048, 256, 1024),
  ...linear(2048, 1024, 256),
  ...linear(2048, 768, 768),
  { name: 'attention Q K^T', batch: 64, m: 128, n: 128, k: 64, transB: true },
  { name: 'attention P V', batch: 64, m: 128, n: 64, k: 128 },
];

const help = `npm run bench -- gemm [options]
  --threads N   measure on 1 thread and on N (default 2)
  --rounds N    measurements of each shape (default 15)
  --separate    without relaxed SIMD: a multiply and an add are two instructions
  --step N|all  instead: a step of docs/matmul.md, from a triple loop to this kernel, in turns with the step before; or all
  --size N      with --step: rows and columns of the matrices (default 1536)
  --json        print an array of rows and nothing else`;

/** Measures, prints a table, or an array with --json. */
export async function gemm(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      threads: { type: 'string', default: '2' },
      rounds: { type: 'string', default: '15' },
      step: { type: 'string' },
      size: { type: 'string', default: '1536' },
      separate: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return;
  }
  const most = count('threads', values.threads);
  const rounds = count('rounds', values.rounds);
  const machine = `Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model.trim()}`;
  if (values.step !== undefined) {
    const steps = await measureSteps(stepNumbers(values.step), count('size', values.size), rounds);
    console.log(values.json ? JSON.stringify(steps) : `${machine}\n${stepsText(steps)}`);
    return;
  }
  const engines: Engine[] = [];
  const relaxed = values.separate ? false : undefined;
  for (const threads of new Set([1, most])) engines.push(await Engine.open({ threads, relaxed }));
  if (!values.json) {
    console.log(`backend wasm, ${machine}`);
    console.log(`medians of ${rounds} rounds (min-max), in turn with the SIMD peak of as many threads\n`);
    console.log(header);
  }
  const rows: Row[] = [];
  for (const shape of shapes) {
    for (const row of measure(engines, shape, rounds)) {
      rows.push(row);
      if (!values.json) console.log(line(row));
    }
  }
  if (values.json) console.log(JSON.stringify(rows, null, 2));
  await Promise.all(engines.map((engine) => engine.close()));
}

function count(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new Error(`bench gemm: --${option} ${text}: a whole number of at least 1 is needed`);
  }
  return value;
}

/** One row for each engine, the engines taking turns. */
function measure(engines: Engine[], { name, ...shape }: Shape, rounds: number): Row[] {
  const { m, n, k, batch = 1 } = shape;
  const flops = 2 * batch * m * n * k;
  const runs = engines.map((engine) => {
    const [a, b, c] = [m * k, k * n, m * n].map((length) => {
      const pointer = engine.heap.alloc(4 * batch * length);
      engine.heap.f32(pointer, batch * length).forEach((_, i, all) => (all[i] = ((i * 7919) % 2003) / 1001 - 1));
      return pointer;
    });
    return { engine, pointers: [a, b, c], problem: { ...shape, a, b, c }, ms: [] as number[], peaks: [] as number[] };
  });
  for (let round = -3; round < rounds; round++) {
    for (const { engine, problem, ms, peaks } of runs) {
      const before = measurePeak(engine);
      const time = elapsed(() => engine.gemm(problem));
      const after = measurePeak(engine);
      // The first rounds are for the compiler, which optimises what has run for a while.
      if (round < 0) continue;
      ms.push(time);
      peaks.push(before, after);
    }
  }
  const alone = quantile(runs[0].ms, 0.5);
  return runs.map(({ engine, pointers, ms, peaks }) => {
    for (const pointer of pointers) engine.heap.free(pointer);
    const medianMs = quantile(ms, 0.5);
    const gflops = flops / medianMs / 1e6;
    const peakGflops = quantile(peaks, 0.5);
    return {
      name,
      backend: 'wasm',
      threads: engine.threads,
      shape: `${batch > 1 ? `${batch}x` : ''}${m}x${n}x${k}`,
      medianMs,
      minMs: Math.min(...ms),
      maxMs: Math.max(...ms),
      gflops,
      peakGflops,
      peakShare: gflops / peakGflops,
      quietShare: flops / quantile(ms, 0.25) / 1e6 / quantile(peaks, 0.75),
      speedup: alone / medianMs,
    };
  });
}

const header =
  'product          M x N x K        threads   ms (min-max)           GFLOP/s  peak   share  quiet  speed-up';

function line(row: Row): string {
  const ms = `${row.medianMs.toFixed(2)} (${row.minMs.toFixed(2)}-${row.maxMs.toFixed(2)})`;
  const percent = (share: number) => `${(100 * share).toFixed(0)} %`.padStart(5);
  return [
    row.name.padEnd(16),
    row.shape.padEnd(16),
    String(row.threads).padStart(7),
    ' ',
    ms.padEnd(22),
    row.gflops.toFixed(1).padStart(7),
    row.peakGflops.toFixed(1).padStart(5),
    ` ${percent(row.peakShare)}`,
    ` ${percent(row.quietShare)}`,
    row.speedup.toFixed(2).padStart(9),
  ].join(' ');
}
