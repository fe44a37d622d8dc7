// The training step: what goes between backward and update, which numbers come out, and that any optimizer may take it.
import t from 'tap';
import { dropGradient, full, scope, setBackend, tensor, type Tensor } from '../../core/index.js';
import { kernels, ReferenceBackend } from '../../kernels/index.js';
import { AdamW, clipGradients, gradientsOf, step, type Losses, type Optimizer } from '../../nn/index.js';

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
  constructor(module: Module) {
    this.parameters = new Map(Object.entries(module));
  }
  update(): Tensor {
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

void t.test('reduce sees all gradients once, and may replace them', async (t) => {
  const [one, two, both] = [newModule(), newModule(), newModule()];
  const [a, b, c] = [one, two, both].map((module) => new AdamW(module, { lr: 0.1, clip: 1 }));
  // Two machines with a micro-batch each, of which the second waits for the first, and one machine with both.
  const gradients: number[][] = [];
  const keep = (parameters: ReadonlyMap<string, Tensor>) =>
    gradients.push(...[...parameters.values()].map(({ grad }) => [...dataOf(grad!)]));
  await step(b, [() => losses(two, 3)], { reduce: keep });
  t.same(gradients, [[6, -12, 18]], 'after all micro-batches, before the update');
  const average = (parameters: ReadonlyMap<string, Tensor>) => {
    for (const parameter of parameters.values()) parameter.grad = parameter.grad!.add(tensor(gradients[0])).mul(0.5);
  };
  const before = backend.memory().liveBytes;
  const reduced = await step(a, [() => losses(one, 1)], { reduce: average });
  t.equal(backend.memory().liveBytes, before, 'what was put in the place of a gradient is let go of');
  const whole = await step(c, [() => losses(both, 1), () => losses(both, 3)]);
  t.equal(reduced.gradientNorm, whole.gradientNorm);
  t.same([...(await one.weight.read())], [...(await both.weight.read())]);
});

void t.test('sentence vectors are handed out and not reported', async (t) => {
  const module = newModule();
  const work = (): Losses => ({ ...losses(module), h: module.weight.expand([2, 3]), extra: full([], 2) });
  const { h } = scope(work);
  t.same(h!.shape, [2, 3]);
  const numbers = await step(new AdamW(module, { lr: 0.1 }), [work, work]);
  t.same(Object.keys(numbers).sort(), ['extra', 'gradientNorm', 'loss']);
});

/** The numbers of a tensor, at once: the reference computes when it is asked to. */
const dataOf = ({ buffer }: Tensor) => (buffer.storage as unknown as { data: Float64Array }).data;
