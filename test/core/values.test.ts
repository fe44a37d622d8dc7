// Values that are not ordinary numbers go through ops as through JavaScript; empty tensors and single cells work.
import { erf } from 'mathjs';
import t, { type Test } from 'tap';
import { full, Ids, ops, Sequences, tensor, vjp, zeros, type Tensor } from '../../core/index.js';
import type { Backend, FloatArray } from '../../kernels/backend.js';
import { testBackends } from '../support/backends.js';

const odd = [NaN, Infinity, -Infinity, 0, -0, 1, -1, 0.5, -30, 30, 1e-20];

const kind = (x: number): string => (Number.isNaN(x) ? 'NaN' : Number.isFinite(x) ? 'finite' : String(x));

/** The same kind of number; and where finite, close by. */
const alike = (a: number, b: number): boolean =>
  kind(a) === kind(b) && (!Number.isFinite(b) || Math.abs(a - b) <= 1e-5 * Math.max(1, Math.abs(b)));

function expectAlike(
  t: Test,
  actual: FloatArray,
  expected: readonly number[],
  what: string,
  inputs: readonly unknown[],
) {
  const wrong = expected.flatMap((value, i) =>
    alike(actual[i], value) ? [] : [`${JSON.stringify(inputs[i])}: ${actual[i]}, not ${value}`],
  );
  t.same(wrong, [], what);
}

const shown = (x: number) => (Object.is(x, -0) ? '-0' : String(x));
const unary: Record<string, [(x: Tensor) => Tensor, (x: number) => number]> = {
  exp: [(x) => x.exp(), Math.exp],
  log: [(x) => x.log(), Math.log],
  sqrt: [(x) => x.sqrt(), Math.sqrt],
  tanh: [(x) => x.tanh(), Math.tanh],
  erf: [(x) => x.erf(), (x) => erf(x)],
  gelu: [(x) => x.gelu(), (x) => x * 0.5 * (1 + (Number.isNaN(x) ? NaN : erf(x * Math.SQRT1_2)))],
  affine: [(x) => x.mul(2).add(1), (x) => 2 * x + 1],
};
const binary: Record<string, [(a: Tensor, b: Tensor) => Tensor, (a: number, b: number) => number]> = {
  add: [(a, b) => a.add(b), (a, b) => a + b],
  sub: [(a, b) => a.sub(b), (a, b) => a - b],
  mul: [(a, b) => a.mul(b), (a, b) => a * b],
  div: [(a, b) => a.div(b), (a, b) => a / b],
  maximum: [(a, b) => a.maximum(b), Math.max],
};

async function elementwise(t: Test, backend: Backend) {
  for (const [name, [ours, theirs]] of Object.entries(unary)) {
    const inputs = name === 'erf' ? odd.filter((x) => !Number.isNaN(x)) : odd;
    const x = tensor(Float32Array.from(inputs), undefined, { backend });
    expectAlike(t, await ours(x).read(), inputs.map(theirs), name, inputs.map(shown));
  }
  t.ok(Number.isNaN(await tensor(NaN, [], { backend }).erf().item()), 'erf of NaN');
  const pairs = odd.flatMap((a) => odd.map((b) => [a, b] as const));
  const place = (i: 0 | 1) =>
    tensor(
      Float32Array.from(pairs, (pair) => pair[i]),
      undefined,
      { backend },
    );
  for (const [name, [ours, theirs]] of Object.entries(binary))
    expectAlike(
      t,
      await ours(place(0), place(1)).read(),
      pairs.map(([a, b]) => theirs(a, b)),
      name,
      pairs.map((pair) => pair.map(shown)),
    );
}

async function spreading(t: Test, backend: Backend) {
  const rows = (...values: number[][]) => tensor(values, undefined, { backend });
  const kinds = async (x: Tensor) => Array.from(await x.read(), kind);
  const x = rows([1, NaN, 2], [1, Infinity, -Infinity], [1, -Infinity, 2], [1, 2, 3]);
  t.same(await kinds(x.sum(-1)), ['NaN', 'NaN', '-Infinity', 'finite'], 'sum');
  t.same(await kinds(x.max(-1)), ['NaN', 'Infinity', 'finite', 'finite'], 'max');
  const nan = ['NaN', 'NaN', 'NaN'];
  const three = ['finite', 'finite', 'finite'];
  t.same(await kinds(x.softmax()), [...nan, ...nan, ...three, ...three], 'softmax');
  t.same((await rows([1, -Infinity, 1]).softmax().read()).slice(), [0.5, 0, 0.5], 'softmax leaves out -Infinity');
  const [gain, bias] = [full([3], 1, { backend }), zeros([3], { backend })];
  t.same(await kinds(x.layerNorm(gain, bias, 1e-12)), [...nan, ...nan, ...nan, ...three], 'layer norm');
  t.same(await kinds(x.matmul(full([3, 1], 1, { backend }))), ['NaN', 'NaN', '-Infinity', 'finite'], 'matmul');
  const w = full([2, 3], 1, { backend });
  const linear = await kinds(x.linear(w, zeros([2], { backend })));
  t.same(linear, ['NaN', 'NaN', 'NaN', 'NaN', '-Infinity', '-Infinity', 'finite', 'finite'], 'linear');
  t.same(await kinds(x.gather([3, 0]).add(0)), [...three, 'finite', 'NaN', 'finite'], 'gather');
  const sequences = Sequences.ofLengths([2, 1]);
  const q = rows([1, 1], [1, 1], [1, 1]);
  const v = rows([NaN, 1], [1, 1], [1, 1]);
  const attention = ops.attention.apply(
    { q, k: q, v },
    { heads: 2, queries: sequences, keys: sequences, p: 0, key: 0 },
  );
  t.same(
    await kinds(attention),
    ['NaN', 'finite', 'NaN', 'finite', 'finite', 'finite'],
    'attention: the NaN stays in its sequence and head',
  );
  const table = rows([1, 0], [0, 1]);
  const labels = new Ids([0]);
  for (const bad of [NaN, Infinity]) {
    const head = { x: rows([bad, 1]), table, bias: zeros([2], { backend }) };
    t.same(await kinds(ops.linearCrossEntropy.apply(head, { labels })), ['NaN'], `cross-entropy of ${bad}`);
  }
  // A logit of 1000 is no overflow: the largest is taken away first.
  const large = { x: rows([1000, -1000]), table, bias: zeros([2], { backend }) };
  t.same(await ops.linearCrossEntropy.apply(large, { labels: new Ids([1]) }).item(), 2000, 'cross-entropy of 1000');
}

/** All backends take the same side of a tie, so that they train alike. */
async function ties(t: Test, backend: Backend) {
  const leaf = (...values: number[][]) => tensor(values, undefined, { backend, requiresGrad: true });
  const gradientOf = async (y: Tensor, x: Tensor) => {
    const seed = full(y.shape, 1, { backend });
    return [...(await vjp(y, seed, [x])[0]!.read())];
  };
  const x = leaf([3, 1, 3], [2, 2, 2]);
  t.same(await gradientOf(x.max(0), x), [1, 0, 1, 0, 1, 0], 'max');
  const shared = (await gradientOf(x.max(1), x)).map((value) => Math.round(value * 6));
  t.same(shared, [3, 0, 3, 2, 2, 2], 'where several are largest, max shares the gradient');
  const y = leaf([3, 2, 3], [1, 2, 3]);
  t.same(await gradientOf(x.maximum(y), x), [1, 0, 1, 1, 1, 0], 'maximum gives it to the first');
  t.same(await gradientOf(x.maximum(y), y), [0, 1, 0, 0, 0, 1], 'maximum');
  const rows = leaf([9, 9], [1, 2], [1, 2], [1, 2], [5, 5], [1, 2], [2, 1]);
  const head = {
    table: tensor(
      [
        [1, 0],
        [0, 1],
        [1, 1],
      ],
      undefined,
      { backend },
    ),
    bias: zeros([3], { backend }),
  };
  const top = ops.vocabularyMax.apply({ x: rows, ...head }, { sequences: Sequences.ofLengths([4, 3]), skip: 1 });
  t.same([...(await top.read())], [1, 2, 3, 2, 2, 3]);
  t.same(await gradientOf(top, rows), [0, 0, 2, 2, 0, 0, 0, 0, 0, 0, 1, 2, 1, 0], 'vocabularyMax: the first row');
  const labels = new Ids([0, 1, 2]);
  const equal = {
    x: tensor(
      [
        [1, 1],
        [1, 1],
        [0, 0],
      ],
      undefined,
      { backend },
    ),
    ...head,
  };
  const { hit } = ops.linearCrossEntropy.applyAll(equal, { labels });
  t.same([...(await hit.read())], [0, 0, 1], 'a label that ties with the best is a hit, one below is none');
}

async function emptyAndSingle(t: Test, backend: Backend) {
  const none = zeros([0, 3], { backend });
  t.same((await none.sum(0).read()).slice(), [0, 0, 0], 'a sum of nothing is 0');
  t.same([none.sum(1).shape, none.add(1).shape, none.permute(1, 0).shape], [[0], [0, 3], [3, 0]]);
  t.same([...(await none.permute(1, 0).add(1).read())], []);
  t.same([...(await none.matmul(zeros([3, 2], { backend })).read())], []);
  t.same(
    [
      ...(await zeros([2, 0], { backend })
        .matmul(zeros([0, 2], { backend }))
        .read()),
    ],
    [0, 0, 0, 0],
  );
  t.same([...(await none.concat(full([1, 3], 2, { backend })).read())], [2, 2, 2]);
  t.same([...(await full([2, 3], 2, { backend }).gather([]).read())], []);
  t.equal(await tensor(3, [], { backend }).mul(2).item(), 6, 'a number is a tensor of shape []');
  t.same((await tensor(3, [], { backend }).expand([2, 2]).read()).slice(), [3, 3, 3, 3]);
  t.equal(await full([1, 1, 1], 5, { backend }).sum().item(), 5);
  t.equal(await full([1, 1], 5, { backend }).softmax().item(), 1);
  t.equal(
    await full([1, 1], 5, { backend })
      .matmul(full([1, 1], 2, { backend }))
      .item(),
    10,
  );
}

for (const { name, open } of testBackends())
  void t.test(name, async (t) => {
    const backend = await open();
    if (typeof backend === 'string') return void t.plan(0, backend);
    // WGSL lets an implementation assume that there are no NaN and no infinities, and SwiftShader does.
    const skip = name === 'gpu:webgpu' && 'WGSL promises nothing about NaN and infinities';
    for (const check of [elementwise, spreading]) await t.test(check.name, { skip }, (t) => check(t, backend));
    await t.test('ties', (t) => ties(t, backend));
    await t.test('empty and single', (t) => emptyAndSingle(t, backend));
    await backend.close();
  });
