// What only the WebGPU backend has: errors that come late, limits of the device, buffers used again.
import t from 'tap';
import { defineKernel } from '../../kernels/kernel.js';
import { affine } from '../../kernels/library/index.js';
import { BufferPool } from '../../kernels/gpu/pool.js';
import { WebGpuBackend } from '../../kernels/gpu/webgpu.js';
import { testBackends } from '../support/backends.js';

/** The backend, or undefined after the test was skipped. */
async function open(t: { plan(n: number, reason: string): void }): Promise<WebGpuBackend | undefined> {
  const backend = await testBackends()
    .find(({ name }) => name === 'gpu:webgpu')!
    .open();
  if (backend instanceof WebGpuBackend) return backend;
  t.plan(0, String(backend));
  return undefined;
}

const broken = defineKernel({
  name: 'broken',
  inputs: { x: 1 },
  outputs: { y: 1 },
  stages: [
    {
      out: 'y',
      reads: ['x'],
      cell: function (x: number[]) {
        let sum = 0.0;
        // WGSL counts whole numbers only: this is the shader's error, found by the device.
        for (let i = x[0]; i < 3; i++) sum += i;
        return sum;
      },
    },
  ],
});

void t.test('an error of the device surfaces at the next read and names the kernel', async (t) => {
  const backend = await open(t);
  if (!backend) return;
  const x = { storage: backend.alloc(4, [1, 2, 3, 4]), dims: [4] };
  t.same([...(await backend.read(x.storage))], [1, 2, 3, 4]);
  backend.launch(broken, { x }, { y: { storage: backend.alloc(4), dims: [4] } });
  await t.rejects(backend.read(x.storage), /kernel broken, stage y/);
  await t.rejects(backend.read(x.storage), /kernel broken, stage y/, 'and at all that follow');
  await backend.close();
});

void t.test('an array larger than the device allows is refused at once', async (t) => {
  const backend = await open(t);
  if (!backend) return;
  t.throws(() => backend.alloc(2 ** 40), /4398046511104 bytes exceeds/);
  t.equal(backend.memory().liveBytes, 0);
  await backend.close();
});

void t.test('reading while more is enqueued, and several reads at once', async (t) => {
  const backend = await open(t);
  if (!backend) return;
  const [x, y] = [backend.alloc(2, [1, 2]), backend.alloc(2)];
  const view = (storage: typeof x) => ({ storage, dims: [2] });
  backend.launch(affine, { x: view(x), scale: 2, shift: 0 }, { y: view(y) });
  const first = backend.read(y);
  backend.launch(affine, { x: view(x), scale: 3, shift: 0 }, { y: view(y) });
  const second = backend.read(y);
  t.same([...(await first)], [2, 4], 'what was there when it was asked for');
  t.same([...(await second)], [3, 6]);
  await backend.close();
});

void t.test('buffers are used again, and idle ones are destroyed in the end', (t) => {
  let live = 0;
  const limits = { maxBufferSize: 2 ** 30, maxStorageBufferBindingSize: 2 ** 30 };
  const createBuffer = () => {
    live++;
    return { destroy: () => live-- };
  };
  const pool = new BufferPool({ limits, createBuffer } as unknown as GPUDevice);
  for (let step = 0; step < 100; step++) {
    const blocks = [1000, 1000, 5000 - step, 1e6 + step].map((bytes) => pool.take(bytes));
    t.ok(
      blocks.every(({ bytes }, i) => bytes >= [1000, 1000, 5000 - step, 1e6 + step][i]),
      'large enough',
    );
    for (const block of blocks) pool.give(block);
  }
  t.ok(live <= 6, `${live} buffers serve a hundred steps`);
  const large = Array.from({ length: 4 }, () => pool.take(40e6));
  for (const block of large) pool.give(block);
  pool.trim(200e6);
  t.ok(live >= 8, 'as much may idle as is live');
  pool.trim(0);
  t.ok(live <= 2, `${live} are kept when nothing is live`);
  t.end();
});
