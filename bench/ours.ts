// Our own step as a contender: a child process like every peer's, so that time, memory and start-up compare.
import { readFileSync } from 'node:fs';
import { Ids, noGrad, Random, scope, Sequences, setBackend } from '../core/index.js';
import type { BackendName } from '../kernels/backend.js';
import { openBackend } from '../kernels/open.js';
import { AdamW, configFromHuggingFace, loadWeights, SafetensorsFile } from '../nn/index.js';
import { RetroMae } from '../retromae/index.js';
import { version } from '../package.json';
import { unpack } from './batches.js';
import { countLaunches } from './launches.js';
import { serve } from './peers/child.js';

/** Serves the lines of standard input. */
export function ours(): Promise<void> {
  return serve(async ({ objective, variant, threads, config, weights }, batches) => {
    const backend = await openBackend(variant as BackendName, { threads });
    setBackend(backend);
    const launches = countLaunches(backend);
    const model = new RetroMae(configFromHuggingFace(config, 'job'), new Random(1), {
      objective: objective === 'encode' ? 'mlm' : objective,
    });
    if (weights) loadWeights(model, new SafetensorsFile(readFileSync(weights), weights));
    const optimizer = new AdamW(model, { lr: 1e-4, weightDecay: 0.01, clip: 1 });
    const ready = new Map(batches.map((packed) => [packed, unpack(packed)]));
    return {
      name: 'retromae',
      version,
      threads: backend.threads,
      step: async (packed, n) => {
        const batch = ready.get(packed)!;
        launches.begin(batch.offsets);
        if (objective !== 'encode') {
          const { loss } = await optimizer.step(() => model.losses(batch, new Random(3, n)));
          return { loss, kernels: launches.list() };
        }
        const encode = () => scope(() => [model.encode(new Ids(batch.ids), new Sequences(batch.offsets)).read()])[0];
        const vectors = await noGrad(encode);
        let sum = 0;
        for (const x of vectors) sum += Math.abs(x);
        return { loss: sum / vectors.length, kernels: launches.list() };
      },
    };
  });
}
