// Tables of which a step reads some rows: the optimizer works on those rows, to the result of a dense gradient.
import t from 'tap';
import { Ids, Random, randn, Sequences, setBackend, type Tensor } from '../../core/index.js';
import { AdamW, bertConfig, BertForMaskedLM, parameters } from '../../nn/index.js';
import { countLaunches } from '../../bench/launches.js';
import { testBackends } from '../support/backends.js';

interface Module {
  readonly table: Tensor;
}

/** Rows that occur once, often and never, more than a task of the engine has. */
const ids = (seed: number) => new Ids([3, 199, 3, 70, 3, seed]);

/** Each gives the loss of every micro-batch of a step. */
const uses: Record<string, (module: Module, weights: Tensor) => (() => { loss: Tensor })[]> = {
  'one use': ({ table }, weights) => [() => ({ loss: table.gather(ids(5)).mul(weights).sum() })],
  'two uses': ({ table }, weights) => [
    () => ({
      loss: table
        .gather(ids(5))
        .mul(table.gather(ids(6)))
        .mul(weights)
        .sum(),
    }),
  ],
  'two micro-batches': ({ table }, weights) =>
    [5, 6].map((seed) => () => ({ loss: table.gather(ids(seed)).mul(weights).sum() })),
  'a gradient that is expanded': ({ table }) => [() => ({ loss: table.gather(ids(5)).sum() })],
};

/** The table after three steps; `dense`: somebody looks at the gradient, which makes it dense. */
async function train(use: (typeof uses)[string], clip: number, dense: boolean) {
  const table = randn([200, 33], new Random(1), 1, { requiresGrad: true });
  const weights = randn([6, 33], new Random(2));
  const module: Module = { table };
  const optimizer = new AdamW(module, { lr: 0.1, clip });
  const update = optimizer.update.bind(optimizer);
  optimizer.update = () => {
    if (dense) t.ok(table.grad);
    return update();
  };
  const norms: number[] = [];
  for (let i = 0; i < 3; i++) norms.push((await optimizer.step(...use(module, weights))).gradientNorm);
  return { norms, numbers: [...(await table.read())] };
}

for (const { name, open } of testBackends())
  void t.test(name, async (t) => {
    const backend = await open();
    if (typeof backend === 'string') return void t.plan(0, backend);
    const former = setBackend(backend);
    t.teardown(() => setBackend(former));
    for (const [what, use] of Object.entries(uses))
      for (const clip of [0, 0.5]) {
        const [rows, dense] = [await train(use, clip, false), await train(use, clip, true)];
        const far = (a: number[], b: number[]) =>
          Math.max(...a.map((x, i) => Math.abs(x - b[i]) / (1 + Math.abs(b[i]))));
        t.ok(far(rows.norms, dense.norms) < 1e-6, `${what}: norms`);
        if (clip) t.ok(far(rows.numbers, dense.numbers) < 1e-6, `${what}: clipped`);
        else t.same(rows.numbers, dense.numbers, `${what}: the same bits`);
      }
    await backend.close();
  });

void t.test('an encoder that is tuned writes no dense gradient of its tables', async (t) => {
  const [{ open }] = testBackends();
  const backend = await open();
  if (typeof backend === 'string') return void t.plan(0, backend);
  const former = setBackend(backend);
  t.teardown(() => setBackend(former));
  const shape = { vocab_size: 50, hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 12 };
  const { bert: encoder } = new BertForMaskedLM(bertConfig({ ...shape, max_position_embeddings: 16 }), new Random(1));
  const optimizer = new AdamW(encoder, { lr: 1e-2, clip: 1 });
  const loss = () => ({
    loss: encoder
      .forward(new Ids([3, 4, 7, 4, 3]), Sequences.ofLengths([3, 2]))
      .exp()
      .sum(),
  });
  await optimizer.step(loss);
  const { liveBytes, liveStorages } = backend.memory();
  const launches = countLaunches(backend);
  await optimizer.step(loss);
  const names = launches.list().map(({ name }) => name);
  t.notMatch(names.join(), /scatter/i);
  t.ok(names.includes('adamWRows') && names.includes('sumOfSquaresRows'));
  t.match(backend.memory(), { liveBytes, liveStorages }, 'and keeps none of its rows');
  t.ok([...parameters(encoder).values()].every(({ grad }) => grad === undefined));
  await backend.close();
});
