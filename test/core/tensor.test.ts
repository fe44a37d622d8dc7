// Tensors against arrays computed cell by cell: broadcasting, reductions, movements, products, and their gradients.
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { derivative, erf, multiply, parse, type Matrix } from 'mathjs';
import t from 'tap';
import { full, ones, randn, Random, scope, setBackend, tensor, vjp, zeros, type Tensor } from '../../core/index.js';
import { ReferenceBackend } from '../../kernels/reference.js';
import { arrayOf, arrays, pairs, permutations, shapes } from './arbitrary.js';
import * as naive from './naive.js';
import type { Nd } from './naive.js';
import { place } from './table.js';

const backend = new ReferenceBackend('float64');
setBackend(backend);

async function expectEqual(actual: Tensor, { shape, data }: Nd, limit = 0): Promise<void> {
  assert.deepEqual(actual.shape, shape);
  const values = await actual.read();
  assert.equal(values.length, data.length);
  data.forEach((value, i) => assert.ok(Math.abs(values[i] - value) <= limit, `cell ${i}: ${values[i]}, not ${value}`));
}

/** A property of tensors that are freed after each run. */
const holds = <T>(arbitrary: fc.Arbitrary<T>, check: (value: T) => Promise<void>, numRuns = 100) =>
  fc.assert(fc.asyncProperty(arbitrary, check), { numRuns });

type Binary = [name: string, ours: (a: Tensor, b: Tensor) => Tensor, theirs: (a: number, b: number) => number];
const binary: Binary[] = [
  ['add', (a, b) => a.add(b), (a, b) => a + b],
  ['sub', (a, b) => a.sub(b), (a, b) => a - b],
  ['mul', (a, b) => a.mul(b), (a, b) => a * b],
  ['div', (a, b) => a.div(b.mul(b).add(1)), (a, b) => a / (b * b + 1)],
  ['maximum', (a, b) => a.maximum(b), Math.max],
];

void t.test('elementwise ops broadcast as NumPy does', async () => {
  for (const [, ours, theirs] of binary)
    await holds(pairs, async ([a, b]) =>
      expectEqual(ours(place(a, backend), place(b, backend)), naive.zip(a, b, theirs)),
    );
});

void t.test('gradients are summed over what was broadcast', async () => {
  await holds(pairs, async ([a, b]) => {
    const [x, y] = [place(a, backend, true), place(b, backend, true)];
    const product = naive.zip(a, b, (p, q) => p * q);
    const seed = naive.map(product, (value) => value + 1);
    const [dx, dy] = vjp(x.mul(y), place(seed, backend), [x, y]);
    await expectEqual(
      dx!,
      naive.sumTo(
        naive.zip(seed, b, (s, q) => s * q),
        a.shape,
      ),
      1e-9,
    );
    await expectEqual(
      dy!,
      naive.sumTo(
        naive.zip(seed, a, (s, p) => s * p),
        b.shape,
      ),
      1e-9,
    );
  });
});

void t.test('reductions, along any axis, from either end, kept or not, or all', async () => {
  const kinds = {
    sum: naive.sum,
    mean: (values: number[]) => naive.sum(values) / values.length,
    max: (values: number[]) => Math.max(...values),
  };
  const cases = arrays(1).chain((x) => fc.tuple(fc.constant(x), fc.nat(x.shape.length - 1), fc.boolean()));
  for (const [name, f] of Object.entries(kinds) as [keyof typeof kinds, (values: number[]) => number][])
    await holds(cases, async ([x, axis, fromEnd]) => {
      if (name !== 'sum') fc.pre(x.data.length > 0);
      const ours = place(x, backend);
      const expected = naive.reduce(x, axis, f);
      const at = fromEnd ? axis - x.shape.length : axis;
      await expectEqual(ours[name](at), expected, 1e-12);
      const kept = x.shape.map((extent, i) => (i === axis ? 1 : extent));
      await expectEqual(ours[name](at, true), { shape: kept, data: expected.data }, 1e-12);
      const all = { shape: [], data: [f([...x.data])] };
      await expectEqual(ours[name](), all, 1e-12);
      assert.deepEqual(
        ours[name](undefined, true).shape,
        x.shape.map(() => 1),
      );
    });
});

void t.test('matrix products, batched and broadcast, permuted operands read in place or not', async () => {
  const cases = fc
    .tuple(pairs, fc.nat(3), fc.nat(3), fc.nat(3), fc.boolean(), fc.boolean())
    .filter(([[a, b]]) => Math.max(a.shape.length, b.shape.length) <= 2)
    .chain(([[a, b], m, k, n, left, right]) =>
      fc.record({
        a: arrayOf([...a.shape, ...(left ? [k, m] : [m, k])]),
        b: arrayOf([...b.shape, ...(right ? [n, k] : [k, n])]),
        left: fc.constant(left),
        right: fc.constant(right),
      }),
    );
  const swap = (x: Nd) => {
    const axes = [...x.shape.keys()];
    return naive.permute(x, [...axes.slice(0, -2), axes.length - 1, axes.length - 2]);
  };
  await holds(cases, async ({ a, b, left, right }) => {
    const x = place(a, backend, true);
    const y = place(b, backend, true);
    const product = (left ? x.transpose() : x).matmul(right ? y.transpose() : y);
    const [p, q] = [left ? swap(a) : a, right ? swap(b) : b];
    await expectEqual(product, naive.matmul(p, q), 1e-9);
    // dA = dY B^T and dB = A^T dY, summed over what was broadcast
    const seed = naive.build(product.shape, (index) => naive.sum(index) / 2 - 1);
    const [dx, dy] = vjp(product, place(seed, backend), [x, y]);
    const da = naive.sumTo(naive.matmul(seed, swap(q)), p.shape);
    const db = naive.sumTo(naive.matmul(swap(p), seed), q.shape);
    await expectEqual(dx!, left ? swap(da) : da, 1e-9);
    await expectEqual(dy!, right ? swap(db) : db, 1e-9);
  });
});

void t.test('gather takes rows, its gradient adds them up', async () => {
  const cases = fc
    .tuple(fc.integer({ min: 1, max: 6 }), fc.nat(3))
    .chain(([rows, width]) => fc.tuple(arrayOf([rows, width]), fc.array(fc.nat(rows - 1), { maxLength: 8 })));
  await holds(cases, async ([table, ids]) => {
    const x = place(table, backend, true);
    const rows = x.gather(ids);
    await expectEqual(
      rows,
      naive.build([ids.length, table.shape[1]], ([row, column]) => naive.at(table, [ids[row], column])),
    );
    const [gradient] = vjp(rows, ones(rows.shape), [x]);
    await expectEqual(
      gradient!,
      naive.build(table.shape, ([row]) => ids.filter((id) => id === row).length),
    );
  });
});

void t.test('concat joins rows', async () => {
  const cases = fc
    .tuple(shapes(0, 3), fc.nat(3), fc.nat(3))
    .chain(([inner, n, m]) => fc.tuple(arrayOf([n, ...inner]), arrayOf([m, ...inner])));
  await holds(cases, async ([a, b]) => {
    const shape = [a.shape[0] + b.shape[0], ...a.shape.slice(1)];
    await expectEqual(place(a, backend).concat(place(b, backend)), { shape, data: [...a.data, ...b.data] });
  });
});

void t.test('reshape keeps the order, of permuted tensors too, and finds one extent', async () => {
  await holds(permutations, async ({ x, axes }) => {
    const permuted = naive.permute(x, axes);
    const y = place(x, backend).permute(...axes);
    await expectEqual(y.reshape([x.data.length]), { shape: [x.data.length], data: permuted.data });
    if (x.data.length > 0) await expectEqual(y.reshape([-1, 1]), { shape: [x.data.length, 1], data: permuted.data });
  });
  const x = zeros([2, 3, 4]);
  assert.deepEqual(x.reshape([-1, 4]).shape, [6, 4]);
  assert.deepEqual(x.reshape([3, -1, 2]).shape, [3, 4, 2]);
  assert.equal(x.reshape([24]).buffer, x.buffer, 'without a copy');
});

void t.test('tensors are made of nested arrays, flat numbers, one number', async (t) => {
  await expectEqual(
    tensor([
      [1, 2],
      [3, 4],
    ]),
    { shape: [2, 2], data: [1, 2, 3, 4] },
  );
  await expectEqual(tensor([[[]], [[]]]), { shape: [2, 1, 0], data: [] });
  await expectEqual(tensor(5), { shape: [], data: [5] });
  await expectEqual(tensor(new Float32Array([1, 2])), { shape: [2], data: [1, 2] });
  await expectEqual(tensor([1, 2, 3, 4], [2, 2]), { shape: [2, 2], data: [1, 2, 3, 4] });
  await expectEqual(full([2], 7), { shape: [2], data: [7, 7] });
  t.equal(await tensor([[5]]).item(), 5);
  t.same((await tensor([1, 2]).div(4).sub(1).neg().read()).slice(), [0.75, 0.5]);
  const many = await randn([100, 100], new Random(1), 3).read();
  const mean = naive.sum([...many]) / many.length;
  const deviation = Math.sqrt(naive.sum(Array.from(many, (x) => (x - mean) ** 2)) / many.length);
  t.ok(Math.abs(mean) < 0.1 && Math.abs(deviation - 3) < 0.1, `mean ${mean}, deviation ${deviation}`);
});

void t.test('mathjs agrees on erf and on matrix products', async () => {
  const points = Float64Array.from({ length: 1201 }, (_, i) => (i - 600) / 100);
  await expectEqual(tensor(points).erf(), { shape: [1201], data: Array.from(points, (x) => erf(x)) }, 1e-14);
  const random = new Random(2);
  const rows = (n: number, m: number) =>
    Array.from({ length: n }, () => Array.from({ length: m }, () => random.normal()));
  const [a, b] = [rows(7, 5), rows(5, 9)];
  const product = multiply(a, b) as unknown as Matrix & number[][];
  await expectEqual(tensor(a).matmul(tensor(b)), { shape: [7, 9], data: product.flat() as number[] }, 1e-13);
});

/** An expression for mathjs, and the same in tensors: of functions that it derives (erf it does not), where they are smooth. */
interface Expression {
  text: string;
  of: (x: Tensor) => Tensor;
}

const expressions = fc.letrec<{ node: Expression; leaf: Expression }>((tie) => {
  const one = (text: (u: string) => string, of: (u: Tensor) => Tensor) =>
    tie('node').map((u): Expression => ({ text: text(u.text), of: (x) => of(u.of(x)) }));
  const two = (text: (u: string, v: string) => string, of: (u: Tensor, v: Tensor) => Tensor) =>
    fc
      .tuple(tie('node'), tie('node'))
      .map(([u, v]): Expression => ({ text: text(u.text, v.text), of: (x) => of(u.of(x), v.of(x)) }));
  return {
    leaf: fc.oneof(
      fc.constant<Expression>({ text: 'x', of: (x) => x }),
      fc.integer({ min: -8, max: 8 }).map((n): Expression => ({ text: `(${n / 4})`, of: (x) => x.mul(0).add(n / 4) })),
    ),
    node: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      tie('leaf'),
      one(
        (u) => `tanh(${u})`,
        (u) => u.tanh(),
      ),
      one(
        (u) => `exp(tanh(${u}))`,
        (u) => u.tanh().exp(),
      ),
      one(
        (u) => `log(1 + (${u})^2)`,
        (u) => u.mul(u).add(1).log(),
      ),
      one(
        (u) => `sqrt(1 + (${u})^2)`,
        (u) => u.mul(u).add(1).sqrt(),
      ),
      two(
        (u, v) => `(${u} + ${v})`,
        (u, v) => u.add(v),
      ),
      two(
        (u, v) => `(${u} - ${v})`,
        (u, v) => u.sub(v),
      ),
      two(
        (u, v) => `(${u} * ${v})`,
        (u, v) => u.mul(v),
      ),
      two(
        (u, v) => `(${u} / (1 + (${v})^2))`,
        (u, v) => u.div(v.mul(v).add(1)),
      ),
    ),
  };
});

void t.test('mathjs derives the same gradients from formulae', async (t) => {
  let seen = 0;
  const points = [-1.5, -0.25, 0.5, 2];
  await holds(
    expressions.node,
    async ({ text, of }) => {
      const [value, slope] = [parse(text).compile(), derivative(text, 'x', { simplify: false }).compile()];
      const numbers = (code: typeof value) => points.map((x) => code.evaluate({ x }) as number);
      const x = tensor(points, undefined, { requiresGrad: true });
      const y = of(x);
      const [gradient] = scope(() => vjp(y, ones([4]), [x]));
      const limit = (values: number[]) => 1e-9 * Math.max(1, ...values.map(Math.abs));
      await expectEqual(y, { shape: [4], data: numbers(value) }, limit(numbers(value)));
      await expectEqual(gradient!, { shape: [4], data: numbers(slope) }, limit(numbers(slope)));
      if (numbers(slope).some((s) => s !== 0 && s !== 1)) seen++;
    },
    200,
  );
  t.ok(seen > 50, `${seen} of them with a slope that is not 0 or 1`);
});
