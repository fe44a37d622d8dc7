// AdamW against torch's formulas written out in float64, clipping, accumulation, and what a step leaves behind.
import t from 'tap';
import { backward, full, Random, scope, setBackend, tensor, zeros, type Tensor } from '../../core/index.js';
import { ReferenceBackend } from '../../kernels/reference.js';
import { AdamW, linearDecay, type AdamWOptions } from '../../nn/index.js';
import { testBackends } from '../support/backends.js';

const float64 = new ReferenceBackend('float64');
setBackend(float64);

type Numbers = Record<string, number[]>;

/** A module with one parameter of every kind of name, loss sum of a x^2 / 2 + b x. */
const start: Numbers = {
  'dense.weight': [1, -2, 3, 0.5, 0, -0.25],
  'dense.bias': [0.5, -1],
  'LayerNorm.weight': [1, 2],
  'LayerNorm.bias': [-1, 0.125],
  scale: [4],
};
const shapes: Record<string, number[]> = { 'dense.weight': [2, 3], scale: [] };
const curvature = (i: number) => 0.5 + (i % 3);
const slope = (i: number) => 1 - 0.4 * i;

function newModule(values: Numbers = start) {
  const leaf = (name: string) => tensor(values[name], shapes[name] ?? [values[name].length], { requiresGrad: true });
  return {
    dense: { weight: leaf('dense.weight'), bias: leaf('dense.bias') },
    LayerNorm: { weight: leaf('LayerNorm.weight'), bias: leaf('LayerNorm.bias') },
    scale: leaf('scale'),
    frozen: zeros([2]),
  };
}
type Module = ReturnType<typeof newModule>;

const named = ({ dense, LayerNorm, scale }: Module): [string, Tensor][] => [
  ['dense.weight', dense.weight],
  ['dense.bias', dense.bias],
  ['LayerNorm.weight', LayerNorm.weight],
  ['LayerNorm.bias', LayerNorm.bias],
  ['scale', scale],
];

function loss(module: Module, weight = 1): { loss: Tensor } {
  const terms = named(module).map(([, x]) => {
    const flat = x.reshape([x.size]);
    const law = (f: (i: number) => number) => tensor(Float64Array.from({ length: x.size }, (_, i) => f(i)));
    return flat
      .mul(flat)
      .mul(law(curvature))
      .mul(0.5)
      .add(flat.mul(law(slope)))
      .sum();
  });
  return { loss: terms.reduce((a, b) => a.add(b)).mul(weight) };
}

type Plain = Required<Omit<AdamWOptions, 'lr' | 'decay' | 'groups'>>;

/** torch.nn.utils.clip_grad_norm_ and torch.optim.AdamW, as their documentation writes them. */
function transcription(steps: number, lr: (step: number) => number, options: Plain) {
  const { betas, eps, weightDecay, clip } = options;
  const [beta1, beta2] = betas;
  const p: Numbers = structuredClone(start);
  const zero = () => Object.fromEntries(Object.entries(p).map(([name, x]) => [name, x.map(() => 0)]));
  const [m, v] = [zero(), zero()];
  const norms: number[] = [];
  for (let step = 1; step <= steps; step++) {
    const g = Object.fromEntries(
      Object.entries(p).map(([name, x]) => [name, x.map((value, i) => curvature(i) * value + slope(i))]),
    );
    const norm = Math.sqrt(
      Object.values(g)
        .flat()
        .reduce((sum, value) => sum + value * value, 0),
    );
    norms.push(norm);
    const factor = clip > 0 ? Math.min(1, clip / (norm + 1e-6)) : 1;
    for (const name of Object.keys(p))
      p[name].forEach((value, i) => {
        const decay = name === 'dense.weight' || name === 'scale' ? weightDecay : 0;
        const gradient = g[name][i] * factor;
        const decayed = value - lr(step - 1) * decay * value;
        m[name][i] = beta1 * m[name][i] + (1 - beta1) * gradient;
        v[name][i] = beta2 * v[name][i] + (1 - beta2) * gradient * gradient;
        const mHat = m[name][i] / (1 - beta1 ** step);
        const vHat = v[name][i] / (1 - beta2 ** step);
        p[name][i] = decayed - (lr(step - 1) * mHat) / (Math.sqrt(vHat) + eps);
      });
  }
  return { p, m, v, norms };
}

const options = { betas: [0.8, 0.95], eps: 1e-6, weightDecay: 0.1, clip: 0 } as const;
const rate = linearDecay(0.1, 12, 3);

for (const { name, open } of testBackends())
  for (const clip of [0, 2])
    void t.test(`${name}: twelve steps, ${clip ? `clipped at ${clip}` : 'not clipped'}`, async (t) => {
      const backend = await open();
      if (typeof backend === 'string') return void t.plan(0, backend);
      setBackend(backend);
      t.teardown(() => setBackend(float64));
      const module = newModule();
      const optimizer = new AdamW(module, { ...options, lr: rate, clip });
      const norms: number[] = [];
      for (let i = 0; i < 12; i++) {
        t.equal(optimizer.lr, rate(i));
        norms.push((await optimizer.step(() => loss(module))).gradientNorm);
      }
      const expected = transcription(12, rate, { ...options, clip });
      const limit = backend.dtype === 'float64' ? 1e-12 : 2e-5;
      const far = (actual: ArrayLike<number>, wanted: number[]) =>
        Math.max(...wanted.map((value, i) => Math.abs(actual[i] - value)));
      t.ok(far(norms, expected.norms) < limit * 10, 'norms before clipping');
      t.ok(Math.max(...norms) > 2 && Math.min(...norms) < 8, 'of which clipping catches some');
      for (const [key, x] of named(module)) {
        const [m, v] = ['m', 'v'].map((kind) => optimizer.state.tensors.get(`${kind}.${key}`)!);
        t.ok(far(await x.read(), expected.p[key]) < limit, key);
        t.ok(far(await m.read(), expected.m[key]) < limit, `first moment of ${key}`);
        t.ok(far(await v.read(), expected.v[key]) < limit, `second moment of ${key}`);
      }
      t.same([...(await module.frozen.read())], [0, 0], 'what needs no gradient stays');
      t.equal(optimizer.state.step, 12);
      await backend.close();
    });

void t.test('defaults are those of torch and BERT', async (t) => {
  const plain = transcription(2, () => 1e-3, { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.01, clip: 0 });
  const module = newModule();
  const optimizer = new AdamW(module, { lr: 1e-3 });
  for (let i = 0; i < 2; i++) await optimizer.step(() => loss(module));
  for (const [key, x] of named(module))
    t.ok(
      (await x.read()).every((value, i) => Math.abs(value - plain.p[key][i]) < 1e-14),
      key,
    );
});

void t.test('which parameters decay, and groups with rates of their own', async (t) => {
  /** What a first step does to weights of size 1 whose gradient is 1, less lr: -lr factor (1 + decay), by name. */
  const moved = async (more: Partial<AdamWOptions>) => {
    const module = newModule(Object.fromEntries(Object.entries(start).map(([name, x]) => [name, x.map(() => 1)])));
    const optimizer = new AdamW(module, { lr: 0.125, weightDecay: 0.5, eps: 0, ...more });
    await optimizer.step(() => ({ loss: named(module).reduce((sum, [, x]) => sum.add(x.sum()), zeros([])) }));
    const changes = named(module).map(async ([name, x]) => [name, ((await x.read())[0] - 1) / -0.125] as const);
    const rounded = (await Promise.all(changes)).map(([name, change]) => [name, Math.round(change * 1e9) / 1e9]);
    return Object.fromEntries(rounded) as Record<string, number>;
  };
  const plain = { 'dense.weight': 1.5, 'dense.bias': 1, 'LayerNorm.weight': 1, 'LayerNorm.bias': 1, scale: 1.5 };
  t.same(await moved({}), plain, 'by name');
  t.same(await moved({ decay: 'names' }), plain);
  t.same(await moved({ decay: 'matrices' }), { ...plain, scale: 1 }, 'matrices alone');
  t.same(await moved({ decay: (name, { size }) => name === 'dense.bias' && size === 2 }), {
    ...{ ...plain, 'dense.weight': 1, 'dense.bias': 1.5, scale: 1 },
  });
  const groups = [
    { matches: (name: string) => name.startsWith('dense'), lr: 2 },
    { matches: (name: string) => name.endsWith('bias'), lr: 0, weightDecay: 0.25 },
    { matches: (_: string, { rank }: Tensor) => rank === 0, weightDecay: 0 },
    { matches: (name: string) => name === 'LayerNorm.weight', weightDecay: 0.25 },
  ];
  t.same(
    await moved({ groups }),
    { 'dense.weight': 3, 'dense.bias': 2, 'LayerNorm.weight': 1.25, 'LayerNorm.bias': 0, scale: 1 },
    'the first group that matches holds; its decay is its own',
  );
  await t.rejects(
    moved({ groups: [...groups, { matches: (name) => name === 'dense.bias', lr: 3 }] }),
    /AdamW: group 4 matches no parameter that a group before it leaves/,
  );
});

void t.test('micro-batches average: losses, their gradients, and what is reported', async (t) => {
  const [one, two] = [newModule(), newModule()];
  const [a, b] = [one, two].map((module) => new AdamW(module, { lr: 0.1, clip: 1 }));
  for (let i = 0; i < 3; i++) {
    const whole = await a.step(() => ({ ...loss(one), extra: full([], 2) }));
    const parts = await b.step(
      () => ({ ...loss(two, 0.5), extra: full([], 1) }),
      () => ({ ...loss(two, 1.5), extra: full([], 3) }),
    );
    t.same(Object.keys(parts).sort(), ['extra', 'gradientNorm', 'loss']);
    for (const key of Object.keys(whole)) t.ok(Math.abs(parts[key] - whole[key]) < 1e-12, key);
  }
  for (const [i, [key, x]] of named(one).entries()) {
    const other = await named(two)[i][1].read();
    t.ok(
      (await x.read()).every((value, j) => Math.abs(value - other[j]) < 1e-12),
      key,
    );
  }
});

void t.test('a parameter without a gradient is left alone, decay included', async (t) => {
  const module = newModule();
  const optimizer = new AdamW(module, { lr: 0.1, weightDecay: 0.5 });
  await optimizer.step(() => ({ loss: module.dense.bias.mul(module.dense.bias).sum() }));
  t.same([...(await module.dense.weight.read())], start['dense.weight']);
  t.notSame([...(await module.dense.bias.read())], start['dense.bias']);
});

void t.test('gradients that a broken step left are forgotten', async (t) => {
  const [one, two] = [newModule(), newModule()];
  const [a, b] = [one, two].map((module) => new AdamW(module, { lr: 0.1 }));
  t.throws(
    () =>
      a.step(
        () => loss(one),
        () => {
          throw new Error('no second batch');
        },
      ),
    /no second batch/,
  );
  t.equal(a.state.step, 0);
  await a.step(() => loss(one));
  await b.step(() => loss(two));
  t.same([...(await one.dense.weight.read())], [...(await two.dense.weight.read())]);
});

void t.test('update() alone takes what backward left', async (t) => {
  const [one, two] = [newModule(), newModule()];
  const [a, b] = [one, two].map((module) => new AdamW(module, { lr: 0.1, clip: 1 }));
  const norm = scope(() => {
    backward(loss(one).loss);
    return a.update();
  });
  const { gradientNorm } = await b.step(() => loss(two));
  t.equal(await norm.item(), gradientNorm);
  t.equal(one.dense.weight.grad, undefined);
  t.same([...(await one.dense.weight.read())], [...(await two.dense.weight.read())]);
});

void t.test('a module without parameters is refused', async (t) => {
  t.throws(() => new AdamW({ random: new Random(1) }, { lr: 1 }), /AdamW: the module has no trainable tensors/);
});
