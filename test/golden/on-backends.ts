// Golden numbers from PyTorch on backends: losses, all gradients, five AdamW steps, within the limits of check.ts.
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Test } from 'tap';
import { testBackends, type TestBackend } from '../support/backends.js';
import { checkGolden, describe, holds } from './check.js';
import { rows } from './objective-rows.js';
import { checkObjectives } from './objectives.js';

export const folders = ['tiny', 'odd'].map((name) => join(process.cwd(), '..', 'shared', 'golden', name));
const absent = folders.filter((dir) => !existsSync(dir));

/** Why golden tests cannot run here, or false. */
export const skip = absent.length > 0 && `${absent.join(', ')} is not there`;

/**
 * Registers a test of both folders for each of these backends. Where a step takes long, the other objectives are compared on
 * one folder alone: that of odd sizes.
 */
export function testGolden(t: Test, names: readonly TestBackend['name'][]): void {
  for (const { name, open } of testBackends()) {
    if (!names.includes(name)) continue;
    void t.test(name, { skip }, async (t) => {
      const backend = await open();
      if (typeof backend === 'string') return void t.plan(0, backend);
      t.comment(backend.description);
      for (const dir of folders) {
        const findings = await checkGolden(dir, backend);
        t.comment(`${basename(dir)}\n${describe(findings)}`);
        t.ok(holds(findings), basename(dir));
        if (name.startsWith('gpu:') && dir !== folders.at(-1)) continue;
        const others = join(dirname(dir), 'objectives', basename(dir));
        const all = await checkObjectives(others, backend);
        t.comment(`objectives/${basename(dir)}\n${describe(all.findings)}`);
        t.ok(holds(all.findings), `objectives/${basename(dir)}`);
        const compared = new Set(all.findings.map(({ objective }) => objective.split(' ')[0]));
        t.same([...compared].sort(), Object.keys(rows).sort(), 'every objective that has a row was compared');
      }
      await backend.close();
    });
  }
}
