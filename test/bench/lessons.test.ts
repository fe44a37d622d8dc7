// The lessons compute what they say: each step of a matrix product, each layer norm; what is wrong is not timed.
import t from 'tap';
import { gemmSteps, product, wrongIn, type Step } from '../../bench/lessons/gemm-steps.js';
import { measureWays, wayCells, ways } from '../../bench/lessons/layer-norm.js';
import { checkStep, measureSteps, stepCells, stepNumbers } from '../../bench/lessons/steps.js';
import { hasRelaxedSimd } from '../../kernels/wasm/relaxed.js';

void t.test('each step is right on shapes that do not fit it', async (t) => {
  const relaxed = await hasRelaxedSimd();
  for (const step of gemmSteps) {
    if (['multiply and add as one', 'a larger tile'].includes(step.name) && !relaxed)
      t.pass(step.name, { skip: 'no relaxed SIMD here' });
    else await t.resolves(checkStep(step), step.name);
  }
});

void t.test('one that is wrong is refused before it is timed', async (t) => {
  const spoilt = (spoil: (c: Float32Array) => void): Step => ({
    name: 'spoilt',
    threads: 1,
    load: async (given) => {
      const loaded = await gemmSteps[0].load(given);
      return { ...loaded, run: () => (loaded.run(), spoil(loaded.result())) };
    },
  });
  await t.rejects(
    checkStep(spoilt((c) => (c[c.length - 1] += 0.1))),
    /spoilt: of 1 x 1 x 1, row 0, column 0 is .*, expected .*; nothing is timed/,
  );
  await t.rejects(checkStep(spoilt((c) => (c[0] = NaN))), /is NaN, expected/);
  const sums = new Map<ArrayBufferLike, number>();
  const adds = spoilt((c) => {
    sums.set(c.buffer, (sums.get(c.buffer) ?? 0) + 1);
    if (sums.get(c.buffer) === 2) c[0] *= 2;
  });
  await t.rejects(checkStep(adds), /expected/, 'one that adds to what was there');
  t.equal(wrongIn(Float32Array.of(2), { m: 1, n: 1, k: 1, a: Float32Array.of(1), b: Float32Array.of(2) }), undefined);
  t.equal(product(2, 3, 4).b.length, 12);
});

void t.test('rows of the table', async (t) => {
  const numbers = stepNumbers('all').filter((number) => number !== 8 && number !== 9);
  const rows = await measureSteps(numbers, 40, 2);
  t.same(
    rows.map(({ step, name }) => [step, name]),
    numbers.map((number) => [number, gemmSteps[number - 1].name]),
  );
  t.ok(rows.every(({ gflops, peakShare }) => gflops > 0 && peakShare > 0));
  t.equal(stepCells(rows)[0].at(-1), '', 'the first is compared with nothing');
  t.match(stepCells(rows)[1].at(-1), /^\d+\.\d$/);
  t.same(stepNumbers('1'), [1]);
  t.same(stepNumbers('5'), [4, 5]);
  for (const wrong of ['0', '12', '1.5', 'x'])
    t.throws(() => stepNumbers(wrong), /--step .*: give a step from 1 to 11, or all/);
});

void t.test('layer norms', async (t) => {
  const rows = await measureWays(37, 20, 2);
  t.same(
    rows.map(({ way }) => way),
    ways.map(({ name }) => name),
  );
  for (const row of rows)
    if (row.way.endsWith('WGSL')) t.ok(row.why ?? row.adapter, 'it says what it ran on, or why not');
    else t.ok(row.medianMs! > 0 && row.copyShare! > 0, row.way);
  t.match(wayCells([{ way: 'none', why: 'no adapter' }])[0], ['none', 'not here', '', '']);
});
