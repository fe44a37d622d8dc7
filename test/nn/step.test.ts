// The training step: what goes between backward and update, which numbers come out, and that any optimizer may take it.
import t from 'tap';
import { dropGradient, full, scope, setBackend, tensor, type Tensor } from '../../core/index.js';
import { kernels, ReferenceBackend, type FloatArray } from '../../kernels/index.js';
import { AdamW, clipGradients, gradientsOf, step, type Losses, type Optimizer } from '../../nn/index.js';
import { testBackends } from '../support/backends.js';

const backend = new ReferenceBackend('float64');
setBackend(backend);

const newModule = () => ({ weight: tensor([1, -2, 3], undefined, { requiresGrad: true }) });
type Module = ReturnType<typeof newModule>;

/** The loss sum of a w^2: gradient 2 a w. */
const losses = ({ weight }: Module, a = 1): Losses => ({ loss: weight.mul(weight).sum().mul(a) });

/** Gradient descent with clipping, in as many lines as a second optimizer takes. */
class Descent implements Optimizer {
  readonly parameters: Map<string, Tensor>;
  readonly lr = 0.25;
  readonly state = { step: 0, tensors: new Map() };
  constructor(module: Module) {
    this.parameters = new Map(Object.entries(module));
  }
  update(): Tensor {
    this.state.step++;
    const [first] = this.parameters.values();
    const { norm } = clipGradients(gradientsOf(this.parameters), 0, first);
    for (const parameter of this.parameters.values()) {
      const next = parameter.sub(parameter.grad!.mul(this.lr));
      backend.launch(kernels.copy, { x: next.view() }, { y: parameter.view() });
      dropGradient(parameter);
    }
    return norm;
  }
}

void t.test('another optimizer takes the same step', async (t) => {
  const module = newModule();
  const numbers = await step(new Descent(module), [() => losses(module, 0.5), () => losses(module, 1.5)]);
  t.same([...(await module.weight.read())], [0.5, -1, 1.5], 'w - lr 2 w, the mean of the micro-batches');
  t.same(Object.keys(numbers), ['loss', 'gradientNorm']);
  t.equal(numbers.loss, 14);
  t.ok(Math.abs(numbers.gradientNorm - 2 * Math.sqrt(14)) < 1e-12);
});

void t.test('without an asynchronous reduce everything is launched at once', async (t) => {
  const module = newModule();
  const seen: Promise<FloatArray>[] = [];
  const numbers = step(new Descent(module), [() => losses(module, 0.5), () => losses(module, 1.5)], {
    reduce: (parameters) => {
      for (const parameter of parameters.values()) {
        seen.push(parameter.grad!.read());
        parameter.grad = parameter.grad!.mul(0.5);
      }
    },
  });
  t.same([...(await module.weight.read())], [0.75, -1.5, 2.25], 'the optimizer takes what reduce left');
  t.same(await Promise.all(seen), [new Float64Array([2, -4, 6])], 'which it was given once, of all micro-batches');
  t.equal((await numbers).gradientNorm, Math.sqrt(14));
});

/** Hooks of machines that average their gradients: each waits until all have read theirs. */
function averaging() {
  const given: Promise<FloatArray>[] = [];
  return async (parameters: ReadonlyMap<string, Tensor>) => {
    const [weight] = parameters.values();
    given.push(weight.grad!.read());
    await null;
    const [one, two] = await Promise.all(given);
    scope(() => {
      weight.grad = tensor(one.map((x, i) => (x + two[i]) / 2));
    });
  };
}

for (const { name, open } of testBackends())
  void t.test(`${name}: two machines that average step as one with both micro-batches`, async (t) => {
    const backend = await open();
    if (typeof backend === 'string') return void t.plan(0, backend);
    const former = setBackend(backend);
    t.teardown(() => setBackend(former));
    const modules = [newModule(), newModule(), newModule()];
    const [one, two, both] = modules.map((module) => new AdamW(module, { lr: 0.1, clip: 1 }));
    const { liveStorages } = backend.memory();
    for (let i = 0; i < 3; i++) {
      const reduce = averaging();
      const steps = [
        step(one, [() => losses(modules[0], 1)], { reduce }),
        step(two, [() => losses(modules[1], 2)], { reduce }),
      ];
      t.equal(backend.memory().liveStorages, liveStorages + 2, 'two gradients are all that is left while they wait');
      const [a, b] = await Promise.all(steps);
      const whole = await step(both, [() => losses(modules[2], 1), () => losses(modules[2], 2)]);
      t.same([a.gradientNorm, b.gradientNorm], [whole.gradientNorm, whole.gradientNorm]);
      if (i === 0) t.same([a.loss, b.loss, whole.loss], [14, 28, 21], 'each tells its own losses');
      t.equal(backend.memory().liveStorages, liveStorages, 'and nothing when they are done');
      const weights = await Promise.all(modules.map(({ weight }) => weight.read()));
      t.same(weights, [weights[2], weights[2], weights[2]]);
    }
    await backend.close();
  });

void t.test('a reduce that fails breaks the step off before the update', async (t) => {
  const module = newModule();
  const optimizer = new AdamW(module, { lr: 0.1 });
  const fails = (reduce: () => Promise<void>) => step(optimizer, [() => losses(module)], { reduce });
  await t.rejects(
    fails(() => Promise.reject(new Error('the other machine is gone'))),
    /the other machine is gone/,
  );
  t.equal(optimizer.state.step, 0);
  t.same([...(await module.weight.read())], [1, -2, 3]);
  t.equal((await optimizer.step(() => losses(module))).gradientNorm, 2 * Math.sqrt(14), 'its gradients are forgotten');
});

void t.test('a step takes a micro-batch', (t) => {
  t.throws(() => step(new Descent(newModule()), []), /step: there is no micro-batch. Give at least one/);
  t.end();
});

void t.test('sentence vectors are handed out and not reported', async (t) => {
  const module = newModule();
  const work = (): Losses => ({ ...losses(module), h: module.weight.expand([2, 3]), extra: full([], 2) });
  const { h } = scope(work);
  t.same(h!.shape, [2, 3]);
  const numbers = await step(new AdamW(module, { lr: 0.1 }), [work, work]);
  t.same(Object.keys(numbers).sort(), ['extra', 'gradientNorm', 'loss']);
});
