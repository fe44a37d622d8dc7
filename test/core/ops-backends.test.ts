// Every op on every backend, values and gradients, its inputs and the gradient that comes in plain, permuted and expanded,
// against float64.
import t from 'tap';
import { ReferenceBackend } from '../../kernels/reference.js';
import { testBackends } from '../support/backends.js';
import { draw, layouts, run, table, worstOf, type AnyOp, type AnySample, type Layout, type Outcome } from './table.js';

const float64 = new ReferenceBackend('float64');

interface Case {
  readonly label: string;
  readonly op: AnyOp;
  readonly sample: AnySample;
  /** Of all inputs. */
  readonly layout: Layout;
  /** Of the gradient that comes in. */
  readonly incoming: Layout;
}

const [plain, ...views] = layouts;
const ways = [...layouts.map((layout) => [layout, plain]), ...views.map((incoming) => [plain, incoming])];

const cases: readonly Case[] = table.flatMap((op) =>
  op.spec.samples.flatMap((sample) =>
    ways.map(([layout, incoming]) => ({
      label: `${op.spec.name} ${JSON.stringify(sample.shapes)} ${layout.name}, its gradient ${incoming.name}`,
      op,
      sample,
      layout,
      incoming,
    })),
  ),
);

const shapeOfY = ({ op, sample }: Case) => op.spec.shape(sample.shapes, sample.attributes);
const drawn = (item: Case) => draw(item.sample, (shape) => item.layout.leaf(shape), item.incoming.leaf(shapeOfY(item)));

/** What comes out: on plain arrays in float64, the views computed cell by cell on both ways. */
async function expected(item: Case): Promise<Outcome> {
  const { op, sample, layout, incoming } = item;
  const { leaves, seed } = drawn(item);
  const inputs = Object.fromEntries(
    Object.entries(leaves).map(([name, leaf]) => [name, layout.viewed(leaf, sample.shapes[name])]),
  );
  const { value, gradients } = await run(
    (x) => op.apply(x, sample.attributes),
    inputs,
    (x) => x,
    incoming.viewed(seed, shapeOfY(item)),
    float64,
  );
  const back = Object.entries(gradients).map(([name, gradient]) => {
    const { data } = layout.back({ shape: sample.shapes[name], data: Array.from(gradient) }, leaves[name].shape);
    return [name, Float64Array.from(data)] as const;
  });
  return { value, gradients: Object.fromEntries(back) };
}

void t.test('every op is given a gradient of no numbers, but for those whose result is one number', async (t) => {
  for (const op of table) {
    const shapes = op.spec.samples.map((sample) => op.spec.shape(sample.shapes, sample.attributes));
    t.ok(
      shapes.some((shape) => shape.includes(0)) || shapes.every((shape) => shape.length === 0),
      `${op.spec.name} has a sample without cells`,
    );
  }
});

for (const { name, open } of testBackends())
  void t.test(name, async (t) => {
    const backend = await open();
    if (typeof backend === 'string') return void t.plan(0, backend);
    const limit = backend.dtype === 'float64' ? 1e-12 : 1e-5;
    const worst = { error: 0, label: '' };
    for (const item of cases) {
      const { op, sample, layout, incoming, label } = item;
      const { leaves, seed } = drawn(item);
      const view = layout.view.bind(layout);
      const actual = await run(
        (x) => op.apply(x, sample.attributes),
        leaves,
        (leaf, input) => view(leaf, sample.shapes[input]),
        seed,
        backend,
        incoming.view.bind(incoming),
      );
      const { error, where } = worstOf(actual, await expected(item));
      if (!(error <= limit)) t.fail(`${label}: ${where} is off by ${error}`);
      if (error > worst.error) Object.assign(worst, { error, label });
    }
    t.pass(`${cases.length} cases, the worst off by ${worst.error}: ${worst.label}`);
    t.equal(backend.memory().liveStorages, 0, 'nothing stays');
    await backend.close();
  });
