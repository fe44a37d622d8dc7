// Memory stands still: after every step as many bytes and storages are live as after the second, for every model.
import type { Test } from 'tap';
import { noGrad, Random, scope, Sequences, setBackend, Ids } from '../../core/index.js';
import type { Backend } from '../../kernels/backend.js';
import type { RetroMae, RetroMaeOptions } from '../../retromae/model.js';
import { testBackends, type TestBackend } from '../support/backends.js';
import { newModel, newOptimizer, trainStep } from '../retromae/tiny.js';

const models: Record<string, Partial<RetroMaeOptions>> = {
  'RetroMAE, enhanced decoding': {},
  'RetroMAE, basic decoding in 2 layers': { decoder: 'basic', decoderLayers: 2 },
  DupMAE: { objective: 'dupmae' },
  MLM: { objective: 'mlm' },
};

/** Steps of each model: as many as a few seconds allow. */
const steps: Record<TestBackend['name'], number> = {
  wasm: 200,
  reference: 60,
  reference64: 20,
  'gpu:cpu': 30,
  'gpu:webasm': 6,
  'gpu:webgpu': 6,
};

const live = (backend: Backend) => {
  const { liveBytes, liveStorages } = backend.memory();
  return { liveBytes, liveStorages };
};

/** Encodes sequences whose lengths are a function of `step`. */
async function encode(model: RetroMae, step: number): Promise<void> {
  const random = new Random(step);
  const sequences = Sequences.ofLengths([0, 1, 2].map(() => 2 + random.below(14)));
  const ids = new Ids(Int32Array.from({ length: sequences.rows }, () => random.below(35)));
  await noGrad(() => scope(() => ({ vectors: model.encode(ids, sequences).read() }))).vectors;
}

/** Registers a test of these backends. */
export function testSteady(t: Test, names: readonly TestBackend['name'][]): void {
  for (const { name, open } of testBackends()) {
    if (!names.includes(name)) continue;
    void t.test(name, async (t) => {
      const backend = await open();
      if (typeof backend === 'string') return void t.plan(0, backend);
      const former = setBackend(backend);
      t.teardown(() => setBackend(former));
      const count = steps[name];
      /** Runs steps and compares after each, from the third on. */
      const stands = async (step: (index: number) => Promise<void>, what: string) => {
        await step(0);
        await step(1);
        const second = live(backend);
        let wrong = 0;
        for (let i = 2; i < count; i++) {
          await step(i);
          if (live(backend).liveBytes !== second.liveBytes || live(backend).liveStorages !== second.liveStorages)
            wrong++;
        }
        t.equal(wrong, 0, `${what}: steps of ${count} after which not the same was live`);
        t.same(live(backend), second, `${what}: after step 2 and step ${count}`);
      };
      const kept: object[] = [];
      for (const [what, options] of Object.entries(models)) {
        const model = newModel(1, options);
        const optimizer = newOptimizer(model);
        kept.push(model, optimizer);
        await stands((i) => trainStep(model, optimizer, i), what);
        if (options === models.MLM) await stands((i) => encode(model, i), 'encoding');
      }
      t.equal(kept.length, 8, 'no model is given to the garbage collector before');
      await backend.close();
    });
  }
}
