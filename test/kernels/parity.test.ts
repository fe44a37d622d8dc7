// Every kernel gives the same numbers on every backend that runs in plain JavaScript or through gpu.js.
import t from 'tap';
import { library, recipes } from './cases.js';
import { parity } from './parity.js';
import { ReferenceBackend } from '../../kernels/reference.js';
import { GpuJsBackend } from '../../kernels/gpu/gpujs.js';

void t.test('every kernel of the library has cases', (t) => {
  const covered = new Set(recipes.map(({ kernel }) => kernel));
  for (const [name, kernel] of library) t.ok(covered.has(kernel), name);
  for (const recipe of recipes) t.ok(recipe.table(1).length >= 3, `${recipe.kernel.name} has enough of them`);
  t.end();
});
void t.test('reference, float32', async (t) => parity(t, new ReferenceBackend('float32')));
void t.test('cpu', async (t) => parity(t, new GpuJsBackend('cpu')));
void t.test('cpu', async (t) => parity(t, new GpuJsBackend('webasm')));
