// Views share memory with their source and become contiguous only where a kernel needs it.
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import t from 'tap';
import { asRows, flat, ones, setBackend, zeros, vjp } from '../../core/index.js';
import { ReferenceBackend } from '../../kernels/reference.js';
import { arrays, permutations, shapeWithin, shapes, arrayOf } from './arbitrary.js';
import * as naive from './naive.js';
import { place } from './table.js';

const backend = new ReferenceBackend('float64');
setBackend(backend);

/** An array, and a way to go on from a shape: permute its axes or expand some of them. */
const chains = shapes(0, 4)
  .chain((shape) => fc.tuple(fc.constant(shape), shapeWithin(shape)))
  .chain(([shape, within]) =>
    fc.record({
      x: arrayOf(within),
      shape: fc.constant(shape),
      axes: fc.shuffledSubarray([...shape.keys()], { minLength: shape.length }),
      again: fc.shuffledSubarray([...shape.keys()], { minLength: shape.length }),
    }),
  );

void t.test('any chain of permuting and expanding is what it says, values and gradients', async () => {
  await fc.assert(
    fc.asyncProperty(chains, async ({ x, shape, axes, again }) => {
      const leaf = place(x, backend, true);
      const y = leaf
        .expand(shape)
        .permute(...axes)
        .permute(...again);
      const expected = naive.permute(naive.permute(naive.expand(x, shape), axes), again);
      assert.deepEqual(y.shape, expected.shape);
      assert.equal(y.buffer, leaf.buffer, 'no copy was made');
      assert.deepEqual([...(await y.read())], expected.data);
      assert.deepEqual(
        [...(await y.add(1).read())],
        expected.data.map((value) => value + 1),
      );
      const seed = naive.build(expected.shape, (index) => index.reduce((sum, i, axis) => sum + (axis + 1) * i, 1));
      const [gradient] = vjp(y, place(seed, backend), [leaf]);
      const inverse = (order: number[]) => order.map((_, axis) => order.indexOf(axis));
      const back = naive.sumTo(naive.permute(naive.permute(seed, inverse(again)), inverse(axes)), x.shape);
      assert.deepEqual([...(await gradient!.read())], back.data);
    }),
    { numRuns: 300 },
  );
});

void t.test('expanding twice, the second time in front and in between', async (t) => {
  const x = place({ shape: [2, 1], data: [1, 2] }, backend);
  const y = x.expand([2, 3]).permute(1, 0).reshape([3, 1, 2]).expand([2, 3, 2, 2]);
  t.same(y.shape, [2, 3, 2, 2]);
  t.same(
    [...(await y.read())],
    Array.from({ length: 24 }, (_, i) => 1 + (i % 2)),
  );
});

void t.test('permuting back, and axes of one cell, cost nothing', async (t) => {
  await fc.assert(
    fc.asyncProperty(permutations, async ({ x, axes }) => {
      const leaf = place(x, backend);
      const inverse = axes.map((_, axis) => axes.indexOf(axis));
      assert.ok(leaf.permute(...axes).permute(...inverse).isContiguous);
    }),
  );
  t.ok(zeros([1, 5]).permute(1, 0).isContiguous);
  t.ok(zeros([3, 0]).permute(1, 0).isContiguous);
  const x = zeros([2, 3]);
  t.equal(x.expand([2, 3]), x, 'expanding to the same shape is nothing');
  t.notOk(x.transpose().isContiguous);
});

void t.test('a kernel gets no view of memory in another order, unless it asks for memory', async (t) => {
  const x = zeros([2, 3]).transpose();
  t.throws(() => x.view(), /a tensor \[3, 2\] with strides \[1, 3\] lies in memory in another order. Take it by flat/);
  t.throws(() => zeros([3]).expand([2, 3]).view([6]), /a tensor \[2, 3\] with strides \[0, 1\] lies in memory/);
  t.same(x.memory([2, 3]).dims, [2, 3]);
  t.same([flat(x).dims, asRows(x).dims], [[6], [3, 2]], 'flat and asRows put it in order');
});

void t.test('more than four groups of axes are refused, with the way out', async (t) => {
  const x = zeros([2, 2, 2, 2, 2]);
  await t.rejects(x.permute(4, 3, 2, 1, 0).read(), /more than 4 groups of axes. Permute in two steps/);
  const y = x.add(1).permute(0, 1, 4, 3, 2);
  t.same((await y.read()).length, 32, 'neighbours that stay together count once');
  const twoSteps = x.permute(4, 3, 0, 1, 2).add(0).permute(0, 1, 4, 3, 2);
  t.same([twoSteps.shape, (await twoSteps.read()).length], [[2, 2, 2, 2, 2], 32]);
});

void t.test('a matrix product reads transposed operands as they lie', async (t) => {
  await fc.assert(
    fc.asyncProperty(arrays(2, 3), async (x) => {
      const own = new ReferenceBackend('float64');
      const a = place(x, own);
      const before = own.memory().liveStorages;
      const y = a.transpose().matmul(a);
      assert.equal(own.memory().liveStorages, before + 1, 'the product is all that was made');
      const axes = [...x.shape.keys()];
      const swapped = naive.permute(x, [...axes.slice(0, -2), axes.length - 1, axes.length - 2]);
      const { data } = naive.matmul(swapped, x);
      (await y.read()).forEach((value, i) => assert.ok(Math.abs(value - data[i]) < 1e-9));
    }),
  );
  t.same(
    (
      await ones([2, 3])
        .permute(1, 0)
        .matmul(ones([2, 3]).expand([4, 2, 3]))
        .read()
    ).length,
    36,
  );
});
