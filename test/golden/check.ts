// Compares a model with golden numbers from PyTorch: losses, every gradient, five AdamW steps.
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

/** Largest differences allowed: float32 backends, and float64 as far as the files' float32 expectations allow. */
const limits = {
  float32: { loss: 1e-5, gradient: 1e-4, step: 5e-4 },
  float64: { loss: 1e-9, gradient: 1e-6, step: 1e-6 },
};

const variants: Record<string, Partial<RetroMaeOptions>> = {
  enhanced: {},
  basic: { decoder: 'basic' },
  dupmae: { objective: 'dupmae' },
};

/** Names in losses.json by names of our losses. */
const lossNames: Record<string, string> = { encoder: 'encoder_mlm', decoder: 'decoder', bow: 'bow', loss: 'total' };

const open = async (dir: string, name: string) => new SafetensorsFile(await readFile(join(dir, name)), join(dir, name));
const parse = async <T>(dir: string, name: string) => JSON.parse(await readFile(join(dir, name), 'utf8')) as T;

/** Runs a golden folder on a backend. Every finding says whether it holds: difference <= limit. */
export async function checkGolden(dir: string, backend: Backend): Promise<Finding[]> {
  const former = setBackend(backend);
  try {
    const limit = limits[backend.dtype];
    const config = configFromHuggingFace(await parse(dir, 'config.json'), join(dir, 'config.json'));
    const weights = await open(dir, 'weights.safetensors');
    const expected = await open(dir, 'expected.safetensors');
    const losses = await parse<Record<string, Record<string, number>> & { adamw_loss_per_step: number[] }>(
      dir,
      'losses.json',
    );
    const batch = fromPadded(await parse<PaddedBatch>(dir, 'inputs.json'), join(dir, 'inputs.json'));
    const load = (options: Partial<RetroMaeOptions>) => {
      const model = new RetroMae(config, new Random(0), options);
      loadWeights(model, weights);
      return model;
    };
    const findings: Finding[] = [];
    for (const [objective, options] of Object.entries(variants)) {
      const model = load(options);
      const numbers = await gradients(model, () => model.losses(batch));
      for (const [ours, theirs] of Object.entries(lossNames))
        if (losses[objective][theirs] !== undefined)
          findings.push({
            objective,
            what: `loss ${ours}`,
            difference: Math.abs(numbers.losses[ours] - losses[objective][theirs]),
            limit: limit.loss,
          });
      findings.push({
        objective,
        ...worst('gradient', numbers.gradients, expected, `${objective}.grad.`),
        limit: limit.gradient,
      });
    }
    const model = load({});
    const optimizer = new AdamW(model, { lr: 1e-3, weightDecay: 0.01 });
    let lossDifference = 0;
    for (const wanted of losses.adamw_loss_per_step)
      lossDifference = Math.max(
        lossDifference,
        Math.abs((await optimizer.step(() => model.losses(batch))).loss - wanted),
      );
    findings.push({
      objective: 'enhanced',
      what: 'losses of 5 AdamW steps',
      difference: lossDifference,
      limit: limit.step,
    });
    const after = new Map<string, FloatArray>();
    for (const [name, x] of parameters(model)) if (!name.endsWith('self.key.bias')) after.set(name, await x.read());
    findings.push({
      objective: 'enhanced',
      ...worst('weights after 5 AdamW steps', after, expected, 'adamw5.'),
      limit: limit.step,
    });
    return findings;
  } finally {
    setBackend(former);
  }
}

async function gradients(model: RetroMae, run: () => Losses) {
  const reads = scope(() => {
    const losses = run();
    backward(losses.loss);
    const read = (tensors: Iterable<readonly [string, Tensor]>) =>
      [...tensors].map(([name, x]) => [name, x.read()] as const);
    return {
      losses: read(Object.entries(losses)),
      gradients: [...parameters(model)].map(([name, p]) => [name, takeGradient(p, (g) => g.read())] as const),
    };
  });
  const losses: Record<string, number> = {};
  for (const [name, value] of reads.losses) losses[name] = (await value)[0];
  const found = new Map<string, FloatArray>();
  for (const [name, value] of reads.gradients) if (value) found.set(name, await value);
  return { losses, gradients: found };
}

/** Below this a gradient is rounding: key biases, and tables that are not used. */
const NOISE = 1e-9;

/** The worst difference over all tensors, each relative to its largest expected value. */
function worst(what: string, found: Map<string, FloatArray>, expected: SafetensorsFile, prefix: string) {
  let difference = 0;
  let where = '';
  for (const name of expected.tensors.keys()) {
    if (!name.startsWith(prefix)) continue;
    const short = name.slice(prefix.length);
    if (short.endsWith('self.key.bias')) continue;
    const wanted = expected.float32(name).data;
    const ours = found.get(short) ?? new Float32Array(wanted.length);
    const scale = Math.max(
      NOISE,
      wanted.reduce((top, value) => Math.max(top, Math.abs(value)), 0),
    );
    const own = wanted.reduce((top, value, i) => Math.max(top, Math.abs(value - ours[i])), 0) / scale;
    if (own > difference || Number.isNaN(own)) [difference, where] = [own, short];
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
      return `${verdict} ${objective.padEnd(9)} ${difference.toExponential(1)} (limit ${limit.toExponential(0)})  ${what}`;
    })
    .join('\n');
}
