// One thread with memory of its own, as on a page that cannot share any: the bits of shared memory, and plain words.
import t from 'tap';
import fused from '../../dist/wasm/kernels-relaxed.wasm';
import plain from '../../dist/wasm/kernels.wasm';
import { setBackend } from '../../core/index.js';
import { vocabularyMax } from '../../kernels/library/index.js';
import { Heap } from '../../kernels/wasm/heap.js';
import { hasRelaxedSimd } from '../../kernels/wasm/relaxed.js';
import { unshared } from '../../kernels/wasm/unshared.js';
import { WasmBackend } from '../../kernels/wasm/backend.js';
import { Random, vector } from '../support/random.js';
import { everyBit, newModel, newOptimizer, trainStep } from '../retromae/tiny.js';
import { runCase } from './case.js';

void t.test('one byte of the module changes, and it takes ordinary memory', async (t) => {
  await hasRelaxedSimd();
  for (const module of [plain, fused]) {
    const own = unshared(module);
    t.equal(own.filter((byte, i) => byte !== module[i]).length, 1);
    const imports = (memory: WebAssembly.Memory) => WebAssembly.instantiate(own, { env: { memory } });
    await imports(new Heap({ shared: false }).memory);
    await t.rejects(imports(new Heap().memory), /shared/);
    t.throws(() => unshared(own), /do not import shared memory as env.memory.*npm run build/, 'once');
  }
  t.throws(() => unshared(plain.slice(0, 8)), /do not import/, 'nothing is in it');
  t.throws(() => unshared(plain.map((byte) => (byte === 109 ? 110 : byte))), /do not import/, 'nenory');
});

void t.test('views that are made after the memory has grown see what was written before', async (t) => {
  const heap = new Heap({ shared: false });
  const first = heap.alloc(16);
  heap.f32(first, 4).set([1, 2, 3, 4]);
  heap.i32(heap.alloc(1 << 20), 1 << 18).fill(7);
  t.same([...heap.f32(first, 4)], [1, 2, 3, 4]);
});

void t.test('a routine that reads and allocates gets on with memory that grows', async (t) => {
  const random = new Random(1);
  const [rows, words] = [100, 3001];
  const table = { table: random.array([words, 4]), bias: random.array([words]), width: 4 };
  const inputs = { x: random.array([rows, 4]), ...table, offsets: vector([0, 30, rows]), skip: 1 };
  const outputs = { top: [2, words], row: [2, words] };
  const run = async (shared: boolean) => {
    const backend = await WasmBackend.open({ threads: 1, shared });
    const results = await runCase(backend, { kernel: vocabularyMax, label: '', inputs, outputs, tolerance: 0 });
    await backend.close();
    return results;
  };
  t.same(await run(false), await run(true));
});

void t.test('training steps have the bits of shared memory', async (t) => {
  const train = async (shared: boolean) => {
    const backend = await WasmBackend.open({ threads: 1, shared });
    const former = setBackend(backend);
    const model = newModel(1);
    const optimizer = newOptimizer(model);
    for (let step = 0; step < 3; step++) await trainStep(model, optimizer, step);
    const bits = await everyBit(model, optimizer);
    setBackend(former);
    await backend.close();
    return bits;
  };
  t.same(await train(false), await train(true));
});

void t.test('without SharedArrayBuffer there is one thread, which says so, and several are refused', async (t) => {
  const shared = globalThis.SharedArrayBuffer;
  t.teardown(() => Object.assign(globalThis, { SharedArrayBuffer: shared }));
  Reflect.deleteProperty(globalThis, 'SharedArrayBuffer');
  const backend = await WasmBackend.open();
  t.equal(backend.threads, 1);
  t.match(
    backend.description,
    /, 1 thread \(its memory is not shared: more threads need a cross-origin isolated page\)$/,
  );
  await backend.close();
  await t.rejects(
    WasmBackend.open({ threads: 2 }),
    /threads is 2, but .* isolated\. Leave threads out .* Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Emb/,
  );
});
