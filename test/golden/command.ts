// The command behind `npm run golden`: checks a golden folder on one backend and says what it found.
import { parseArgs } from 'node:util';
import { backendNames, type Backend, type BackendName } from '../../kernels/backend.js';
import { openBackend } from '../../kernels/open.js';
import { checkGolden, describe, holds, type Finding } from './check.js';
import { checkObjectives, objectiveFolders } from './objectives.js';

const usage = `Usage: npm run golden -- DIR [--backend NAME]
Compares losses, gradients and AdamW steps with the golden numbers in DIR, laid out like shared/golden/tiny, or like
shared/golden/objectives/tiny, a folder of folders, one for each objective.
Backends: auto (default), ${backendNames.join(', ')}. reference computes in float64, all others in float32.`;

/** The numbers of RetroMAE, or of all objectives in a folder. */
async function check(dir: string, backend: Backend): Promise<{ findings: Finding[]; missing: string[] }> {
  if (await objectiveFolders(dir)) return checkObjectives(dir, backend);
  return { findings: await checkGolden(dir, backend), missing: [] };
}

/** Runs the command; returns its exit code: 0 only where everything holds. */
export async function golden(args: readonly string[], print: (line: string) => void): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { backend: { type: 'string', default: 'auto' }, help: { type: 'boolean', default: false } },
    });
    if (values.help || positionals.length !== 1) {
      print(usage);
      return values.help ? 0 : 2;
    }
    const dtype = values.backend === 'reference' ? 'float64' : 'float32';
    const backend = await openBackend(values.backend as BackendName | 'auto', { dtype });
    try {
      print(`${positionals[0]} on ${backend.name}: ${backend.description}`);
      const { findings, missing } = await check(positionals[0], backend);
      print(describe(findings));
      if (missing.length > 0) print(`Not implemented here, and not compared: ${missing.join(', ')}.`);
      if (findings.length === 0) throw new Error(`${positionals[0]}: nothing in it is implemented here.`);
      print(holds(findings) ? 'Everything holds.' : 'NOT everything holds.');
      return holds(findings) ? 0 : 1;
    } finally {
      await backend.close();
    }
  } catch (error) {
    print((error as Error).message);
    return 2;
  }
}
