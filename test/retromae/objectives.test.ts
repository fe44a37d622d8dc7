// The objectives' table, each row proven by what it says of itself: a new objective is tested by being in the list.
import t from 'tap';
import { Ids, Random, setBackend } from '../../core/index.js';
import { ReferenceBackend } from '../../kernels/index.js';
import { Linear } from '../../nn/index.js';
import {
  Collator,
  defineObjective,
  encodeMasked,
  objectiveNamed,
  objectiveNames,
  option,
} from '../../retromae/index.js';
import { predict, PretrainModel, rules } from '../../retromae/index.js';
import type { Objective, Option } from '../../retromae/index.js';
import { testBackends } from '../support/backends.js';
import { differences, outcomeOf, problemsOf } from './proof.js';
import { config } from './tiny.js';

const float64 = new ReferenceBackend('float64');
setBackend(float64);

/** Every way to call every objective. */
const cases = objectiveNames.flatMap((name) => {
  const objective = objectiveNamed(name);
  return objective.samples.map((options) => ({ label: `${name} ${JSON.stringify(options)}`, objective, options }));
});

/** Some that are joined: of one kind each. */
const joined = (
  [
    ['retromae+crop', { contrastWeight: 0.5, temperature: 0.3 }],
    ['cotmae+ict', {}],
    ['tsdae+simcse', { temperature: 0.3 }],
    ['dupmae+ict', { represent: 'dupmae', temperature: 3, symmetric: true }],
  ] as const
).map(([name, options]) => ({
  label: `${name} ${JSON.stringify(options)}`,
  objective: objectiveNamed(name),
  options,
}));

void t.test('a row says what it is', async (t) => {
  for (const name of objectiveNames) {
    const objective = objectiveNamed(name);
    t.equal(objective.name, name, 'the name in the list is that of the row');
    t.ok(objective.title.length > 2 && objective.samples.length > 0 && objective.composition);
    for (const [option, { help, preset, rule }] of Object.entries<Option<unknown>>({ ...objective.options })) {
      t.ok(help.length > 5, `${option} is explained`);
      t.ok(rule.holds(preset), `the default of ${option} is allowed`);
    }
  }
});

void t.test('every row holds: scalars, gradients, composition, batches', async (t) => {
  for (const { label, objective, options } of [...cases, ...joined])
    t.same(await problemsOf(objective, options), [], label);
});

void t.test('a row that is off by one per cent, in value or in a gradient, fails the same proof', async (t) => {
  const mutations: [RegExp, (all: ReturnType<Objective['losses']>) => ReturnType<Objective['losses']>][] = [
    [/not its composition: loss is off/, (all) => ({ ...all, loss: all.loss.mul(1.01) })],
    [/difference of losses/, (all) => ({ ...all, loss: all.loss.mul(1.01).add(all.loss.detach().mul(-0.01)) })],
    [/losses gives .*extra/, (all) => ({ ...all, extra: all.loss })],
  ];
  for (const name of objectiveNames)
    for (const [complaint, mutate] of mutations) {
      const objective = objectiveNamed(name);
      const losses: Objective['losses'] = (...all) => mutate(objective.losses(...all));
      const found = await problemsOf({ ...objective, losses }, {});
      t.ok(
        found.some((problem) => complaint.test(problem)),
        `${name}: ${complaint.source}`,
      );
    }
});

for (const { name, open } of testBackends())
  void t.test(`${name}: the numbers of float64, dropout included`, async (t) => {
    const backend = await open();
    if (typeof backend === 'string') return void t.plan(0, backend);
    const limits = backend.dtype === 'float64' ? { loss: 1e-12, gradient: 1e-9 } : { loss: 1e-5, gradient: 1e-4 };
    for (const { label, objective, options } of [...cases, ...joined]) {
      setBackend(float64);
      const expected = await outcomeOf(objective, options, new Random(4));
      setBackend(backend);
      const actual = await outcomeOf(objective, options, new Random(4)).finally(() => setBackend(float64));
      t.same(differences(actual, expected, limits), [], label);
    }
    await backend.close();
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

void t.test('options are typed by their table', async (t) => {
  const shape = defineObjective({
    name: 'shape',
    title: 'Shape',
    options: {
      weight: option(0.5, rules.notNegative, 'a weight'),
      kind: option('a', rules.oneOf(['a', 'b']), 'a kind'),
    },
    scalars: {},
    collator: (_, texts) => new Collator(texts),
    head: () => ({}),
    losses: (encoder, _head, batch, { weight, kind }) => {
      const { loss } = predict(encoder, encodeMasked(encoder, batch).h, new Ids([1, 1, 1]));
      return { loss: loss.mul(kind === 'b' ? weight : 1) };
    },
    samples: [{}, { kind: 'b' }],
  });
  const model = new PretrainModel(shape, config, new Random(1), { kind: 'b' });
  const { weight, kind }: { weight: number; kind: 'a' | 'b' } = model.options;
  t.same([weight, kind], [0.5, 'b']);
  const unknown = JSON.parse('{ "wieght": 1 }') as object;
  t.throws(
    () => new PretrainModel(shape, config, new Random(1), unknown),
    /shape: there is no option wieght; it has weight, kind/,
  );
  const none = JSON.parse('"nope"') as 'mlm';
  t.throws(() => objectiveNamed(none), /there is no objective "nope"\. They are /);
});

void t.test('names that are taken', async (t) => {
  const mlm = objectiveNamed('mlm');
  const scalar = { unit: 'number', label: 'rate', tag: 'rate' } as const;
  t.throws(
    () => defineObjective({ ...mlm, name: 'two', scalars: { lr: scalar } }),
    /two: a scalar is called lr, as every record/,
  );
  const head = () => ({ config: new Linear(2, 2, new Random(1), 1) });
  const model = () => new PretrainModel({ ...mlm, head }, config, new Random(1));
  t.throws(model, /mlm: its head has a module called config, as the model has. Rename it/);
});
