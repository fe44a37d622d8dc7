// Kernels of a user's own on the `wasm` backend: their stages run there as everywhere, and a warning says how.
import t from 'tap';
import { checkGradient, defineOp, launch, Random as Generator, scope, tensor, vjp } from '../../core/index.js';
import type { Backend } from '../../kernels/backend.js';
import { defineKernel, type Cell } from '../../kernels/kernel.js';
import * as kernels from '../../kernels/library/index.js';
import { ReferenceBackend } from '../../kernels/reference.js';
import { Engine } from '../../kernels/wasm/engine.js';
import { WasmBackend } from '../../kernels/wasm/backend.js';
import { routinesOf } from '../../kernels/wasm/natives/index.js';
import { vector } from '../support/random.js';
import { runCase } from './case.js';
import { allCases, library } from './cases.js';

const backend = await WasmBackend.open({ threads: 2 });
const reference = new ReferenceBackend();
t.teardown(() => backend.close());

void t.test('every kernel of the library has a routine, and none runs as JavaScript', async (t) => {
  const engine = await Engine.open({ threads: 1 });
  const routines = routinesOf(engine);
  for (const kernel of library.values()) t.ok(routines.has(kernel), kernel.name);
  await engine.close();
  const warnings = t.capture(console, 'warn');
  for (const item of allCases()) await runCase(backend, item);
  t.same(warnings(), []);
});

void t.test('copies of all kernels of the library: the bits of the reference, one warning each', async (t) => {
  // They have every rank, temporaries and updates in place; no copy is the library's, so no routine may stand for it.
  const copies = new Map([...library.values()].map((kernel) => [kernel, { ...kernel }]));
  const warnings = t.capture(console, 'warn');
  for (const item of allCases()) {
    const own = { ...item, kernel: copies.get(item.kernel)! };
    const results = await runCase(backend, own, { padding: 5 });
    t.same(results, await runCase(reference, own), `${item.kernel.name} ${item.label}`);
  }
  const said = warnings().map(({ args }) =>
    String(args[0]).replace(/, so it runs as plain JavaScript on one thread.*/, ''),
  );
  const expected = [...library.keys()].map((name) => `wasm: kernel ${name} has no tuned routine`);
  t.same(said.sort(), expected.sort());
  t.equal(backend.memory().liveStorages, 0);
});

void t.test('the name of a routine does not make it stand for another kernel', async (t) => {
  t.capture(console, 'warn');
  const cell = function (this: Cell, x: number[]) {
    return 2.0 * x[this.thread.x];
  };
  const twice = defineKernel({ ...kernels.gelu, stages: [{ out: 'y', reads: ['x'], cell }] });
  const item = { label: '', inputs: { x: vector([1, 2, 3]) }, outputs: { y: [3] }, tolerance: 0 };
  t.same([...(await runCase(backend, { kernel: twice, ...item })).y], [2, 4, 6]);
  t.not((await runCase(backend, { kernel: kernels.gelu, ...item })).y[0], 2);
});

/** y = x / |x| row by row; the norms are a temporary. */
const unit = defineKernel({
  name: 'unit',
  inputs: { x: 2, n: 0 },
  outputs: { y: 2 },
  temps: { norm: ({ x }) => [x[0]] },
  stages: [
    {
      out: 'norm',
      reads: ['x', 'n'],
      cell: function (x: number[][], n: number) {
        let sum = 0.0;
        for (let i = 0; i < n; i++) sum += x[this.thread.x][i] * x[this.thread.x][i];
        return Math.sqrt(sum);
      },
    },
    {
      out: 'y',
      reads: ['x', 'norm'],
      cell: function (x: number[][], norm: number[]) {
        return x[this.thread.y][this.thread.x] / norm[this.thread.y];
      },
    },
  ],
});

const unitOp = defineOp({
  name: 'unit',
  inputs: ['x'],
  shape: ({ x }) => x,
  run: ({ x }, _, shape) => launch(unit, { x, n: x.shape[1] }, { y: shape }),
  saves: ['x', 'y'],
  // d/dx x / |x| = (dy - y (y . dy)) / |x|, and |x| = x . y
  vjp: ({ x, y, dy }) => ({
    x: () => dy.sub(y.mul(y.mul(dy).sum(1, true))).div(x.mul(y).sum(1, true)),
  }),
  samples: [{ shapes: { x: [3, 4] } }],
});

void t.test('an op of a user, its value and its gradient', async (t) => {
  t.capture(console, 'warn');
  const random = new Generator(5);
  const [data, seed] = [0, 1].map(() => Float32Array.from({ length: 5 * 7 }, () => random.normal()));
  const run = async (where: Backend) => {
    const results = scope(() => {
      const x = tensor(data, [5, 7], { backend: where, requiresGrad: true });
      const y = unitOp.apply({ x });
      const [dx] = vjp(y, tensor(seed, [5, 7], { backend: where }), [x]);
      return [y.read(), dx!.read()];
    });
    return Promise.all(results);
  };
  const float64 = new ReferenceBackend('float64');
  const x = tensor(data, [5, 7], { backend: float64 });
  t.ok((await checkGradient((input) => unitOp.apply({ x: input }), [x])).error < 1e-6);
  const [actual, expected] = [await run(backend), await run(float64)];
  const worst = actual.map((cells, i) => Math.max(...cells.map((cell, j) => Math.abs(cell - expected[i][j]))));
  t.ok(Math.max(...worst) < 1e-6, `value and gradient are off by ${worst.join(' and ')}`);
  t.equal(backend.memory().liveStorages, 0);
});
