// A few thousand broken inputs for every reader and every command, always the same: none may be a fault.
import { join } from 'node:path';
import t from 'tap';
import { fuzz } from './command.js';

const PROGRAM = join(process.cwd(), 'dist/tools/fuzz.js');
const SEED = 20;

void t.test('mutated files and arguments are accepted, or refused in a line that names them', async (t) => {
  const { tallies, kinds } = await fuzz({
    program: PROGRAM,
    inputs: 6000,
    minutes: Infinity,
    seed: SEED,
    jobs: 2,
    // The machine may be busy; a real hang is found all the same.
    limit: 60,
    faults: t.testdir({}),
    print: (line) => t.comment(line),
  });
  t.same(
    [...kinds.values()].map(({ kind, message }) => `${kind}: ${message}`),
    [],
  );
  for (const [name, { accepted, refused }] of tallies) {
    t.ok(accepted > 0, `${name}: some are accepted`);
    t.ok(refused > 0, `${name}: some are refused`);
  }
});
