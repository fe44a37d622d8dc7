// The objectives' table, each row proven by what the table says of it: a new objective is tested by being in the list.
import { strict as assert } from 'node:assert';
import t from 'tap';
import { backward, noGrad, Random, scope, setBackend, takeGradient, vjp } from '../../core/index.js';
import { ReferenceBackend } from '../../kernels/index.js';
import { assign, parameters } from '../../nn/index.js';
import {
  Batches,
  defineObjective,
  objectiveNamed,
  objectiveNames,
  PretrainModel,
  type Arrays,
  type Batch,
  type Objective,
  type Option,
} from '../../retromae/index.js';
import { testBackends } from '../support/backends.js';
import { config, tokenizer } from './tiny.js';

type Options = Readonly<Record<string, Option<unknown>>>;

const float64 = new ReferenceBackend('float64');
setBackend(float64);

/** Every way to call every objective. */
const cases = objectiveNames.flatMap((name) => {
  const objective = objectiveNamed(name);
  return objective.samples.map((options) => ({ label: `${name} ${JSON.stringify(options)}`, objective, options }));
});

const examples = [6, 11, 3, 1, 14].map((length, i) =>
  Array.from({ length }, (_, j) => 5 + ((11 * i + 7 * j * j) % 30)),
);

const batchesOf = (objective: Objective, options: object, seed = 3) =>
  new Batches(examples, objective.collator(objective.complete(options), { tokenizer, maxLength: 16 }), 3, seed);

/** The losses of the first batch, with the gradients of `loss`; all that is compared between backends. */
async function outcomeOf(objective: Objective, options: object, dropout?: Random) {
  const model = new PretrainModel(objective, config, new Random(1), options);
  const batch = batchesOf(objective, options).at(0);
  const reads = scope(() => {
    const { h, ...losses } = model.losses(batch, dropout);
    backward(losses.loss);
    return {
      losses: Object.entries(losses).map(([name, x]) => [name, x.item()] as const),
      gradients: [...parameters(model)].map(([name, x]) => [name, takeGradient(x, (g) => g.read())] as const),
    };
  });
  const numbers: Record<string, number> = {};
  for (const [name, value] of reads.losses) numbers[name] = await value;
  const gradients: Record<string, number[]> = {};
  for (const [name, value] of reads.gradients) if (value) gradients[name] = Array.from(await value);
  return { numbers, gradients };
}

/** Largest difference, relative to the largest number of the second where that is above 1e-3. */
function distance(ours: ArrayLike<number>, theirs: ArrayLike<number>): number {
  assert.equal(ours.length, theirs.length);
  const size = Array.from(theirs).reduce((top, x) => Math.max(top, Math.abs(x)), 1e-3);
  return Array.from(theirs).reduce((worst, x, i) => Math.max(worst, Math.abs(x - ours[i])), 0) / size;
}

void t.test('a row says what it is', async (t) => {
  for (const name of objectiveNames) {
    const objective = objectiveNamed(name);
    t.equal(objective.name, name, 'the name in the list is that of the row');
    t.ok(objective.title.length > 2 && objective.samples.length > 0);
    for (const [option, { help, preset, rule }] of Object.entries<Option<unknown>>(objective.options as Options)) {
      t.ok(help.length > 5, `${option} is explained`);
      t.ok(rule.holds(preset), `the default of ${option} is allowed`);
    }
  }
});

void t.test('losses returns the loss, the vectors and the scalars of the row, all finite', async (t) => {
  for (const { label, objective, options } of cases) {
    const { numbers, gradients } = await outcomeOf(objective, options);
    t.same(Object.keys(numbers).sort(), ['loss', ...Object.keys(objective.scalars)].sort(), label);
    for (const [name, { unit }] of Object.entries(objective.scalars))
      t.ok(unit === 'share' ? numbers[name] >= 0 && numbers[name] <= 1 : Number.isFinite(numbers[name]), name);
    t.ok(Object.keys(gradients).length > 20 && Object.values(gradients).flat().every(Number.isFinite));
  }
});

void t.test('gradients are the differences of losses, in float64, along a direction in all parameters', async (t) => {
  for (const { label, objective, options } of cases)
    for (const dropout of [undefined, () => new Random(5)]) {
      const model = new PretrainModel(objective, config, new Random(1), options);
      const batch = batchesOf(objective, options).at(0);
      const weights = [...parameters(model).values()];
      const random = new Random(2);
      const starts = await Promise.all(weights.map((x) => x.read()));
      const direction = starts.map((start) => Float64Array.from(start, () => random.normal()));
      const read = scope(() => {
        const { loss } = model.losses(batch, dropout?.());
        return vjp(loss, loss.detach().mul(0).add(1), weights).map((gradient) => gradient?.read());
      });
      let analytic = 0;
      for (const [i, reading] of read.entries())
        (await reading)?.forEach((slope, j) => (analytic += slope * direction[i][j]));
      const lossAt = async (way: number) => {
        weights.forEach((x, i) =>
          assign(
            x,
            starts[i].map((value, j) => value + way * direction[i][j]),
          ),
        );
        return noGrad(() => scope(() => model.losses(batch, dropout?.()).loss)).item();
      };
      const step = 1e-5;
      const numeric = ((await lossAt(step)) - (await lossAt(-step))) / (2 * step);
      t.ok(Math.abs(analytic) > 1e-3, 'it says something');
      t.ok(Math.abs(analytic - numeric) < 1e-6 * Math.abs(analytic), `${label}: ${analytic} and ${numeric}`);
    }
});

void t.test('the loss and its gradients are those of the naive composition', async (t) => {
  for (const { label, objective, options } of cases) {
    t.ok(objective.composition, `${objective.name} has one`);
    const { numbers, gradients } = await outcomeOf(objective, options);
    const naive = await outcomeOf({ ...objective, losses: naively(objective) }, options);
    t.ok(distance([numbers.loss], [naive.numbers.loss]) < 1e-12, `${label}: ${numbers.loss}`);
    for (const name of new Set([...Object.keys(gradients), ...Object.keys(naive.gradients)])) {
      const [ours, theirs] = [gradients[name], naive.gradients[name]];
      const off = distance(ours ?? theirs.map(() => 0), theirs ?? ours.map(() => 0));
      if (!(off < 1e-9)) t.fail(`${label}: gradient of ${name} is off by ${off}`);
    }
  }
});

/** An objective's losses by its composition. */
const naively =
  ({ composition }: Objective): Objective['losses'] =>
  (encoder, head, batch, options) => ({ loss: composition!(encoder, head, batch, options) });

void t.test('an objective that is off by one per cent fails the same checks', async (t) => {
  for (const name of objectiveNames) {
    const objective = objectiveNamed(name);
    const spoilt = { ...objective, losses: scaledLoss(objective) };
    const [{ numbers }, wrong] = [await outcomeOf(objective, {}), await outcomeOf(spoilt, {})];
    t.ok(distance([wrong.numbers.loss], [numbers.loss]) > 1e-6);
  }
});

const scaledLoss =
  ({ losses }: Objective): Objective['losses'] =>
  (...all) => {
    const { loss, ...rest } = losses(...all);
    return { ...rest, loss: loss.mul(1.01) };
  };

for (const { name, open } of testBackends())
  void t.test(`${name}: the numbers of float64, dropout included`, async (t) => {
    const backend = await open();
    if (typeof backend === 'string') return void t.plan(0, backend);
    const [loss, slope] = backend.dtype === 'float64' ? [1e-12, 1e-9] : [1e-5, 1e-4];
    for (const { label, objective, options } of cases) {
      setBackend(float64);
      const expected = await outcomeOf(objective, options, new Random(4));
      setBackend(backend);
      const actual = await outcomeOf(objective, options, new Random(4)).finally(() => setBackend(float64));
      t.ok(distance(Object.values(actual.numbers), Object.values(expected.numbers)) < loss, label);
      t.same(Object.keys(actual.gradients), Object.keys(expected.gradients));
      for (const [parameter, theirs] of Object.entries(expected.gradients)) {
        const off = distance(actual.gradients[parameter], theirs);
        if (!(off < slope)) t.fail(`${label}: gradient of ${parameter} is off by ${off}`);
      }
    }
    await backend.close();
  });

void t.test('a batch is a function of seed and index, and of flat arrays', async (t) => {
  for (const { label, objective, options } of cases) {
    const [batches, again, other] = [3, 3, 4].map((seed) => batchesOf(objective, options, seed));
    const [late] = [batches.at(7), batches.at(0)];
    t.strictSame(late, again.at(7), `${label}: whatever was asked for before`);
    t.notSame(late, other.at(7), 'another seed, another batch');
    for (const [name, values] of Object.entries<Arrays[string]>(late as Batch & Arrays)) {
      t.ok(ArrayBuffer.isView(values), `${name} is flat`);
      t.equal(values.buffer.byteLength, values.byteLength, `${name} has its memory to itself, so that it can be moved`);
    }
    t.equal(late.offsets.at(-1), late.ids.length);
  }
});

void t.test('options: completed, checked, named by the objective', async (t) => {
  const two = defineObjective({
    ...objectiveNamed('mlm'),
    name: 'two',
    contradiction: ({ encoderMask }: { encoderMask: number }) =>
      encoderMask > 0.9 ? { option: 'encoderMask', wanted: 'less, as little is left' } : undefined,
  } as Objective<{ encoderMask: number }>);
  t.same(two.complete({}), { encoderMask: 0.3 });
  t.throws(() => two.complete({ encoderMask: 2 }), /two: encoderMask is 2; it must be between 0 and 1, both excluded/);
  t.throws(() => two.complete({ encoderMask: 0.95 }), /two: encoderMask is 0\.95; it must be less, as little is left/);
  t.throws(() => two.complete({ encoderMask: 0.95 }, (name) => `--${name}`), /--encoderMask is 0\.95/);
});
