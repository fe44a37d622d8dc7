// What the fuzzer takes for a fault, shown on planted ones: a harness that cannot fail shows nothing.
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { UsageError } from '../../cli/flags.js';
import { command } from './command.js';
import type { Input } from './edits.js';
import type { Target } from './targets.js';
import { Trial } from './trial.js';
import { judgeRefusal, judgeWords, type Verdict } from './verdict.js';

const NAME = '/case/config.json';
const judged = (error: unknown): string => {
  const message = error instanceof Error ? error.message : String(error);
  return whatOf(judgeRefusal(error, `retromae: ${message}`, ['/case', 'config.json']));
};
const whatOf = (verdict: Verdict): string => (typeof verdict === 'string' ? verdict : verdict.what);

void t.test('errors', async (t) => {
  t.equal(judged(new Error(`${NAME}: is not JSON; copy it again.`)), 'refused');
  t.equal(judged(new Error('config.json: is not JSON; copy it again.')), 'refused');
  t.equal(judged(new UsageError('--top is 0; it must be at least 1.')), 'refused');
  const inner = [
    new TypeError(`${NAME}: x`),
    new RangeError(`${NAME}: x`),
    new SyntaxError(`${NAME}: x`),
    new Error(`${NAME}: Cannot read properties of undefined (reading 'x')`),
    new Error(`${NAME}: x.map is not a function`),
    new Error(`${NAME}: undefined is not a function`),
    new Error(`${NAME}: Invalid array length`),
    new Error(`${NAME}: offset is out of bounds`),
    new Error(`${NAME}: Maximum call stack size exceeded`),
    new Error(`${NAME}: hidden_size is [object Object]`),
    new Error(`${NAME}: The value of "length" is out of range. ERR_OUT_OF_RANGE`),
  ];
  for (const error of inner) t.equal(judged(error), 'inner error', error.message);
  t.equal(judged(new Error('the file is damaged; copy it again.')), 'names no file and no flag');
  t.equal(judged(new Error(`${NAME}: one\n    at two (three.js:1:1)`)), 'several lines');
  t.equal(judged(new Error(`ENOENT: no such file or directory, open '${NAME}'`)), 'error of the system, told raw');
  t.equal(judged(`${NAME}: a string`), 'what is thrown is no error');
});

void t.test('notes', async (t) => {
  t.equal(judgeWords('Computing with wasm.\n'), 'accepted');
  t.equal(whatOf(judgeWords('read\nTypeError: x\n    at y (z.js:1:1)\n')), 'inner error in a note');
});

void t.test('what an input leaves', async (t) => {
  const input: Input = { case: 0, edits: [], args: [] };
  const fed = async (run: Target['run'], more: Partial<Target> = {}): Promise<string> => {
    const files = new Map([['a.txt', Buffer.from('a')]]);
    const trial = new Trial({ name: 'planted', cases: [{ files }], run, ...more }, t.testdir({}));
    await trial.warmUp();
    return whatOf(await trial.run(input));
  };
  const refuse = async () => {
    throw new Error('a.txt: no');
  };
  t.equal(await fed(async () => undefined), 'accepted');
  t.equal(await fed(refuse), 'refused');
  t.equal(await fed(refuse, { leftover: () => 'out' }), 'left behind');
  t.equal(
    await fed(async () => {
      void Promise.reject(new Error('nobody waits'));
    }),
    'unhandled rejection',
  );
  if (existsSync('/proc/self/fd'))
    t.equal(await fed(async ({ dir }) => void openSync(join(dir, 'a.txt'), 'r')), 'files left open');
});

/** A program in the place of the fuzzer's child: it hangs, dies, or says that it fed everything. */
const PLANTED = `import { writeFileSync } from 'node:fs';
const [, , , , , slate] = process.argv;
const mark = (index, count) => writeFileSync(slate, new Uint32Array([index, count]));
process.on('message', ({ target, seed, from, end, known }) => {
  const report = { inputs: end - from, accepted: end - from, refused: 0, faults: [] };
  for (let index = from; index < end; index++) {
    mark(index, index + 1);
    if (known) report.faults.push({ target, seed, index, what: known, message: known, kind: known, saved: '' });
    else if (index === 3) for (;;);
    else if (index === 5) process.exit(7);
  }
  process.send(report);
});
process.send({ ready: true });
`;

void t.test('a hang and a crash are found from outside, each by its input', async (t) => {
  const dir = t.testdir({});
  mkdirSync(join(dir, 'faults'));
  const program = join(dir, 'planted.mjs');
  writeFileSync(program, PLANTED);
  const said: string[] = [];
  const args = ['--inputs', '10', '--only', 'corpus', '--jobs', '1', '--limit', '1', '--faults', join(dir, 'faults')];
  t.equal(await command(args, program, (line) => said.push(line)), 1);
  const text = said.join('\n');
  t.match(text, /1 x hang/);
  t.match(text, /1 x crash/);
  t.match(text, /^corpus +10 +/m);
});

void t.test('flags of npm run fuzz', async (t) => {
  const said: string[] = [];
  const print = (line: string) => void said.push(line);
  t.equal(await command(['--help'], '', print), 0);
  t.equal(await command(['--only', 'nothing'], '', print), 2);
  t.equal(await command(['--jobs', '0'], '', print), 2);
  t.equal(await command(['--nothing'], '', print), 2);
  t.match(said[0], /--inputs N/);
  t.match(said.slice(1), [/--only is "nothing"/, /--jobs is "0"/, /--nothing/]);
  t.match(readFileSync('package.json', 'utf8'), '"fuzz": "node dist/tools/fuzz.js"');
});
