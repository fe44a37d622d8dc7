// Checkpoints: a run that goes on from one has the same bits; a damaged one is passed over; nothing good is lost.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { takeGradient, zeros, type Tensor } from '../../core/index.js';
import { kernels } from '../../kernels/index.js';
import { parameters, readSafetensors, type Optimizer, type OptimizerState } from '../../nn/index.js';
import { Checkpoints } from '../../train/checkpoint.js';
import { keptBert } from '../../train/kept.js';
import { initialise, loadModel } from '../../hub/folder.js';
import { safetensorsOf, streamSafetensors } from '../../hub/model-files.js';
import { objectiveNamed, objectiveNames, type RetroMae, type RetroMaeOptions } from '../../retromae/index.js';
import { bitsOf, everyBit, newModel, newOptimizer, smallDisk, tokenizer, trainStep } from '../retromae/tiny.js';

/** Every way to call every objective. */
const variants = objectiveNames.flatMap((objective) =>
  objectiveNamed(objective).samples.map((options): RetroMaeOptions => ({ objective, ...options })),
);

for (const options of variants) {
  void t.test(`${JSON.stringify(options)}: broken off and resumed, the same bits as unbroken`, async (t) => {
    const unbroken = newModel(1, options);
    const optimizer = newOptimizer(unbroken);
    for (let step = 0; step < 6; step++) await trainStep(unbroken, optimizer, step);

    const first = newModel(1, options);
    const firstOptimizer = newOptimizer(first);
    for (let step = 0; step < 3; step++) await trainStep(first, firstOptimizer, step);
    const checkpoints = new Checkpoints(t.testdir());
    await checkpoints.save({ step: 3, kept: kept(first), optimizer: firstOptimizer });

    const second = newModel(2, options);
    const secondOptimizer = newOptimizer(second);
    const found = await checkpoints.latest();
    t.equal(found?.step, 3);
    t.same(await checkpoints.load(found!.path, kept(second), secondOptimizer), { step: 3 });
    t.same(await everyBit(second, secondOptimizer), await everyBit(first, firstOptimizer), 'what was saved');
    for (let step = 3; step < 6; step++) await trainStep(second, secondOptimizer, step);
    t.same(await everyBit(second, secondOptimizer), await everyBit(unbroken, optimizer), 'what came of it');
  });
}

const kept = (model: RetroMae) => keptBert(model, tokenizer, { maxLength: 16 });

/** Heavy-ball momentum: an optimizer of somebody else, with one tensor a parameter. */
class Momentum implements Optimizer {
  readonly lr = 1e-2;
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly state: OptimizerState;
  constructor(model: RetroMae) {
    this.parameters = parameters(model);
    const speeds = [...this.parameters].map(([name, { shape }]) => [`speed.${name}`, zeros(shape)] as const);
    this.state = { step: 0, tensors: new Map(speeds) };
  }
  update(): Tensor {
    // The rate falls, so that the step matters as well.
    const rate = this.lr / ++this.state.step;
    const put = (y: Tensor, x: Tensor) =>
      y.backend.launch(kernels.copy, { x: x.view([x.size]) }, { y: y.view([y.size]) });
    for (const [name, parameter] of this.parameters)
      takeGradient(parameter, (gradient) => {
        const speed = this.state.tensors.get(`speed.${name}`)!;
        put(speed, speed.mul(0.9).add(gradient));
        put(parameter, parameter.detach().sub(speed.mul(rate)));
      });
    return zeros([]);
  }
}

void t.test('any optimizer goes on, by its state alone', async (t) => {
  const [unbroken, first, second] = [newModel(1), newModel(1), newModel(2)];
  const [whole, before, after] = [unbroken, first, second].map((model) => new Momentum(model));
  for (let step = 0; step < 4; step++) await trainStep(unbroken, whole, step);
  for (let step = 0; step < 2; step++) await trainStep(first, before, step);
  const checkpoints = new Checkpoints(t.testdir());
  const path = await checkpoints.save({ step: 2, kept: kept(first), optimizer: before });
  await checkpoints.load(path, kept(second), after);
  for (let step = 2; step < 4; step++) await trainStep(second, after, step);
  t.same(await everyBit(second, after), await everyBit(unbroken, whole));
  await t.rejects(checkpoints.load(path, kept(second), newOptimizer(second)), /m\.\S+ is missing, the run wants \[/);
});

void t.test(
  'a file of tensors is read from the backend as it is written, and is the one that holds them all',
  async (t) => {
    const weights = parameters(newModel(1));
    const wanted = Buffer.concat(await safetensorsOf(weights));
    const { backend } = [...weights.values()][0];
    const { read } = backend;
    t.teardown(() => (backend.read = read));
    let reads = 0;
    backend.read = (...args) => (reads++, read.apply(backend, args));
    const chunks: Uint8Array[] = [];
    for await (const chunk of streamSafetensors(weights)) t.equal(reads, chunks.push(chunk) - 1);
    t.equal(reads, weights.size);
    t.ok(wanted.equals(Buffer.concat(chunks)));
  },
);

/** A run's folder, and how to save a checkpoint there. */
function newRun(out: string, { keep = 2 }: { keep?: number } = {}) {
  const model = newModel(1);
  const optimizer = newOptimizer(model);
  const warnings: string[] = [];
  const checkpoints = new Checkpoints(out, { keep, onWarning: (line) => warnings.push(line) });
  const save = (step: number) => checkpoints.save({ step, kept: kept(model), optimizer });
  const list = () => readdirSync(join(out, 'checkpoints')).sort();
  return { model, optimizer, checkpoints, save, list, warnings };
}

void t.test('a checkpoint is a model folder with the training state', async (t) => {
  const { model, save } = newRun(t.testdir());
  const path = await save(500);
  t.match(path, /checkpoints.step-00000500$/);
  t.same(readdirSync(join(path, 'training_state')).sort(), [
    'decoder.safetensors',
    'optimizer.safetensors',
    'state.json',
  ]);
  const state = JSON.parse(readFileSync(join(path, 'training_state', 'state.json'), 'utf8')) as Record<string, unknown>;
  t.same(state.run, {}, 'as 0.1 wants it');
  const file = join(path, 'training_state', 'optimizer.safetensors');
  const both = [...parameters(model).keys()].flatMap((name) => [`m.${name}`, `v.${name}`]);
  t.same([...readSafetensors(readFileSync(file), file).keys()], both, 'and under the names that it knows');
  const loaded = await loadModel(path);
  t.same(await bitsOf(parameters(loaded.model.bert)), await bitsOf(parameters(model.bert)));
  const begun = newModel(2);
  t.same(await initialise(begun, path), []);
  t.same(await bitsOf(parameters(begun)), await bitsOf(parameters(model)), 'decoder included');
});

void t.test('the newest are kept', async (t) => {
  const out = t.testdir();
  const { checkpoints, save, list } = newRun(out);
  t.equal(await checkpoints.latest(), undefined);
  for (const step of [1, 2, 10]) await save(step);
  t.same(list(), ['step-00000002', 'step-00000010']);
  mkdirSync(join(out, 'checkpoints', '.step-00000011.01234567-89ab-cdef-0123-456789abcdef.partial'));
  t.equal((await checkpoints.latest())?.step, 10);
  await save(123456789);
  t.same(list(), ['step-00000010', 'step-123456789'], 'what a killed writer left is gone too');
  await save(123456789);
  t.same(list(), ['step-00000010', 'step-123456789'], 'the same step again');
  t.equal((await checkpoints.latest())?.step, 123456789);
  t.throws(() => new Checkpoints(out, { keep: 0 }), /keep is 0/);
});

void t.test('damaged checkpoints are passed over, by name', async (t) => {
  const out = t.testdir();
  const { checkpoints, save, warnings, model, optimizer } = newRun(out);
  const before = await save(1);
  const path = await save(2);
  const whole = `${out}-whole`;
  renameSync(path, whole);
  t.teardown(() => rmSync(whole, { recursive: true }));
  const state = join('training_state', 'state.json');
  const edit = (file: string, change: (text: string) => string) =>
    writeFileSync(file, change(readFileSync(file, 'utf8')));
  const flip = (file: string) => {
    const bytes = readFileSync(file);
    bytes[bytes.length - 3] ^= 1;
    writeFileSync(file, bytes);
  };
  const damages: [string, (file: string) => void, RegExp][] = [
    ['model.safetensors', (file) => truncateSync(file, 1000), /is 1000 bytes long, written were \d+/],
    ['model.safetensors', flip, /its checksum differs/],
    ['training_state/optimizer.safetensors', (file) => rmSync(file), /is not there/],
    ['training_state/decoder.safetensors', flip, /its checksum differs/],
    ['tokenizer.json', (file) => truncateSync(file, 0), /is 0 bytes long/],
    [state, (file) => truncateSync(file, 100), /is not JSON/],
    [state, (file) => rmSync(file), /is not there/],
    [state, (file) => edit(file, (text) => text.replace('"version": 1', '"version": 2')), /version 2, expected 1/],
    [state, (file) => edit(file, (text) => text.replace('"step": 2', '"step": "2"')), /is not the state of a run/],
    [state, (file) => edit(file, (text) => text.replace('"model.safetensors"', '"m"')), /is not the state of a run/],
  ];
  for (const [file, harm, message] of damages) {
    cpSync(whole, path, { recursive: true });
    harm(join(path, file));
    warnings.length = 0;
    t.equal((await checkpoints.latest())?.path, before, `${file} ${message}`);
    t.match(warnings, [message]);
    t.ok(warnings[0].startsWith(join(path, file)) && !warnings[0].includes('\n'));
    await t.rejects(checkpoints.load(path, kept(model), optimizer), message);
    rmSync(path, { recursive: true });
  }
  mkdirSync(path);
  t.equal(await save(2), path, 'and are replaced when the run gets there again');
  t.equal((await checkpoints.latest())?.step, 2);
});

void t.test('a checkpoint of another model is refused, and nothing is changed', async (t) => {
  const { checkpoints, save } = newRun(t.testdir());
  const path = await save(1);
  const refused = async (model: RetroMae, message: RegExp) => {
    const optimizer = newOptimizer(model);
    const before = await everyBit(model, optimizer);
    await t.rejects(checkpoints.load(path, kept(model), optimizer), message);
    t.same(await everyBit(model, optimizer), before);
  };
  await refused(
    newModel(2, { objective: 'mlm' }),
    /optimizer\.safetensors: m\.c_head\S+ is \[.*\], the run wants none/,
  );
  await refused(newModel(2, { decoder: 'basic', decoderLayers: 2 }), /c_head_more\.0\S+ is missing, the run wants \[/);
});

void t.test('a kill while a checkpoint was replaced', async (t) => {
  const { checkpoints, save } = newRun(t.testdir());
  const path = await save(3);
  renameSync(path, path.replace('step-', '.step-') + '.previous');
  t.equal((await checkpoints.latest())?.path, path);
  t.ok(existsSync(path));
});

const disk = smallDisk(96);
void t.test(
  'a full disk: the former checkpoints stay',
  { skip: !disk && 'no file system may be mounted here' },
  async (t) => {
    const { path, remove } = disk!;
    t.teardown(remove);
    const { checkpoints, save, list } = newRun(path, { keep: 1 });
    await save(1);
    await t.rejects(
      save(2),
      /step-00000002: cannot be written, the disk is full \(ENOSPC\).*What was there is unchanged/,
    );
    t.same(list(), ['step-00000001']);
    t.equal((await checkpoints.latest())?.step, 1);
  },
);

void t.test('a folder that cannot be made', async (t) => {
  const { save } = newRun(t.testdir({ checkpoints: 'a file' }));
  await t.rejects(save(1), /checkpoints.step-00000001: cannot be written/);
});
