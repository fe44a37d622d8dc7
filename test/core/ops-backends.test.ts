// Every op on every backend, values and gradients, its inputs plain, permuted and expanded, against float64.
import t from 'tap';
import { ReferenceBackend } from '../../kernels/reference.js';
import { testBackends } from '../support/backends.js';
import { draw, layouts, run, table, worstOf, type AnyOp, type AnySample, type Layout, type Outcome } from './table.js';

const float64 = new ReferenceBackend('float64');

interface Case {
  readonly label: string;
  readonly op: AnyOp;
  readonly sample: AnySample;
  readonly layout: Layout;
}

const cases: readonly Case[] = table.flatMap((op) =>
  op.spec.samples.flatMap((sample) =>
    layouts.map((layout) => ({
      label: `${op.spec.name} ${JSON.stringify(sample.shapes)} ${layout.name}`,
      op,
      sample,
      layout,
    })),
  ),
);

const drawn = ({ op, sample, layout }: Case) =>
  draw(sample, (shape) => layout.leaf(shape), op.spec.shape(sample.shapes, sample.attributes));

/** What comes out: on plain arrays in float64, the views computed cell by cell on both ways. */
async function expected(item: Case): Promise<Outcome> {
  const { op, sample, layout } = item;
  const { leaves, seed } = drawn(item);
  const inputs = Object.fromEntries(
    Object.entries(leaves).map(([name, leaf]) => [name, layout.viewed(leaf, sample.shapes[name])]),
  );
  const { value, gradients } = await run(
    (x) => op.apply(x, sample.attributes),
    inputs,
    (x) => x,
    seed,
    float64,
  );
  const back = Object.entries(gradients).map(([name, gradient]) => {
    const { data } = layout.back({ shape: sample.shapes[name], data: Array.from(gradient) }, leaves[name].shape);
    return [name, Float64Array.from(data)] as const;
  });
  return { value, gradients: Object.fromEntries(back) };
}

for (const { name, open } of testBackends())
  void t.test(name, async (t) => {
    const backend = await open();
    if (typeof backend === 'string') return void t.plan(0, backend);
    const limit = backend.dtype === 'float64' ? 1e-12 : 1e-5;
    const worst = { error: 0, label: '' };
    for (const item of cases) {
      const { op, sample, layout, label } = item;
      const { leaves, seed } = drawn(item);
      const view = layout.view.bind(layout);
      const actual = await run(
        (x) => op.apply(x, sample.attributes),
        leaves,
        (leaf, input) => view(leaf, sample.shapes[input]),
        seed,
        backend,
      );
      const { error, where } = worstOf(actual, await expected(item));
      if (!(error <= limit)) t.fail(`${label}: ${where} is off by ${error}`);
      if (error > worst.error) Object.assign(worst, { error, label });
    }
    t.pass(`${cases.length} cases, the worst off by ${worst.error}: ${worst.label}`);
    t.equal(backend.memory().liveStorages, 0, 'nothing stays');
    await backend.close();
  });
