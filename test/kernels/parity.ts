// Checks a backend against the reference in float64 on the whole test table.
import type { Test } from 'tap';
import type { Backend } from '../../kernels/backend.js';
import { ReferenceBackend } from '../../kernels/reference.js';
import { allCases, recipes } from './cases.js';
import { runCase, worstOutput, type Case } from './case.js';
import { Random } from '../support/random.js';

const truth = new ReferenceBackend('float64');

/** Fails `t` unless the backend agrees with the truth on this case. */
export async function agree(t: Test, backend: Backend, item: Case, padding = 0): Promise<void> {
  const expected = await runCase(truth, item);
  const worst = worstOutput(await runCase(backend, item, { padding }), expected);
  if (!(worst.error <= item.tolerance))
    t.fail(`${item.kernel.name} ${item.label}: ${worst.output} is off by ${worst.error}, allowed ${item.tolerance}`);
}

/** The whole table, then `random` shapes of every kernel; storages are longer than their arrays every other time. */
export async function parity(t: Test, backend: Backend, random = 2): Promise<void> {
  t.comment(`${backend.name}: ${backend.description}`);
  const cases = allCases();
  for (const [i, item] of cases.entries()) await agree(t, backend, item, 3 * (i % 2));
  t.pass(`${cases.length} cases of ${recipes.length} kernels`);
  const source = new Random(7);
  for (const recipe of recipes) for (let i = 0; i < random; i++) await agree(t, backend, recipe.draw(source));
  t.pass(`${random} random shapes of each`);
  t.equal(backend.memory().liveBytes, 0, 'all memory is given back');
}
