// Compares a model with golden numbers from PyTorch: losses, every gradient, a few AdamW steps.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { backward, Random, scope, setBackend, takeGradient, type Tensor } from '../../core/index.js';
import type { Backend, FloatArray } from '../../kernels/backend.js';
import { AdamW, configFromHuggingFace, loadWeights, parameters, SafetensorsFile, type Losses } from '../../nn/index.js';
import { fromPadded, type PaddedBatch } from '../../retromae/batch.js';
import { RetroMae, type RetroMaeOptions } from '../../retromae/model.js';

/** One line of the comparison: what was measured, and what it must stay within. */
export interface Finding {
  objective: string;
  what: string;
  difference: number;
  limit: number;
}

/** Largest differences allowed. In float64 the losses are known to all digits, the rest as float32 files tell them. */
const limits = {
  float32: { loss: 1e-5, gradient: 1e-4, stepLoss: 5e-4, step: 5e-4 },
  float64: { loss: 1e-9, gradient: 1e-6, stepLoss: 1e-7, step: 1e-6 },
};

/** Names of our losses by names in losses.json. */
const lossNames = { encoder_mlm: 'encoder', decoder: 'decoder', bow: 'bow', total: 'loss' } as const;
type TheirLosses = Partial<Record<keyof typeof lossNames | 'bow_weight', number>>;

interface Golden {
  readonly load: (options: Partial<RetroMaeOptions>) => RetroMae;
  readonly losses: (model: RetroMae) => Losses;
  readonly lossesOf: (objective: string) => TheirLosses;
  readonly trajectory: readonly number[];
  readonly expected: SafetensorsFile;
}

/** Runs a golden folder on a backend. Every finding says whether it holds: difference <= limit. */
export async function checkGolden(dir: string, backend: Backend): Promise<Finding[]> {
  const former = setBackend(backend);
  try {
    const golden = await readGolden(dir);
    const bowWeight = golden.lossesOf('dupmae').bow_weight;
    return [
      ...(await checkObjective(golden, 'enhanced', {}, backend)),
      ...(await checkObjective(golden, 'basic', { decoder: 'basic' }, backend)),
      ...(await checkObjective(golden, 'dupmae', dupmae(bowWeight), backend)),
      ...(await checkSteps(golden, backend)),
    ];
  } finally {
    setBackend(former);
  }
}

const dupmae = (bowWeight: number | undefined): Partial<RetroMaeOptions> => ({
  objective: 'dupmae',
  ...(bowWeight !== undefined && { bowWeight }),
});

/** @throws naming the file that is missing or not as it should be */
async function readGolden(dir: string): Promise<Golden> {
  const file = (name: string) => join(dir, name);
  const read = (name: string) =>
    readFile(file(name)).catch((error: Error) => {
      throw new Error(`golden: ${error.message}. The folder must be laid out like shared/golden/tiny.`);
    });
  const parse = async (name: string): Promise<unknown> => {
    const text = (await read(name)).toString();
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new Error(`${file(name)}: ${(error as Error).message}. Generate it again.`, { cause: error });
    }
  };
  const config = configFromHuggingFace(await parse('config.json'), file('config.json'));
  const batch = fromPadded((await parse('inputs.json')) as PaddedBatch, file('inputs.json'));
  const weights = new SafetensorsFile(await read('weights.safetensors'), file('weights.safetensors'));
  const losses = (await parse('losses.json')) as Record<string, TheirLosses> & { adamw_loss_per_step?: number[] };
  const missing = ['enhanced', 'basic', 'dupmae', 'adamw_loss_per_step'].filter((name) => !losses?.[name]);
  if (missing.length > 0)
    throw new Error(`${file('losses.json')}: ${missing.join(', ')} is missing. Generate it again.`);
  return {
    load: (options) => {
      const model = new RetroMae(config, new Random(0), options);
      loadWeights(model, weights);
      return model;
    },
    losses: (model) => model.losses(batch),
    lossesOf: (objective) => losses[objective],
    trajectory: losses.adamw_loss_per_step!,
    expected: new SafetensorsFile(await read('expected.safetensors'), file('expected.safetensors')),
  };
}

/** The losses of an objective, and all its gradients. */
async function checkObjective(
  golden: Golden,
  objective: string,
  options: Partial<RetroMaeOptions>,
  backend: Backend,
): Promise<Finding[]> {
  const limit = limits[backend.dtype];
  const model = golden.load(options);
  const found = await gradientsOf(model, () => golden.losses(model));
  const findings = Object.entries(lossNames).flatMap(([theirs, ours]) => {
    const wanted = golden.lossesOf(objective)[theirs as keyof typeof lossNames];
    if (wanted === undefined) return [];
    return { objective, what: `loss ${ours}`, difference: Math.abs(found.losses[ours] - wanted), limit: limit.loss };
  });
  const gradient = worst('gradient', found.gradients, golden.expected, `${objective}.grad.`);
  return [...findings, { objective, ...gradient, limit: limit.gradient }];
}

/** The losses and weights of a few steps of AdamW on enhanced decoding. */
async function checkSteps(golden: Golden, backend: Backend): Promise<Finding[]> {
  const limit = limits[backend.dtype];
  const model = golden.load({});
  const optimizer = new AdamW(model, { lr: 1e-3, weightDecay: 0.01 });
  let difference = 0;
  for (const wanted of golden.trajectory) {
    const { loss } = await optimizer.step(() => golden.losses(model));
    difference = worse(difference, Math.abs(loss - wanted));
  }
  const after = new Map<string, FloatArray>();
  for (const [name, x] of parameters(model)) after.set(name, await x.read());
  const steps = `${golden.trajectory.length} AdamW steps`;
  return [
    { objective: 'enhanced', what: `losses of ${steps}`, difference, limit: limit.stepLoss },
    { objective: 'enhanced', ...worst(`weights after ${steps}`, after, golden.expected, 'adamw5.'), limit: limit.step },
  ];
}

/** The larger of two differences; NaN once there is one. */
export const worse = (a: number, b: number): number => (b > a || Number.isNaN(b) ? b : a);

/** Losses by name and gradients by parameter. */
export async function gradientsOf(model: object, run: () => Losses) {
  const reads = scope(() => {
    const { h, ...losses } = run();
    backward(losses.loss);
    const gradient = ([name, p]: [string, Tensor]) => [name, takeGradient(p, (g) => g.read())] as const;
    return {
      losses: Object.entries<Tensor>(losses).map(([name, x]) => [name, x.item()] as const),
      gradients: [...parameters(model)].map(gradient),
    };
  });
  const losses: Record<string, number> = {};
  for (const [name, value] of reads.losses) losses[name] = await value;
  const gradients = new Map<string, FloatArray>();
  for (const [name, value] of reads.gradients) if (value) gradients.set(name, await value);
  return { losses, gradients };
}

/** A gradient below this is rounding: of tables that are not used. */
const NOISE = 1e-9;

/** The worst difference over all tensors, each relative to its largest expected value. */
function worst(what: string, found: Map<string, FloatArray>, expected: SafetensorsFile, prefix: string) {
  let difference = 0;
  let where = '';
  const names = [...expected.tensors.keys()].filter((name) => name.startsWith(prefix));
  if (names.length === 0) throw new Error(`${expected.file}: no tensor is named ${prefix}... Generate it again.`);
  for (const name of names) {
    const short = name.slice(prefix.length);
    // Adding a number to all scores of a row changes no softmax: the gradient of key biases is 0 but for rounding.
    if (short.endsWith('self.key.bias')) continue;
    const wanted = expected.float32(name).data;
    const ours = found.get(short) ?? new Float32Array(wanted.length);
    const scale = wanted.reduce((top, value) => Math.max(top, Math.abs(value)), NOISE);
    const own = wanted.reduce((top, value, i) => worse(top, Math.abs(value - ours[i])), 0) / scale;
    if (worse(difference, own) !== difference) [difference, where] = [own, short];
  }
  return { what: `worst ${what}${where && `, ${where}`}`, difference };
}

/** Whether everything holds; NaN does not. */
export const holds = (findings: readonly Finding[]): boolean =>
  findings.every(({ difference, limit }) => difference <= limit);

/** The findings as a table for people. */
export function describe(findings: readonly Finding[]): string {
  return findings
    .map(({ objective, what, difference, limit }) => {
      const verdict = difference <= limit ? 'ok  ' : 'FAIL';
      return `${verdict} ${objective.padEnd(24)} ${difference.toExponential(1)} (limit ${limit.toExponential(0)})  ${what}`;
    })
    .join('\n');
}
