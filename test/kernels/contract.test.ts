// What every backend owes its users besides right numbers: memory, order of launches, errors.
import t, { type Test } from 'tap';
import type { Backend, Storage } from '../../kernels/backend.js';
import { adamW, affine, linear, sumOfSquares } from '../../kernels/library/index.js';
import { testBackends } from '../support/backends.js';

/** y = x + 1 over the first `cells`. */
function increment(backend: Backend, x: Storage, y: Storage, cells = x.cells): void {
  const dims = [cells];
  backend.launch(affine, { x: { storage: x, dims }, scale: 1, shift: 1 }, { y: { storage: y, dims } });
}

const checks: Record<string, (t: Test, backend: Backend) => Promise<void>> = {
  async 'memory holds the data and then zeros, also where it was used before'(t, backend) {
    const used = backend.alloc(300, new Float32Array(300).fill(7));
    await backend.read(used);
    backend.free(used);
    const [fresh, partly] = [backend.alloc(300, []), backend.alloc(5, [1, 2])];
    t.ok(
      (await backend.read(fresh)).every((cell) => cell === 0),
      'zeros',
    );
    t.same([...(await backend.read(partly))], [1, 2, 0, 0, 0]);
    t.same([...(await backend.read(partly, 1))], [1], 'a prefix can be read');
    t.same([...(await backend.read(partly, 0))], [], 'so can nothing');
    for (const storage of [fresh, partly]) backend.free(storage);
  },
  async 'a launch sees what was there when it was enqueued'(t, backend) {
    const first = backend.alloc(100, new Float32Array(100).fill(1));
    const second = backend.alloc(100);
    increment(backend, first, second);
    backend.free(first);
    const third = backend.alloc(100, new Float32Array(100).fill(50));
    increment(backend, second, third, 99);
    t.same([...(await backend.read(third))].slice(97), [3, 3, 50]);
    t.same([...(await backend.read(second))].slice(97), [2, 2, 2]);
    for (const storage of [second, third]) backend.free(storage);
  },
  async 'hundreds of launches in a row, to and fro'(t, backend) {
    let [from, to] = [backend.alloc(3, [0, 10, 20]), backend.alloc(3)];
    for (let i = 0; i < 500; i++) {
      increment(backend, from, to);
      [from, to] = [to, from];
    }
    t.same([...(await backend.read(from))], [500, 510, 520]);
    for (const storage of [from, to]) backend.free(storage);
  },
  async 'updates in place, of the first cells too'(t, backend) {
    const [p, m, v] = [backend.alloc(4, [1, 1, 1, 9]), backend.alloc(4, [0, 0, 0, 8]), backend.alloc(4, [0, 0, 0, 7])];
    const [g, factor] = [backend.alloc(3, [1, 1, 1]), backend.alloc(1, [1])];
    const view = (storage: Storage, ...dims: number[]) => ({ storage, dims });
    const arrays = { p: view(p, 1, 3), m: view(m, 1, 3), v: view(v, 1, 3) };
    const rates = { lr: 0.25, beta1: 0.5, beta2: 0.5, eps: 0, decay: 0, correction1: 0.5, correction2: 0.5 };
    const gradient = { g: view(g, 1, 3), factor: view(factor, 1) };
    backend.launch(adamW, { ...arrays, ...gradient, ...rates }, arrays);
    backend.launch(adamW, { ...arrays, ...gradient, ...rates, correction1: 0.75, correction2: 0.75 }, arrays);
    t.ok(Math.abs((await backend.read(p))[0] - 0.5) < 1e-6);
    t.same([...(await backend.read(m))], [0.75, 0.75, 0.75, 8]);
    t.equal((await backend.read(v))[3], 7);
    t.equal((await backend.read(p))[3], 9);
    for (const storage of [p, m, v, g, factor]) backend.free(storage);
  },
  async 'many launches of a kernel at once, each with its own numbers'(t, backend) {
    const sizes = [3, 0, 9001];
    const line = (cells: number, value: number) => backend.alloc(cells, new Float32Array(cells).fill(value));
    const one = (value: number) => ({ storage: line(1, value), dims: [1] });
    const row = (cells: number, value: number) => ({ storage: line(cells, value), dims: [1, cells] });
    const [total, other, factor] = [one(1), one(2), one(1)];
    const tensors = sizes.map((n) => ({ p: row(n, 4), m: row(n, 0), v: row(n, 0), g: row(n, 2) }));
    const rates = { lr: 0.25, beta1: 0.5, beta2: 0.5, eps: 0, correction1: 0.5, correction2: 0.5 };
    backend.launchAll(
      adamW,
      tensors.map(({ g, ...outputs }, i) => ({ inputs: { ...outputs, g, factor, ...rates, decay: i }, outputs })),
    );
    backend.launchAll(
      sumOfSquares,
      [total, total, total, other].map((sum, i) => ({
        inputs: { g: tensors[i % 3].g, total: sum, rows: 1, columns: sizes[i % 3] },
        outputs: { total: sum },
      })),
    );
    for (const [i, { p }] of tensors.entries())
      t.ok(
        (await backend.read(p.storage)).every((x) => Math.abs(x - (4 * (1 - i / 4) - 0.25)) < 1e-6),
        `p of ${p.dims[1]} cells`,
      );
    t.same([...(await backend.read(total.storage))], [1 + 4 * 9004]);
    t.same([...(await backend.read(other.storage))], [2 + 4 * 3], 'and another sum beside it');
    backend.launchAll(adamW, []);
    for (const { storage } of [total, other, factor, ...tensors.flatMap((tensor) => Object.values(tensor))])
      backend.free(storage);
  },
  async 'wrong operands are refused by name'(t, backend) {
    const x = backend.alloc(6);
    const view = (...dims: number[]) => ({ storage: x, dims });
    const bias = view(2);
    t.throws(() => backend.launch(linear, { x: view(6), w: view(2, 3), bias, k: 3 }, { y: view(2, 2) }), /linear: x/);
    t.throws(
      () => backend.launch(linear, { x: view(2, 3), w: view(3, 3), bias, k: 3 }, { y: view(2, 2) }),
      /linear: w/,
    );
    await backend.read(x);
    backend.free(x);
  },
  async 'memory is counted'(t, backend) {
    const bytes = backend.dtype === 'float64' ? 8 : 4;
    const before = backend.memory();
    const [a, b] = [backend.alloc(1000), backend.alloc(24)];
    t.equal(backend.memory().liveBytes - before.liveBytes, 1024 * bytes);
    t.equal(backend.memory().liveStorages - before.liveStorages, 2);
    backend.free(a);
    t.equal(backend.memory().liveBytes - before.liveBytes, 24 * bytes);
    t.ok(backend.memory().peakBytes >= 1024 * bytes);
    backend.free(b);
    t.throws(() => backend.free(b), /freed/);
    await Promise.resolve();
  },
};

for (const { name, open } of testBackends())
  void t.test(name, async (t) => {
    const backend = await open();
    if (typeof backend === 'string') return void t.plan(0, backend);
    for (const [title, check] of Object.entries(checks)) await t.test(title, async (t) => check(t, backend));
    t.equal(backend.memory().liveStorages, 0);
    await backend.close();
  });
