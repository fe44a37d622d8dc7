// `npm run bench -- NAME`: the benchmarks by name.
import { Stopped } from '../cli/signals.js';
import { adamw } from './adamw.js';
import { gemm } from './gemm.js';
import { growth } from './growth.js';
import { layerNorm } from './lessons/layer-norm.js';
import { memory } from './memory.js';
import { ours } from './ours.js';
import { staticEncoding } from './static.js';
import { step } from './step.js';
import { tokenize } from './tokenize.js';
import { vectors } from './vectors.js';

/** Add a benchmark: its function, which takes the rest of the command line, and one line of help. */
const benchmarks: Record<string, { run: (args: string[]) => Promise<void>; help: string }> = {
  adamw: { run: adamw, help: 'the optimizer step on the wasm backend, as a share of copy bandwidth' },
  gemm: {
    run: gemm,
    help: 'matrix multiply, as a share of the SIMD peak; --step all: from a triple loop on (docs/matmul.md)',
  },
  growth: {
    run: growth,
    help: 'how the cost of our step grows with length, padding, batch, width, vocabulary, threads',
  },
  'layer-norm': { run: layerNorm, help: 'layer norm four ways (docs/one-kernel-four-ways.md), beside copying' },
  memory: { run: memory, help: 'peak memory of RetroMAE training steps, with and without recomputation' },
  step: { run: step, help: 'whole RetroMAE training steps, beside PyTorch and other peers where they are installed' },
  ours: { run: ours, help: 'our step as a program that `step` starts (bench/peers/README.md)' },
  static: { run: staticEncoding, help: 'static encoding: sentences and tokens a second, beside BERT mini' },
  vectors: { run: vectors, help: 'bytes of a document against nDCG@10, for every way of keeping vectors' },
  tokenize: { run: tokenize, help: 'WordPiece: tokens a second, beside @huggingface/tokenizers' },
};

const [name, ...rest] = process.argv.slice(2);
if (name === undefined || name === '--help') {
  console.log('npm run bench -- NAME [options], where NAME is one of (--help after it shows its options)');
  for (const [key, { help }] of Object.entries(benchmarks)) console.log(`  ${key.padEnd(12)}${help}`);
} else if (Object.hasOwn(benchmarks, name)) {
  await benchmarks[name].run(rest).catch((error: Error) => {
    console.error(error.message);
    process.exitCode = error instanceof Stopped ? error.code : 1;
  });
} else {
  console.error(`bench: no benchmark '${name}': use one of ${Object.keys(benchmarks).join(', ')}`);
  process.exitCode = 1;
}
