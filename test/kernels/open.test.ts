// Opening backends by name: what is asked for is what runs, or an error says why not.
import t from 'tap';
import { measureGflops } from '../../kernels/auto.js';
import { backendNames, type BackendName } from '../../kernels/backend.js';
import { openBackend } from '../../kernels/open.js';
import { testBackends } from '../support/backends.js';

void t.test('each name opens the backend that bears it', async (t) => {
  for (const { name, open } of testBackends()) {
    const backend = await open();
    if (typeof backend === 'string') {
      t.match(backend, /^backend gpu:webgpu: .*; to have it: /, backend);
      continue;
    }
    t.equal(backend.name, name === 'reference64' ? 'reference' : name);
    t.equal(backend.dtype, name === 'reference64' ? 'float64' : 'float32');
    t.ok(backend.description.length > 0, backend.description);
    await backend.close();
  }
});

void t.test('unknown names and impossible wishes are refused', async (t) => {
  const error = await openBackend('cuda' as BackendName).catch(String);
  for (const name of ['auto', ...backendNames]) t.match(error, name);
  await t.rejects(openBackend('toString' as BackendName), /unknown/);
  for (const name of ['auto', 'wasm', 'gpu:cpu'] as const)
    await t.rejects(openBackend(name, { dtype: 'float64' }), /float64 needs the backend reference/);
});

void t.test('auto says what it took and why, and takes no software adapter', async (t) => {
  const backend = await openBackend('auto', { threads: 1 });
  t.match(backend.description, /\(auto: (no GPU|the faster one)/, backend.description);
  if (backend.description.includes('no GPU')) t.equal(backend.name, 'wasm');
  t.ok((await measureGflops(backend)) > 0);
  t.equal(backend.memory().liveStorages, 0);
  await backend.close();
});
