// Gradient caching: chunks of any size have the losses and gradients of the whole batch, dropout included.
import t from 'tap';
import { backward, Random, scope, setBackend, takeGradient, type Tensor } from '../../core/index.js';
import { ReferenceBackend } from '../../kernels/index.js';
import { parameters, step as takeStep, type MicroBatch, type Optimizer } from '../../nn/index.js';
import { partsOf } from '../../retromae/batch.js';
import { objectiveNamed, objectiveNames, PretrainModel, type Batch, type ObjectiveName } from '../../retromae/index.js';
import { batchesOf, differences, outcomeOf, type Outcome } from './proof.js';
import { config, tokenizer } from './tiny.js';

setBackend(new ReferenceBackend('float64'));

const joined: ObjectiveName[] = [
  'mlm+ict',
  'retromae+crop',
  'dupmae+simcse',
  'condenser+crop',
  'cotmae+crop',
  'seed+crop',
  'tsdae+simcse',
  'autoregressive+ict',
];
const lively = { ...config, initializer_range: 0.3 };
const newModel = (name: ObjectiveName, options: object = {}) =>
  new PretrainModel(objectiveNamed(name), lively, new Random(1), options);

/** What a step makes of a micro-batch: the numbers, and the gradients where the update would be. */
async function stepOf(model: PretrainModel, batch: MicroBatch): Promise<Outcome> {
  const reads: [string, ReturnType<Tensor['read']>][] = [];
  const optimizer: Optimizer = {
    lr: 0,
    parameters: parameters(model),
    state: { step: 0, tensors: new Map() },
    update() {
      for (const [name, x] of this.parameters) {
        const read = takeGradient(x, (gradient) => gradient.read());
        if (read) reads.push([name, read]);
      }
      return [...this.parameters.values()][0].detach().sum().mul(0);
    },
  };
  const { gradientNorm: _, ...numbers } = await takeStep(optimizer, [batch]);
  const gradients: Record<string, number[]> = {};
  for (const [name, read] of reads) gradients[name] = Array.from(await read);
  return { numbers, gradients, h: undefined };
}

const contrastive = objectiveNames.filter((name) => objectiveNamed(name).halves);

const cases: [name: ObjectiveName, options: object][] = [
  ...[...contrastive, ...joined].map((name): [ObjectiveName, object] => [name, {}]),
  ['ict', { represent: 'dupmae', temperature: 3 }],
  ['dupmae+ict', { represent: 'dupmae', temperature: 3 }],
];

for (const [name, options] of cases)
  void t.test(`${name} ${JSON.stringify(options)}: chunks of 1, 2, 3 and more texts`, async (t) => {
    const whole = await outcomeOf(objectiveNamed(name), options);
    const batch = batchesOf(objectiveNamed(name), options).at(0);
    for (const size of [1, 2, 3, 4, 100]) {
      const model = newModel(name, options);
      const cached = await stepOf(model, model.inChunks(batch, size));
      t.same(differences(cached, whole, { loss: 1e-12, gradient: 1e-11 }), [], `${size}`);
    }
  });

void t.test('a chunk is encoded twice with the same dropout', async (t) => {
  const name = 'retromae+crop';
  const model = newModel(name);
  const batch: Batch = batchesOf(objectiveNamed(name), {}).at(0);
  const cached = await stepOf(model, model.inChunks(batch, 2, new Random(6)));
  const { halves, head, complete } = objectiveNamed(name);
  const options = complete({});
  const modules = head(config, new Random(1), options);
  for (const key of Object.keys(modules)) Object.assign(modules, { [key]: model[key as keyof typeof model] });
  const direct = await stepOf(model, () => {
    const texts = partsOf(batch, 2).map((chunk, i) =>
      halves!.texts(model, modules, chunk, options, new Random(6).fork(i)),
    );
    const between = halves!.between(
      texts.map(({ h }) => h).reduce((a, b) => a.concat(b)),
      batch,
      modules,
      options,
    );
    return { ...between, loss: texts.reduce((sum, { losses }) => sum.add(losses!.loss), between.loss) };
  });
  const { loss, contrast } = direct.numbers;
  t.same(differences(cached, { ...direct, numbers: { loss, contrast } }, { loss: 1e-12, gradient: 1e-11 }), []);
  const other = await stepOf(model, model.inChunks(batch, 2, new Random(7)));
  t.not(other.numbers.loss, cached.numbers.loss, 'and with another, another loss');
});

void t.test('two micro-batches in chunks are their mean', async (t) => {
  const model = newModel('crop');
  const batches = batchesOf(objectiveNamed('crop'), {});
  const optimizer = (work: MicroBatch[]) =>
    scope(() => {
      for (const batch of work)
        if (typeof batch === 'function') backward(batch().loss, 0.5);
        else
          for (const part of batch.parts(0.5)) {
            const { root } = part();
            if (root) backward(root);
          }
      return [...parameters(model).values()].map((x) => takeGradient(x, (gradient) => gradient.read()));
    });
  const read = async (found: ReturnType<typeof optimizer>) =>
    (await Promise.all(found)).map((values) => Array.from(values ?? []));
  const chunked = await read(optimizer([0, 1].map((i) => model.inChunks(batches.at(i), 1))));
  const whole = await read(optimizer([0, 1].map((i) => () => model.losses(batches.at(i)))));
  const off = chunked.flatMap((values, i) => values.map((value, j) => Math.abs(value - whole[i][j])));
  t.ok(Math.max(...off) < 1e-12, String(Math.max(...off)));
});

void t.test('what is not contrastive has no chunks', async (t) => {
  const model = newModel('mlm');
  const batch = objectiveNamed('mlm')
    .collator(model.options, { tokenizer, maxLength: 16 })
    .collate([[5, 6, 7]], (i) => new Random(1, i));
  t.throws(() => model.inChunks(batch, 2), /mlm: only objectives that compare texts/);
});
