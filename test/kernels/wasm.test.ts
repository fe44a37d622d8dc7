// What the test table of all kernels does not say about the `wasm` backend: errors, memory, same bits on any number of
// threads, and how exact its elementary functions are.
import { erf } from 'mathjs';
import t from 'tap';
import * as kernels from '../../kernels/library/index.js';
import { keep } from '../../kernels/library/random.js';
import type { Dims, Kernel } from '../../kernels/kernel.js';
import { ReferenceBackend } from '../../kernels/reference.js';
import { WasmBackend } from '../../kernels/wasm/backend.js';
import { isMap } from '../../kernels/wasm/natives/elementwise.js';
import { Random, vector, type Operand } from '../support/random.js';
import { runCase } from './case.js';
import { library } from './cases.js';

const backends = await Promise.all([1, 2, 3].map((threads) => WasmBackend.open({ threads })));
backends.push(await WasmBackend.open({ shared: false }));
const [single] = backends;
t.teardown(() => Promise.all(backends.map((backend) => backend.close())));

type Inputs = Record<string, Operand | number>;

/** The outputs of one launch. */
const run = (backend: WasmBackend, kernel: Kernel, inputs: Inputs, outputs: Record<string, Dims>) =>
  runCase(backend, { kernel, label: '', inputs, outputs, tolerance: 0 });

/** f over the cells of x. */
async function map(kernel: Kernel, x: number[]): Promise<number[]> {
  const { y } = await run(single, kernel, { x: vector(x) }, { y: [x.length] });
  return [...y];
}

// Operands that are large enough to be shared out among threads; sizes are odd so that every loop has its tail.
const random = new Random(3);
const n = 70001;
const [rows, width] = [301, 131];
const flat = () => random.array([n]);
const table = () => random.array([rows, width]);
const slab = () => random.array([1, rows, width]);
const block = () => random.array([1, width, width]);
const line = () => random.array([width]);
const column = () => random.array([rows], () => random.between(0.5, 1.5));
const transposition = { i0: 0, i1: 0, i2: 0, i3: 0, j0: 0, j1: 0, j2: 0, j3: 1, k0: 0, k1: 0, k2: 1, k3: 0 };
const turned = { i0: 0, i1: 0, i2: 1, i3: 0, j0: 0, j1: 1, j2: 0, j3: 0, k0: 0, k1: 0, k2: 0, k3: 1 };
const norm = { n: width, eps: 1e-12 };
const drop = { p: 0.1, key: 4711 };
const starts = Array.from({ length: rows + 1 }, (_, v) => (v < 7 ? 0 : v < 200 ? 100 : rows));
const inverse = { order: vector(starts.slice(1).map((_, i) => rows - 1 - i)), starts: vector(starts) };
const step = () => ({
  ...{ p: table(), m: table(), v: random.array([rows, width], () => random.next()), factor: vector([0.5]) },
  ...{ lr: 1e-2, beta1: 0.9, beta2: 0.999, eps: 1e-8, decay: 0.01, correction1: 0.1, correction2: 0.001 },
});

const launches: [Kernel, Inputs, Record<string, Dims>][] = [
  ...[...library.values()].filter(isMap).map((kernel): [Kernel, Inputs, Record<string, Dims>] => {
    const inputs = Object.keys(kernel.inputs).map((name) => [name, flat()]);
    return [kernel, Object.fromEntries(inputs) as Inputs, { y: [n] }];
  }),
  [kernels.scaleBy, { y: flat(), factor: vector([0.3]) }, { y: [n] }],
  [kernels.addScaled, { y: flat(), x: flat(), factor: vector([0.3]) }, { y: [n] }],
  [kernels.affine, { x: flat(), scale: 1.5, shift: -2 }, { y: [n] }],
  [kernels.arrange, { x: random.array([1, rows, width]), depth: 1, ...transposition }, { y: [1, width, rows] }],
  [kernels.arrange, { x: random.array([rows, 7, width]), depth: 7, ...turned }, { y: [7, rows, width] }],
  [kernels.concat, { a: slab(), b: slab(), n: rows }, { y: [1, 2 * rows, width] }],
  [kernels.slice, { x: slab(), n: rows, start: 3 }, { y: [1, rows - 3, width] }],
  [kernels.gather, { table: table(), ids: vector(starts.slice(0, rows).map((v) => v % rows)) }, { y: [rows, width] }],
  [kernels.scatter, { x: table(), ...inverse }, { y: [rows, width] }],
  [kernels.addScatter, { y: table(), x: table(), ...inverse }, { y: [rows, width] }],
  ...[kernels.addMatmulNN, kernels.addMatmulTN].map((kernel): [Kernel, Inputs, Record<string, Dims>] => [
    kernel,
    ...([{ y: block(), a: block(), b: block(), k: width }, { y: [1, width, width] }] as const),
  ]),
  [kernels.sum, { x: random.array([3, 500, 31]), n: 500 }, { y: [3, 31] }],
  [kernels.sum, { x: random.array([1, 5000, 5]), n: 5000 }, { y: [1, 5] }],
  [kernels.sum, { x: random.array([33, 1100, 1]), n: 1100 }, { y: [33, 1] }],
  [kernels.max, { x: random.array([30, 50, 31]), n: 50 }, { y: [30, 31] }],
  [kernels.max, { x: random.array([33, 1100, 1]), n: 1100 }, { y: [33, 1] }],
  [kernels.biasGelu, { x: table(), bias: line() }, { y: [rows, width] }],
  [kernels.biasGeluSlope, { x: table(), bias: line() }, { y: [rows, width], slope: [rows, width] }],
  [kernels.biasGeluGradient, { dy: table(), slope: table(), rows }, { dx: [rows, width], dbias: [width] }],
  [kernels.softmax, { x: table(), n: width }, { y: [rows, width] }],
  [kernels.softmaxGradient, { y: table(), dy: table(), n: width }, { dx: [rows, width] }],
  [
    kernels.layerNorm,
    { x: table(), gain: line(), bias: line(), ...norm },
    { y: [rows, width], mean: [rows], inverse: [rows] },
  ],
  [
    kernels.layerNormGradient,
    { dy: table(), x: table(), mean: column(), inverse: column(), gain: line(), n: width, rows },
    { dx: [rows, width], dgain: [width], dbias: [width] },
  ],
  [kernels.dropout, { x: table(), ...drop }, { y: [rows, width] }],
  [
    kernels.dropoutAddNorm,
    { x: table(), shift: line(), residual: table(), gain: line(), bias: line(), ...norm, ...drop },
    { y: [rows, width], total: [rows, width], mean: [rows], inverse: [rows] },
  ],
  [
    kernels.dropoutAddNormGradient,
    { dy: table(), total: table(), mean: column(), inverse: column(), gain: line(), n: width, rows, ...drop },
    { dresidual: [rows, width], dx: [rows, width], dshift: [width], dgain: [width], dbias: [width] },
  ],
  [
    kernels.embedNorm,
    {
      ...{ words: table(), ids: vector(starts.slice(0, rows).map((v) => v % rows)) },
      ...{ positions: table(), places: vector(starts.slice(0, rows).map((_, i) => i)), types: table() },
      ...{ gain: line(), bias: line(), ...norm, ...drop },
    },
    { y: [rows, width], total: [rows, width], mean: [rows], inverse: [rows] },
  ],
  [
    kernels.embedNormGradient,
    { dy: table(), total: table(), mean: column(), inverse: column(), gain: line(), n: width, rows, ...drop },
    { dx: [rows, width], dtypes: [2, width], dgain: [width], dbias: [width] },
  ],
  [kernels.linear, { x: table(), w: random.array([90, width]), bias: random.array([90]), k: width }, { y: [rows, 90] }],
  [kernels.sumOfSquares, { g: table(), total: vector([2]), rows, columns: width }, { total: [1] }],
  [kernels.sumOfSquaresRows, { dy: table(), ...inverse, total: vector([2]), rows, columns: width }, { total: [1] }],
  [kernels.adamW, { ...step(), g: table() }, { p: [rows, width], m: [rows, width], v: [rows, width] }],
  [kernels.adamWRows, { ...step(), dy: table(), ...inverse }, { p: [rows, width], m: [rows, width], v: [rows, width] }],
];

void t.test('the same bits on 1, 2 and 3 threads, and in memory that is not shared', async (t) => {
  for (const [kernel, inputs, outputs] of launches) {
    const [first, ...others] = await Promise.all(backends.map((backend) => run(backend, kernel, inputs, outputs)));
    const equal = others.every((other) =>
      Object.keys(first).every((name) => Buffer.compare(bytes(first[name]), bytes(other[name])) === 0),
    );
    t.ok(equal, kernel.name);
  }
});

const bytes = (values: ArrayLike<number>) => Buffer.from(Float32Array.from(values).buffer);

/** Units in the last place of float32 around a number. */
const ulp = (value: number) => 2 ** (Math.max(-126, Math.floor(Math.log2(Math.abs(value)))) - 23);

/** exp(a^2 / 2) times the probability that a standard normal variable is above a, a >= 0. */
function mills(a: number): number {
  if (a < 3) {
    let [sum, term] = [0, a];
    for (let i = 1; i < 120; i++, term *= (a * a) / (2 * i - 1)) sum += term;
    return 0.5 * Math.exp((a * a) / 2) - sum / Math.sqrt(2 * Math.PI);
  }
  let fraction = 0;
  for (let k = 300; k > 0; k--) fraction = k / (a + fraction);
  return 1 / (Math.sqrt(2 * Math.PI) * (a + fraction));
}

const tail = (a: number) => Math.exp((-a * a) / 2) * mills(a);
const phi = (x: number) => (x < 0 ? tail(-x) : 1 - tail(x));

interface Accuracy {
  kernel: Kernel;
  truth: (x: number) => number;
  /** Interval from which x is drawn; its logarithm if `log` is set. */
  from: number;
  to: number;
  log?: boolean;
  /** Units in the last place that the result may be off. */
  limit: number;
}

// The limits are those of docs/design/wasm.md; the worst that a search of 400,000 inputs found is a little below.
const accuracies: Accuracy[] = [
  { kernel: kernels.exp, truth: Math.exp, from: -86.98, to: 88.72, limit: 1 },
  { kernel: kernels.exp, truth: Math.exp, from: -1, to: 1, limit: 1 },
  { kernel: kernels.log, truth: Math.log, from: -87, to: 88, log: true, limit: 1 },
  { kernel: kernels.log, truth: Math.log, from: -0.5, to: 0.5, log: true, limit: 1 },
  { kernel: kernels.tanh, truth: Math.tanh, from: -3, to: 3, limit: 2 },
  { kernel: kernels.tanh, truth: Math.tanh, from: -20, to: 3, log: true, limit: 2 },
  { kernel: kernels.erfMap, truth: erf, from: -4.5, to: 4.5, limit: 2 },
  { kernel: kernels.erfMap, truth: erf, from: -20, to: 2, log: true, limit: 2 },
  { kernel: kernels.gelu, truth: (x) => x * phi(x), from: -12.8, to: 13, limit: 8 },
  { kernel: kernels.gelu, truth: (x) => x * phi(x), from: -20, to: 2, log: true, limit: 8 },
];

for (const { kernel, truth, from, to, log, limit } of accuracies)
  void t.test(`${kernel.name} on ${log ? 'exp ' : ''}[${from}, ${to}]`, async (t) => {
    const draw = () => Math.fround(log ? Math.exp(random.between(from, to)) : random.between(from, to));
    const x = Array.from({ length: 40000 }, draw);
    const y = await map(kernel, x);
    const worst = x.reduce((most, at, i) => Math.max(most, Math.abs(y[i] - truth(at)) / ulp(truth(at))), 0);
    t.ok(worst <= limit, `off by ${worst.toFixed(3)} units in the last place, allowed ${limit}`);
  });

void t.test('the slope of gelu is exact to 2^-22', async (t) => {
  const a = Array.from({ length: 40000 }, () => Math.fround(random.between(-13, 13)));
  const inputs = { a: vector(a), b: vector(a.map(() => 1)) };
  const { y } = await run(single, kernels.geluGradient, inputs, { y: [a.length] });
  const slope = (x: number) => phi(x) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
  const row = { dims: [1, a.length], data: Float32Array.from(a) };
  const both = { y: row.dims, slope: row.dims };
  const fused = await run(single, kernels.biasGeluSlope, { x: row, bias: vector(a.map(() => 0)) }, both);
  t.same(fused.slope, y, 'alone and beside the value');
  const worst = a.reduce((most, x, i) => Math.max(most, Math.abs(y[i] - slope(x))), 0);
  t.ok(worst <= 2 ** -22, String(worst));
});

void t.test('limits and NaN', async (t) => {
  const special = [NaN, -Infinity, Infinity, 0, -0, -1e9, 1e9];
  t.same(await map(kernels.exp, special), [NaN, 0, Infinity, 1, 1, 0, Infinity]);
  t.same(await map(kernels.log, [...special, 1e-40]), [
    ...[NaN, NaN, Infinity, -Infinity, -Infinity, NaN],
    ...[1e9, Math.fround(1e-40)].map((x) => Math.fround(Math.log(x))),
  ]);
  t.same(await map(kernels.tanh, special), [NaN, -1, 1, 0, -0, -1, 1]);
  t.same(await map(kernels.erfMap, special), [NaN, -1, 1, 0, -0, -1, 1]);
  t.same(await map(kernels.gelu, special), [NaN, NaN, Infinity, 0, -0, -0, 1e9]);
  const largest = await run(single, kernels.max, { x: cube([1, NaN, 3, 7, 9, 8]), n: 3 }, { y: [2, 1] });
  t.same([...largest.y], [NaN, 9]);
  const x = { dims: [2, 5], data: Float32Array.of(1, 2, NaN, 4, 5, 1, 1, 1, 1, 1) };
  const { y } = await run(single, kernels.softmax, { x, n: 5 }, { y: [2, 5] });
  t.ok([...y.slice(0, 5)].every(Number.isNaN) && [...y.slice(5)].every((p) => p === Math.fround(0.2)));
  const clip = await run(single, kernels.clipFactor, { total: vector([NaN]), limit: 1 }, { factor: [1] });
  t.same([...clip.factor], [NaN]);
});

const cube = (data: number[]): Operand => ({ dims: [2, 3, 1], data: Float32Array.from(data) });

void t.test('dropout draws what the library says, cell by cell', async (t) => {
  for (const [count, length] of [
    [4100, 5],
    [3, 9001],
  ]) {
    const key = random.integer(2 ** 24);
    const x = random.array([count, length], () => 1);
    const { y } = await run(single, kernels.dropout, { x, p: 0.3, key }, { y: [count, length] });
    const p = Math.fround(0.3);
    const wrong = y.findIndex((value, i) => value !== Math.fround(keep(p, key, Math.floor(i / length), i % length)));
    t.equal(wrong, -1, `${count} x ${length}, key ${key}`);
  }
});

void t.test('memory', async (t) => {
  const backend = await WasmBackend.open({ threads: 1 });
  const dirty = backend.alloc(1000, new Float32Array(1000).fill(7));
  const { heapBytes } = backend.memory();
  t.ok(heapBytes! > 1 << 20, 'the heap has the scratch memory of a thread too');
  t.same(backend.memory(), { liveBytes: 4000, liveStorages: 1, peakBytes: 4000, heapBytes });
  backend.free(dirty);
  t.same(backend.memory(), { liveBytes: 0, liveStorages: 0, peakBytes: 4000, heapBytes });
  const clean = backend.alloc(900, []);
  t.ok(
    (await backend.read(clean)).every((cell) => cell === 0),
    'zeros after the data, also where old memory was',
  );
  const short = backend.alloc(5, [1, 2]);
  t.same([...(await backend.read(short))], [1, 2, 0, 0, 0]);
  t.same([...(await backend.read(short, 2))], [1, 2]);
  const copy = backend.read(short);
  backend.free(short);
  t.same([...(await copy)], [1, 2, 0, 0, 0], 'read copies before it returns');
  const empty = backend.alloc(0);
  t.equal((await backend.read(empty)).length, 0);
  await backend.close();
});

void t.test('misuse is an error that says what happened', async (t) => {
  const backend = await WasmBackend.open({ threads: 1 });
  const x = { storage: backend.alloc(4), dims: [4] };
  const gone = { storage: backend.alloc(4), dims: [4] };
  backend.free(gone.storage);
  t.throws(() => backend.free(gone.storage), /freed/);
  t.throws(() => backend.launch(kernels.exp, { x: gone }, { y: x }), /after it had been freed/);
  await t.rejects(backend.read(gone.storage), /freed/);
  const foreign = { storage: new ReferenceBackend().alloc(4), dims: [4] };
  t.throws(() => backend.launch(kernels.exp, { x: foreign }, { y: x }), /belongs to reference/);
  t.throws(() => backend.launch(kernels.exp, { x }, { y: { ...x, dims: [2, 2] } }), /y must be rank 1/);
  t.throws(() => backend.launch(kernels.exp, { x: { ...x, dims: [5] } }, { y: x }), /its storage has 4 cells/);
  await t.rejects(backend.read(x.storage, 5), /cannot read 5 cells/);
  t.throws(() => backend.alloc(1, [1, 2]), /2 numbers for a storage of 1 cells/);
  t.throws(() => backend.alloc(2 ** 40), /out of memory/);
  await backend.close();
  await backend.close();
  t.throws(() => backend.launch(kernels.exp, { x }, { y: x }), /after close/);
  t.throws(() => backend.alloc(1), /after close/);
  await t.rejects(WasmBackend.open({ threads: 0 }), /threads is 0/);
  t.match(backends[1].description, /SIMD.*, 2 threads/);
});
