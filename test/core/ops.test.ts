// The op table, each row proven in float64, and the proof itself: a rule that is off by one per cent fails it.
import t from 'tap';
import { defineOp, Tensor } from '../../core/index.js';
import { asRule } from '../../core/tape.js';
import { ReferenceBackend } from '../../kernels/reference.js';
import { problems, table, type AnyOp } from './table.js';

const float64 = new ReferenceBackend('float64');

void t.test('every row holds: shapes, gradients, compositions', async (t) => {
  t.ok(table.length >= 20, `${table.length} ops`);
  for (const op of table) {
    t.ok(op.spec.samples.length > 0, `${op.spec.name} has samples`);
    t.same(await problems(op, float64), [], op.spec.name);
  }
});

/** The op with one rule's gradient scaled. */
function mutated({ spec }: AnyOp, input: string, factor: number): AnyOp {
  return defineOp({
    ...spec,
    vjp: (saved, attributes, shapes) => {
      const gradients = spec.vjp(saved, attributes, shapes);
      const rule = gradients[input];
      return rule ? { ...gradients, [input]: () => asRule(rule).dense().mul(factor) } : gradients;
    },
  });
}

void t.test('a rule that is off by one per cent fails the same check', async (t) => {
  for (const op of table)
    for (const input of op.spec.inputs) {
      const found = await problems(mutated(op, input, 1.01), float64);
      t.ok(
        found.some((problem) => /its gradient is off/.test(problem)),
        `${op.spec.name}: d ${input}`,
      );
    }
});

void t.test('a rule that takes the memory of a view for its numbers fails it', async (t) => {
  for (const op of table) {
    const { spec } = op;
    if (spec.samples.every(({ shapes, attributes }) => spec.shape(shapes, attributes).length < 2)) continue;
    const careless = defineOp({
      ...spec,
      vjp: (saved, ...rest) => spec.vjp({ ...saved, dy: new Tensor(saved.dy.buffer, saved.dy.shape) }, ...rest),
    });
    // Transposed it gives wrong numbers, expanded it reads behind the end.
    const found = await problems(careless, float64).catch(({ message }: Error) => [message]);
    t.ok(
      found.some((problem) => /its gradient is off|but its storage has/.test(problem)),
      spec.name,
    );
  }
});

void t.test('a rule that gives zero, or none, or another shape, fails it too', async (t) => {
  const tanh = table.find(({ spec }) => spec.name === 'tanh')!;
  t.match(await problems(mutated(tanh, 'x', 0), float64), [/its gradient is off/]);
  const none = defineOp({ ...tanh.spec, vjp: () => ({}) });
  await t.rejects(problems(none, float64), /no gradient of x/);
  const other = defineOp({ ...tanh.spec, vjp: ({ dy }) => ({ x: () => dy.reshape([1, ...dy.shape]) }) });
  await t.rejects(problems(other, float64), /tanh: the gradient of x is \[1, 2, 3\], not \[2, 3\]/);
});
