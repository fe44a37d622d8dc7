// The thread pool: every task once, whatever the workers do; errors arrive; nothing is left running.
import t from 'tap';
import wasm from '../../dist/wasm/kernels.wasm';
import { Engine } from '../../kernels/wasm/engine.js';
import { Heap } from '../../kernels/wasm/heap.js';
import { Pool } from '../../kernels/wasm/pool.js';

/** Without relaxed SIMD, `peak` with 0 rounds writes 8 times `scale` into 4 floats a task: a kernel that shows which tasks ran with what. */
function mark(engine: Engine, pointer: number, tasks: number, value: number): void {
  engine.run('peak', tasks, [pointer, 0, value / 8]);
}

void t.test('every task runs once with the arguments of its own launch, from before the workers are up', async (t) => {
  // More threads than cores, so that workers are often late: descheduled between two launches, or in the middle of one.
  const engine = await Engine.open({ threads: 4, relaxed: false });
  const tasks = 100;
  const areas = Array.from({ length: 3 }, () => engine.heap.alloc(16 * tasks));
  const started = performance.now();
  let launches = 0;
  while (performance.now() - started < 3000) {
    const area = areas[launches % areas.length];
    const count = 2 + (launches % (tasks - 2));
    const floats = engine.heap.f32(area, 4 * tasks);
    floats.fill(-1);
    mark(engine, area, count, 8 * launches);
    const wrong = floats.findIndex((value, i) => value !== (i < 4 * count ? 8 * Math.fround(launches) : -1));
    if (wrong >= 0) throw new Error(`launch ${launches}: float ${wrong} of ${4 * count} is ${floats[wrong]}`);
    launches++;
    // Now and then long enough for the workers to fall asleep.
    if (launches % 500 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  t.ok(launches > 200, `${launches} launches`);
  await engine.close();
});

void t.test('a trap in any thread is an error on the caller, and the pool lives on', async (t) => {
  const engine = await Engine.open({ threads: 3, relaxed: false });
  const pointer = engine.heap.alloc(16 * 64);
  const failed = new Set<string>();
  const started = performance.now();
  while (failed.size < 2 && performance.now() - started < 8000) {
    try {
      // The first two tasks are inside the memory and slow, the others far outside.
      engine.run('peak', 64, [engine.heap.memory.buffer.byteLength - 32, 20, 1]);
      t.fail('nothing was thrown');
    } catch (error) {
      const text = String(error);
      t.match(text, /kernel 'peak' failed on thread \d: .*memory access out of bounds/);
      failed.add(/thread 0/.test(text) ? 'main' : 'worker');
    }
    mark(engine, pointer, 64, 8);
    if (!engine.heap.f32(pointer, 256).every((value) => value === 8)) t.fail('the next launch went wrong');
  }
  t.ok(failed.has('worker'), 'a worker failed at least once');
  await engine.close();
});

void t.test('what cannot run is refused', async (t) => {
  const engine = await Engine.open({ threads: 2, relaxed: false });
  t.throws(() => engine.run('nosuch', 4, []), /no kernel 'nosuch' in the module, which has .*gemm/);
  t.throws(() => engine.run('peak', 4, new Array<number>(33).fill(0)), /33 arguments, at most 32/);
  engine.run('peak', 0, [0, 0, 0]);
  await engine.close();
  t.throws(() => engine.run('peak', 4, [65536, 0, 0]), /it was closed/);
  await t.rejects(Engine.open({ threads: 0, relaxed: false }), /threads is 0/);
});

void t.test('a worker that dies is reported by a later launch', async (t) => {
  const heap = new Heap();
  const module = await WebAssembly.compile(wasm);
  // Not a number: setScratch throws in the worker, outside any launch.
  const bad = 1n as unknown as number;
  const pool = await Pool.open({ module, memory: heap.memory, scratch: [heap.alloc(65536), bad], scratchBytes: 65536 });
  const sink = heap.alloc(64);
  const started = performance.now();
  let message = '';
  while (!message && performance.now() - started < 5000) {
    try {
      pool.run('peak', 4, [sink, 0, 1]);
    } catch (error) {
      message = String(error);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  t.match(message, /worker 1 died: TypeError/);
  await pool.close();
});

void t.test('idle workers sleep, and do not keep the process alive', async (t) => {
  // Left open on purpose: if its workers held the process, this file would time out.
  const engine = await Engine.open({ threads: 3, relaxed: false });
  mark(engine, engine.heap.alloc(1024), 64, 8);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const before = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, 500));
  const { user, system } = process.cpuUsage(before);
  t.ok(user + system < 100_000, `${(user + system) / 1000} ms of processor time in 500 ms`);
});
