// One measurement: a model, a number of threads, some batches, and the contenders in turns.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { withSignals } from '../cli/signals.js';
import { Random, setBackend } from '../core/index.js';
import { openBackend } from '../kernels/open.js';
import { Engine } from '../kernels/wasm/engine.js';
import { configToHuggingFace, hostTensors, parameters, writeSafetensors, type BertConfig } from '../nn/index.js';
import { RetroMae, type DecoderBatch } from '../retromae/index.js';
import { packed } from './batches.js';
import { conduct, WARM_UP } from './conduct.js';
import { measureCopy, measurePeak } from './peak.js';
import type { Entry } from './peers.js';
import type { Job, Work } from './protocol.js';
import { rowsOf, type Absence, type Row } from './rows.js';

export interface Setup {
  /** Of the model, for people. */
  name: string;
  /** Of the batches, for people. */
  shape: string;
  work: Work;
  config: BertConfig;
  /** Round n takes batch n, modulo their number. */
  batches: readonly DecoderBatch[];
  threads: number;
  rounds: number;
  /** Ours first. */
  entries: readonly Entry[];
}

export interface Measurement {
  rows: Row[];
  absent: Absence[];
}

/** The processors and our runtime, for people. */
export const machine = (): string => `Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model.trim()}`;

/** Runs all contenders. @throws if our own step fails, or on Ctrl-C, with nothing left behind */
export const measure = (setup: Setup): Promise<Measurement> =>
  withSignals(async (signal) => {
    const measurement = await run(setup, signal);
    signal.throwIfAborted();
    return measurement;
  });

async function run(setup: Setup, signal: AbortSignal): Promise<Measurement> {
  const { name, shape, work, batches, threads, rounds, entries } = setup;
  const dir = await mkdtemp(join(tmpdir(), 'retromae-bench-'));
  const gauge = await Engine.open({ threads });
  try {
    const peaks: number[] = [];
    const copies: number[] = [];
    const between = (who: string): void => {
      if (!entries.some(({ name, ours }) => ours && name === who)) return;
      // Threads that slept for seconds are not at once on a core of their own, least of all on a virtual machine.
      for (const until = performance.now() + 100; performance.now() < until;) measurePeak(gauge);
      for (let i = 0; i < 10; i++) peaks.push(measurePeak(gauge));
      copies.push(measureCopy(gauge));
    };
    const courses = await conduct(entries, await writeJob(dir, setup), rounds, between, signal);
    const tokens = Array.from({ length: rounds }, (_, n) => batches[(n + WARM_UP) % batches.length].ids.length);
    return rowsOf(courses, { name: `${work} ${name}`, shape, tokens, peaks, copies, machine: machine() });
  } finally {
    await gauge.close();
    await rm(dir, { recursive: true });
  }
}

/** The job of all contenders, with its files in `dir`. Where the numbers must agree, all start from the same weights. */
async function writeJob(dir: string, { work, config, batches, threads }: Setup): Promise<Omit<Job, 'variant'>> {
  const files = { batches: join(dir, 'batches.json'), weights: join(dir, 'weights.safetensors') };
  await writeFile(files.batches, JSON.stringify(batches.map(packed)));
  const job = { objective: work, threads, config: configToHuggingFace(config), batches: files.batches };
  if (work !== 'encode' && config.hidden_dropout_prob > 0) return job;
  const backend = await openBackend('reference');
  setBackend(backend);
  const model = new RetroMae(config, new Random(1), { objective: work === 'encode' ? 'mlm' : work });
  await writeFile(files.weights, writeSafetensors(await hostTensors(parameters(model))));
  await backend.close();
  return { ...job, weights: files.weights };
}
