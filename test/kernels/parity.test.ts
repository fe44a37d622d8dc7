// Every kernel gives the same numbers on the reference in float32 and on gpu.js without a GPU.
import t from 'tap';
import { library, recipes } from './cases.js';
import { testParity } from './parity.js';

void t.test('every kernel of the library has cases', (t) => {
  const covered = new Set(recipes.map(({ kernel }) => kernel));
  for (const [name, kernel] of library) t.ok(covered.has(kernel), name);
  for (const recipe of recipes) t.ok(recipe.table(1).length >= 3, `${recipe.kernel.name} has enough of them`);
  t.end();
});

testParity(t, ['reference', 'gpu:cpu', 'gpu:webasm']);
