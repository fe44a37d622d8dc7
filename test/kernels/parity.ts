// Checks backends against the reference in float64, on the whole test table and beyond 2^24 cells.
import type { Test } from 'tap';
import type { Backend, BackendName } from '../../kernels/backend.js';
import { ReferenceBackend } from '../../kernels/reference.js';
import { testBackends } from '../support/backends.js';
import { Random } from '../support/random.js';
import { runCase, worstOutput, type Case, type Results } from './case.js';
import { allCases, recipes } from './cases.js';
import { largeCases } from './large.js';

const truth = new ReferenceBackend('float64');

/** Fails `t` unless the backend gives what is expected; returns the time it took, in milliseconds. */
async function agree(t: Test, backend: Backend, item: Case, expected: Results, padding = 0): Promise<number> {
  const start = performance.now();
  const actual = await runCase(backend, item, { padding });
  const time = performance.now() - start;
  const worst = worstOutput(actual, expected);
  if (!(worst.error <= item.tolerance))
    t.fail(`${item.kernel.name} ${item.label}: ${worst.output} is off by ${worst.error}, allowed ${item.tolerance}`);
  return time;
}

/** The whole table, then `random` shapes of every kernel; storages are longer than their arrays every other time. */
export async function parity(t: Test, backend: Backend, random = 3): Promise<void> {
  const cases = allCases();
  for (const [i, item] of cases.entries()) await agree(t, backend, item, await runCase(truth, item), 3 * (i % 2));
  t.pass(`${cases.length} cases of ${recipes.length} kernels`);
  const drawn = recipes.flatMap((recipe, i) =>
    Array.from({ length: random }, (_, j) => recipe.draw(new Random(9 * i + j))),
  );
  for (const item of drawn) await agree(t, backend, item, await runCase(truth, item));
  t.pass(`${drawn.length} random shapes`);
}

async function large(t: Test, backend: Backend): Promise<void> {
  for (const item of largeCases()) {
    const time = await agree(t, backend, item, item.expected);
    t.pass(`${item.kernel.name} ${item.label}: ${time.toFixed(0)} ms`);
  }
}

/** Registers a test for each of these backends; a machine that lacks one skips it and says why. */
function onBackends(t: Test, names: readonly BackendName[], check: (t: Test, backend: Backend) => Promise<void>): void {
  for (const { name, open } of testBackends()) {
    if (!names.some((wanted) => wanted === name)) continue;
    void t.test(name, async (t) => {
      const backend = await open();
      if (typeof backend === 'string') return void t.plan(0, backend);
      t.comment(backend.description);
      await check(t, backend);
      t.equal(backend.memory().liveBytes, 0, 'all memory is given back');
      await backend.close();
    });
  }
}

/** Tests these backends on the table. */
export const testParity = (t: Test, names: readonly BackendName[]) => onBackends(t, names, parity);

/** Tests these backends above 2^24 cells. */
export const testLarge = (t: Test, names: readonly BackendName[]) => onBackends(t, names, large);
