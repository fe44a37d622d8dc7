// `npm run bench -- layer-norm`: the four layer norms of docs/one-kernel-four-ways.md, each checked before it is timed.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { kernels, openBackend, type Backend, type BackendName, type Storage } from '../../kernels/index.js';
import { Engine } from '../../kernels/wasm/engine.js';
import { measureCopy, median } from '../peak.js';
import { digits, percent, table } from '../table.js';
import { LessonModule } from './module.js';

const EPS = 1e-12;
/** Largest difference from float64: numbers are of the size of 1 to 10, and a row's sums have hundreds of terms. */
const NEAR = 1e-5;

/** One line of the table. */
export interface WayRow {
  readonly way: string;
  /** Undefined where it cannot run here, for the reason that stands in `why`. */
  readonly medianMs?: number;
  /** Bytes that must be read and written, in units of 10^9 a second. */
  readonly gigabytes?: number;
  /** Beside what copying reaches on as many threads. */
  readonly copyShare?: number;
  readonly why?: string;
  /** The adapter of WebGPU, which may be software. */
  readonly adapter?: string;
}

interface Given {
  readonly rows: number;
  readonly width: number;
  readonly x: Float32Array;
  readonly gain: Float32Array;
  readonly bias: Float32Array;
}

/** A layer norm that is ready to be computed, over and over. */
interface Loaded {
  readonly adapter?: string;
  run(): Promise<void>;
  result(): Promise<ArrayLike<number>>;
  close(): Promise<void>;
}

interface Way {
  readonly name: string;
  readonly threads: number;
  load(given: Given): Promise<Loaded>;
}

const onBackend =
  (name: BackendName, threads?: number): Way['load'] =>
  async (given) => {
    const backend = await openBackend(name, { threads });
    const { rows, width } = given;
    const put = (data: Float32Array, ...dims: number[]) => ({ storage: backend.alloc(data.length, data), dims });
    const inputs = {
      ...{ x: put(given.x, rows, width), gain: put(given.gain, width), bias: put(given.bias, width) },
      ...{ n: width, eps: EPS },
    };
    const room = (...dims: number[]) => ({ storage: backend.alloc(dims.reduce((a, b) => a * b)), dims });
    const outputs = { y: room(rows, width), mean: room(rows), inverse: room(rows) };
    return {
      ...(name === 'gpu:webgpu' && { adapter: backend.description }),
      run: async () => {
        backend.launch(kernels.layerNorm, inputs, outputs);
        await settled(backend, outputs.mean.storage);
      },
      result: () => backend.read(outputs.y.storage),
      close: () => backend.close(),
    };
  };

/** What is queued has run when a number can be read. */
const settled = (backend: Backend, storage: Storage): Promise<unknown> =>
  backend.name === 'gpu:webgpu' ? backend.read(storage, 1) : Promise.resolve();

const inPlainSimd: Way['load'] = async ({ rows, width, x, gain, bias }) => {
  const module = await LessonModule.open(false);
  const put = (data: Float32Array) => {
    const at = module.alloc(data.length);
    module.f32(at, data.length).set(data);
    return at;
  };
  const places = [x, gain, bias].map(put);
  const [y, mean, inverse] = [x.length, rows, rows].map((count) => module.alloc(count));
  return {
    run: () => Promise.resolve(module.run('layerNorm', ...places, y, mean, inverse, width, EPS, rows)),
    result: () => Promise.resolve(module.f32(y, x.length).slice()),
    close: () => Promise.resolve(),
  };
};

export const ways: readonly Way[] = [
  { name: 'cell functions, as JavaScript', threads: 1, load: onBackend('reference') },
  { name: 'cell functions, by gpu.js to WebAssembly', threads: 1, load: onBackend('gpu:webasm') },
  { name: 'cell functions, by gpu.js to WGSL', threads: 1, load: onBackend('gpu:webgpu') },
  { name: 'plain SIMD', threads: 1, load: inPlainSimd },
  { name: 'tuned SIMD', threads: 1, load: onBackend('wasm', 1) },
  { name: 'tuned SIMD, two threads', threads: 2, load: onBackend('wasm', 2) },
];

/** Numbers with rows of other means and deviations each. */
function given(rows: number, width: number): Given {
  const wave = (i: number) => Math.sin(i * 12.9898) * 2 + Math.cos(i * 0.37);
  const row = (i: number) => Math.floor(i / width);
  return {
    ...{ rows, width },
    x: Float32Array.from({ length: rows * width }, (_, i) => wave(i) * (1 + (row(i) % 5)) + (row(i) % 7)),
    gain: Float32Array.from({ length: width }, (_, i) => 1 + 0.1 * Math.sin(i)),
    bias: Float32Array.from({ length: width }, (_, i) => 0.1 * Math.cos(i)),
  };
}

/** In float64, as the formula says. */
function reference({ width, x, gain, bias }: Given): Float64Array {
  const y = new Float64Array(x.length);
  for (let at = 0; at < x.length; at += width) {
    const row = x.subarray(at, at + width);
    const mean = row.reduce((sum, value) => sum + value, 0) / width;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width;
    row.forEach((value, i) => (y[at + i] = ((value - mean) / Math.sqrt(variance + EPS)) * gain[i] + bias[i]));
  }
  return y;
}

/** @throws if a way is wrong; one that cannot run here has a row that says why */
export async function measureWays(rows: number, width: number, rounds: number): Promise<WayRow[]> {
  const numbers = given(rows, width);
  const wanted = reference(numbers);
  const entries = [];
  for (const way of ways) {
    const loaded = await way.load(numbers).catch((error: Error) => error);
    const ms: number[] = [];
    entries.push({ way, loaded, ms });
    if (loaded instanceof Error) continue;
    await loaded.run();
    const found = await loaded.result();
    const wrong = wanted.findIndex((value, i) => !(Math.abs(value - found[i]) < NEAR));
    if (wrong >= 0)
      throw new Error(`${way.name}: cell ${wrong} is ${found[wrong]}, expected ${wanted[wrong]}; nothing is timed.`);
  }
  for (let round = -2; round < rounds; round++)
    for (const { loaded, ms } of entries) {
      if (loaded instanceof Error) continue;
      const start = performance.now();
      await loaded.run();
      if (round >= 0) ms.push(performance.now() - start);
    }
  const copies = new Map<number, number>();
  for (const threads of [1, 2]) {
    const engine = await Engine.open({ threads });
    copies.set(threads, measureCopy(engine));
    await engine.close();
  }
  const bytes = 2 * 4 * rows * width;
  const measured: WayRow[] = [];
  for (const { way, loaded, ms } of entries) {
    if (loaded instanceof Error) {
      measured.push({ way: way.name, why: loaded.message });
      continue;
    }
    await loaded.close();
    const medianMs = median(ms);
    const gigabytes = bytes / medianMs / 1e6;
    measured.push({
      way: way.name,
      medianMs,
      gigabytes,
      copyShare: gigabytes / copies.get(way.threads)!,
      adapter: loaded.adapter,
    });
  }
  return measured;
}

export const waysHead: readonly string[] = ['layer norm', 'ms', 'GB/s', 'of copying'];
export const wayCells = (rows: readonly WayRow[]): string[][] =>
  rows.map(({ way, medianMs, gigabytes, copyShare }) =>
    medianMs === undefined
      ? [way, 'not here', '', '']
      : [way, digits(medianMs), digits(gigabytes!), percent(copyShare!)],
  );

const help = `npm run bench -- layer-norm [options]
  --rows N      rows (default 2048: 16 texts of 128 tokens)
  --width N     numbers of a row, a multiple of 4 (default 256)
  --rounds N    measurements of each way (default 31)
  --json        print an array of rows and nothing else`;

export async function layerNorm(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      rows: { type: 'string', default: '2048' },
      width: { type: 'string', default: '256' },
      rounds: { type: 'string', default: '31' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return void console.log(help);
  const [rows, width, rounds] = (['rows', 'width', 'rounds'] as const).map((name) => {
    const value = Number(values[name]);
    if (!Number.isInteger(value) || value < 1 || (name === 'width' && value % 4 !== 0))
      throw new Error(
        `bench layer-norm: --${name} ${values[name]}: ${name === 'width' ? 'a multiple of 4' : 'a whole number of at least 1'} is needed`,
      );
    return value;
  });
  const found = await measureWays(rows, width, rounds);
  if (values.json) return void console.log(JSON.stringify(found));
  console.log(`[${rows}, ${width}], Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model.trim()}`);
  console.log(table(waysHead, wayCells(found)));
  for (const { way, why, adapter } of found) if (why ?? adapter) console.log(`${way}: ${why ?? adapter}`);
}
