// The op table, each row proven: shapes, derivatives in float64, fused against composition.
import t from 'tap';
import { ReferenceBackend } from '../../kernels/reference.js';
import { checkGradient, ops, Random, scope, tensor, Tensor, vjp, type Op, type Sample } from '../../core/index.js';

type AnyOp = Op<string, string, unknown>;
const table = Object.values(ops).filter((value): value is AnyOp => typeof value === 'object' && 'spec' in value);
const float64 = new ReferenceBackend('float64');

export function draw(sample: Sample<string, unknown>, random: Random, requiresGrad = false): Record<string, Tensor> {
  const inputs: Record<string, Tensor> = {};
  for (const [name, shape] of Object.entries(sample.shapes)) {
    const size = shape.reduce((product, extent) => product * extent, 1);
    const values = Float64Array.from({ length: size }, () =>
      sample.positive ? Math.abs(random.normal()) + 0.5 : random.normal(),
    );
    inputs[name] = tensor(values, shape, { backend: float64, requiresGrad });
  }
  return inputs;
}

for (const op of table) {
  const { spec } = op;
  void t.test(spec.name, async (t) => {
    let largest = 0;
    for (const sample of spec.samples) {
      const random = new Random(7);
      const inputs = draw(sample, random);
      const names = Object.keys(inputs);
      const f = (...values: Tensor[]) =>
        op.apply(Object.fromEntries(names.map((name, i) => [name, values[i]])), sample.attributes);
      const y = f(...Object.values(inputs));
      t.same(y.shape, spec.shape(sample.shapes, sample.attributes), `shape rule of ${JSON.stringify(sample.shapes)}`);
      if (y.size > 0) {
        const check = await checkGradient(f, Object.values(inputs));
        t.ok(check.error < 1e-6, `gradient error ${check.error}`);
        largest = Math.max(largest, check.largest);
      }
      if (!spec.composition) continue;
      const leaves = draw(sample, new Random(7), true);
      const seed = tensor(
        Float64Array.from({ length: y.size }, () => random.normal()),
        y.shape,
        { backend: float64 },
      );
      const run = (compute: (x: Record<string, Tensor>) => Tensor) =>
        scope(() => {
          const value = compute(leaves);
          return { value: value.detach(), gradients: vjp(value, seed, Object.values(leaves)) };
        });
      const fused = run((x) => op.apply(x, sample.attributes));
      const plain = run((x) => spec.composition!(x, sample.attributes));
      t.ok((await distance(fused.value, plain.value)) < 1e-9, 'value equals composition');
      for (const [i, gradient] of fused.gradients.entries())
        t.ok((await distance(gradient!, plain.gradients[i]!)) < 1e-9, `gradient of ${names[i]} equals composition`);
    }
    t.ok(largest > 1e-6, 'the gradient is not trivially zero');
  });
}

async function distance(a: Tensor, b: Tensor): Promise<number> {
  const [x, y] = [await a.read(), await b.read()];
  return Array.from(x).reduce((worst, value, i) => Math.max(worst, Math.abs(value - y[i])), 0);
}
