// Golden numbers from PyTorch on backends: losses, all gradients, five AdamW steps, within the limits of check.ts.
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Test } from 'tap';
import type { Backend } from '../../kernels/backend.js';
import type { Kernel } from '../../kernels/kernel.js';
import { testBackends, type TestBackend } from '../support/backends.js';
import { checkGolden, describe, holds } from './check.js';
import { rows } from './objective-rows.js';
import { checkObjectives } from './objectives.js';

export const folders = ['tiny', 'odd'].map((name) => join(process.cwd(), '..', 'shared', 'golden', name));
const absent = folders.filter((dir) => !existsSync(dir));

/** Why golden tests cannot run here, or false. */
export const skip = absent.length > 0 && `${absent.join(', ')} is not there`;

/**
 * The objectives whose steps have kernels that RetroMAE's and DupMAE's have not (tanh, the largest words, maxima, comparisons),
 * and attention that looks back: with these two, every kernel that any objective launches, as a test below proves.
 */
const withKernelsOfTheirOwn = ['autoregressive', 'dupmae_representation', 'simcse'];

/** Where all objectives are compared, in float64 and on the engine that trains; elsewhere, those that bring kernels of their own. */
const withAll: readonly TestBackend['name'][] = ['reference64', 'wasm'];

/** The names of the kernels that `backend` launches from now on. */
function launchesOf(backend: Backend): Set<string> {
  const names = new Set<string>();
  for (const method of ['launch', 'launchAll'] as const) {
    const former = backend[method].bind(backend) as (kernel: Kernel, ...operands: unknown[]) => void;
    Object.assign(backend, {
      [method]: (kernel: Kernel, ...operands: unknown[]) => {
        names.add(kernel.name);
        former(kernel, ...operands);
      },
    });
  }
  return names;
}

/**
 * Registers a test of both folders for each of these backends. Where a step takes long, the other objectives are compared on
 * one folder alone, that of odd sizes. `npm run golden` compares all on any backend.
 */
export function testGolden(t: Test, names: readonly TestBackend['name'][]): void {
  for (const { name, open } of testBackends()) {
    if (!names.includes(name)) continue;
    void t.test(name, { skip }, async (t) => {
      const backend = await open();
      if (typeof backend === 'string') return void t.plan(0, backend);
      t.comment(backend.description);
      const launched = launchesOf(backend);
      for (const dir of folders) {
        const findings = await checkGolden(dir, backend);
        t.comment(`${basename(dir)}\n${describe(findings)}`);
        t.ok(holds(findings), basename(dir));
        if (name.startsWith('gpu:') && dir !== folders.at(-1)) continue;
        const others = join(dirname(dir), 'objectives', basename(dir));
        const compare = async (wanted: readonly string[]) => {
          const { findings } = await checkObjectives(others, backend, wanted);
          t.comment(`objectives/${basename(dir)}\n${describe(findings)}`);
          t.ok(holds(findings), `objectives/${basename(dir)}`);
          const compared = new Set(findings.map(({ objective }) => objective.split(' ')[0]));
          t.same([...compared].sort(), [...wanted].sort(), 'every objective was compared');
        };
        await compare(withKernelsOfTheirOwn);
        if (!withAll.includes(name)) continue;
        const before = [...launched].sort();
        await compare(Object.keys(rows).filter((row) => !withKernelsOfTheirOwn.includes(row)));
        t.same([...launched].sort(), before, 'the others launch no kernel that those above do not');
      }
      await backend.close();
    });
  }
}
