// `npm run bench -- adamw`: the optimizer's step (norm of all gradients, clipping, update) as a share of copy bandwidth.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { Random, scope, setBackend, zeros, type Tensor } from '../core/index.js';
import type { Backend } from '../kernels/backend.js';
import { copy } from '../kernels/library/index.js';
import { openBackend } from '../kernels/open.js';
import { AdamW, BertForMaskedLM, parameters } from '../nn/index.js';
import { configOf, sizes } from './models.js';
import { elapsed, quantile } from './peak.js';

/** Bytes that a step must move for each number: p, m, v, g read and p, m, v written; g read once more for the norm. */
const updateBytes = 28;
const normBytes = 4;
/** Bytes that copying a number moves. The copy is as many bytes as the step, so that other programs slow both alike. */
const copyBytes = 8;

const help = `npm run bench -- adamw [options]
  --model ${Object.keys(sizes).join('|')}   default mini
  --vocab N                 words (default 8192)
  --threads N               also on N threads, beside 1 (default 2)
  --rounds N                steps measured (default 25)`;

export async function adamw(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: 'string', default: 'mini' },
      vocab: { type: 'string', default: '8192' },
      threads: { type: 'string', default: '2' },
      rounds: { type: 'string', default: '25' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(help);
  if (!Object.hasOwn(sizes, values.model))
    throw new Error(`bench adamw: --model ${values.model}: use ${Object.keys(sizes).join(', ')}`);
  console.log(`backend wasm, Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model.trim()}`);
  console.log(`medians of ${values.rounds} steps, in turn with copies; GB/s of the bytes that must be moved\n`);
  for (const threads of new Set([1, Number(values.threads)])) {
    const backend = await openBackend('wasm', { threads });
    const former = setBackend(backend);
    console.log(measure(backend, values.model, Number(values.vocab), Number(values.rounds)));
    setBackend(former);
    await backend.close();
  }
}

function measure(backend: Backend, size: string, vocab: number, rounds: number): string {
  const model = new BertForMaskedLM(configOf(sizes[size], vocab, 128, 0.1), new Random(1));
  const leaves = [...parameters(model).values()];
  const gradients = leaves.map(({ shape }): Tensor => zeros(shape));
  const optimizer = new AdamW(model, { lr: 1e-4, clip: 1 });
  const cells = leaves.reduce((sum, leaf) => sum + leaf.size, 0);
  const bytes = cells * (updateBytes + normBytes);
  const copyCells = bytes / copyBytes;
  const views = [0, 1].map(() => ({ storage: backend.alloc(copyCells, []), dims: [copyCells] }));
  const [stepRates, copyRates]: number[][] = [[], []];
  for (let round = -3; round < rounds; round++) {
    const copyMs = elapsed(() => backend.launch(copy, { x: views[0] }, { y: views[1] }));
    leaves.forEach((leaf, i) => (leaf.grad = gradients[i]));
    const stepMs = elapsed(() => scope(() => void optimizer.update()));
    // The first rounds are for the compiler, which optimises what has run for a while.
    if (round < 0) continue;
    stepRates.push(bytes / stepMs / 1e6);
    copyRates.push(bytes / copyMs / 1e6);
  }
  const [step, copied] = [quantile(stepRates, 0.5), quantile(copyRates, 0.5)];
  const [quickStep, quickCopy] = [quantile(stepRates, 0.75), quantile(copyRates, 0.75)];
  const threads = `${backend.threads} thread${backend.threads > 1 ? 's' : ' '}`;
  const share = (part: number, whole: number) => `${((100 * part) / whole).toFixed(0)} %`;
  return (
    `${size}, ${(cells / 1e6).toFixed(1)} M parameters in ${leaves.length} tensors, ${threads}: ` +
    `${step.toFixed(1)} of ${copied.toFixed(1)} GB/s = ${share(step, copied)}; ` +
    `upper quartiles ${quickStep.toFixed(1)} of ${quickCopy.toFixed(1)} = ${share(quickStep, quickCopy)}`
  );
}
