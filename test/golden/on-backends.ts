// Golden numbers from PyTorch on backends: losses, all gradients, five AdamW steps, within the limits of check.ts.
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Test } from 'tap';
import { testBackends, type TestBackend } from '../support/backends.js';
import { checkGolden, describe, holds } from './check.js';

export const folders = ['tiny', 'odd'].map((name) => join(process.cwd(), '..', 'shared', 'golden', name));
const absent = folders.filter((dir) => !existsSync(dir));

/** Why golden tests cannot run here, or false. */
export const skip = absent.length > 0 && `${absent.join(', ')} is not there`;

/** Registers a test of both folders for each of these backends. */
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
      }
      await backend.close();
    });
  }
}
