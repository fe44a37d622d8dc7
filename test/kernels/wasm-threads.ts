// Runs a case on the wasm backend with 1, 2 and 3 threads, unshared, and without relaxed SIMD, against the reference in float64.
import type { Test } from 'tap';
import type { FloatArray } from '../../kernels/backend.js';
import { ReferenceBackend } from '../../kernels/reference.js';
import { WasmBackend } from '../../kernels/wasm/backend.js';
import { runCase, worstOutput, type Case } from './case.js';

const truth = new ReferenceBackend('float64');

/** Opens the backends; the function checks a case on all of them and gives the results. */
export async function openThreads(t: Test): Promise<(item: Case) => Promise<Record<string, FloatArray>>> {
  const backends = await Promise.all([1, 2, 3].map((threads) => WasmBackend.open({ threads })));
  backends.push(await WasmBackend.open({ shared: false }));
  const separate = await WasmBackend.open({ threads: 2, relaxed: false });
  t.teardown(() => Promise.all([...backends, separate].map((backend) => backend.close())));
  return async (item) => {
    const where = `${item.kernel.name} ${item.label}`;
    const [first, ...others] = await Promise.all(backends.map((backend) => runCase(backend, item, { padding: 5 })));
    const expected = await runCase(truth, item);
    for (const results of [first, await runCase(separate, item, { padding: 5 })]) {
      const { output, error } = worstOutput(results, expected);
      if (!(error <= item.tolerance))
        throw new Error(`${where}: ${output} is off by ${error}, allowed ${item.tolerance}`);
    }
    for (const other of others)
      for (const name of Object.keys(first))
        if (Buffer.compare(bytes(first[name]), bytes(other[name])) !== 0)
          throw new Error(`${where}: bits of ${name} depend on the number of threads or on their memory`);
    return first;
  };
}

const bytes = (cells: FloatArray) => Buffer.from(cells.buffer, cells.byteOffset, cells.byteLength);
