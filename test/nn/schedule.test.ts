// Learning rates: their values where they bend, what holds for all of them, and expressions by mathjs.
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import t from 'tap';
import { constant, cosineDecay, expressionSchedule, linearDecay } from '../../nn/index.js';

void t.test('linear: first step, end of warm-up, half way, last step, after the end', async (t) => {
  const rate = linearDecay(1e-3, 100, 10);
  const values = [0, 5, 10, 55, 99, 100, 1000].map(rate);
  t.same(values, [0, 0.0005, 0.001, 0.0005, (1e-3 * 1) / 90, 0, 0]);
});

void t.test('cosine: first step, end of warm-up, half way, the end', async (t) => {
  const rate = cosineDecay(2, 110, 10);
  t.same([0, 5, 10, 60, 110, 500].map(rate), [0, 1, 2, 1 + Math.cos(Math.PI / 2), 0, 0]);
});

void t.test('constant', async (t) => {
  const rate = constant(2, 4);
  t.same([0, 1, 4, 1000].map(rate), [0, 0.5, 2, 2]);
  t.equal(constant(2)(0), 2);
});

const lengths = fc
  .integer({ min: 1, max: 500 })
  .chain((total) => fc.tuple(fc.constant(total), fc.nat(total), fc.double({ min: 1e-9, max: 10, noNaN: true })));

void t.test('rates rise to the peak, then fall, and stay within 0 and the peak', async () => {
  for (const make of [linearDecay, cosineDecay, (peak: number, _: number, warmup: number) => constant(peak, warmup)])
    fc.assert(
      fc.property(lengths, ([total, warmup, peak]) => {
        const rate = make(peak, total, warmup);
        for (let step = 0; step < total; step++) {
          const value = rate(step);
          assert.ok(value >= 0 && value <= peak * (1 + 1e-12));
          if (step > 0 && step <= warmup) assert.ok(value >= rate(step - 1));
          if (step > warmup) assert.ok(value <= rate(step - 1) * (1 + 1e-12));
        }
        if (warmup > 0) assert.equal(rate(0), 0);
        if (warmup < total) assert.ok(Math.abs(rate(warmup) - peak) <= 1e-12 * peak);
      }),
    );
});

void t.test("linear is Hugging Face's get_linear_schedule_with_warmup", async () => {
  const theirs = (step: number, warmup: number, total: number) =>
    step < warmup ? step / Math.max(1, warmup) : Math.max(0, (total - step) / Math.max(1, total - warmup));
  fc.assert(
    fc.property(lengths, fc.nat(600), ([total, warmup, peak], step) => {
      const difference = linearDecay(peak, total, warmup)(step) - peak * theirs(step, warmup, total);
      assert.ok(Math.abs(difference) <= 1e-15 * peak);
    }),
  );
});

void t.test('lengths that make no sense are refused', async (t) => {
  for (const make of [linearDecay, cosineDecay]) {
    t.throws(() => make(1, 0), /schedule: 0 steps in all; at least 1 is needed/);
    t.throws(() => make(1, NaN), /schedule: NaN steps/);
    t.throws(() => make(1, 10, 11), /schedule: warm-up of 11 steps of 10; it must be 0 to 10/);
    t.throws(() => make(1, 10, -1), /schedule: warm-up of -1/);
    t.throws(() => make(1, 10, NaN), /schedule: warm-up of NaN/);
  }
});

void t.test('expressions equal the schedules that they spell', async () => {
  const warm = await expressionSchedule('1e-3 * min(step / 100, 1)', 1000);
  const linear = await expressionSchedule('2 * (steps - step) / steps', 50);
  const cosine = await expressionSchedule('0.5 * (1 + cos(pi * step / steps))', 40);
  for (let step = 0; step < 40; step++) {
    assert.ok(Math.abs(warm(step) - constant(1e-3, 100)(step)) < 1e-18);
    assert.ok(Math.abs(linear(step) - linearDecay(2, 50)(step)) < 1e-15);
    assert.ok(Math.abs(cosine(step) - cosineDecay(1, 40)(step)) < 1e-15);
  }
  assert.equal((await expressionSchedule('0.5', 10))(3), 0.5);
  assert.equal((await expressionSchedule('step < 5 ? 1 : 0.1', 10))(7), 0.1);
});

void t.test('expressions that are none, or no rate, are refused with their text', async (t) => {
  const expected: [string, RegExp][] = [
    ['1e-3 *', /learning rate "1e-3 \*": .*Write it in step and steps, such as "1e-3 \* min\(step \/ 100, 1\)"/],
    ['1e-3 * stepp', /learning rate "1e-3 \* stepp": Undefined symbol stepp. The variables are step and steps/],
    ['sin(', /learning rate "sin\(": /],
    ['nosuch(step)', /learning rate .* The variables are step and steps/],
    ['[1, 2]', /at step 0 it is \[1, 2\]; it must be a number of at least 0/],
    ['sqrt(-1)', /at step 0 it is i; it must be a number/],
    ['-1', /at step 0 it is -1/],
    ['1 / step', /at step 0 it is Infinity/],
    ['0 / 0', /at step 0 it is NaN/],
    ['', /learning rate "": at step 0 it is undefined/],
    ['"text"', /at step 0 it is text/],
  ];
  for (const [text, message] of expected) await t.rejects(expressionSchedule(text, 100), message, text);
  const late = await expressionSchedule('5 - step', 100);
  t.equal(late(5), 0);
  t.throws(() => late(6), /learning rate "5 - step": at step 6 it is -1; it must be a number of at least 0/);
});
