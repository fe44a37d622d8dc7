// The numbered examples: each runs, says what the reader should see, draws what it promises, and is short.
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';

const run = promisify(execFile);
const folder = resolve('examples');

interface Expected {
  readonly args?: readonly string[];
  readonly says: readonly RegExp[];
  /** What must hold of what it says. */
  readonly holds?: (stdout: string) => boolean;
  /** Pictures. */
  readonly draws?: readonly string[];
}

const examples: Readonly<Record<string, Expected>> = {
  '01-gradients.js': {
    says: [
      /^dy\/da \[1\] -1\.5729$/m,
      /predicted -4\.9764, happened -5\.0065/,
      /softmax\(p q\): relative error below 1e-6/,
      /hidden: relative error 0\.3333/,
    ],
  },
  '02-your-own-op.js': {
    says: [/agrees to 1e-6/, /^reference (.*)\nwasm +\1$/m, /largest difference: below 1e-6/],
  },
  '03-attention.js': { says: [/the same to 1e-12/, /sum 1\.00/], draws: ['attention.svg'] },
  '04-masks.js': {
    says: [/stands at \[CLS\]: true/, /does not see itself: true/, / committee <- \[CLS\] /],
    draws: ['masks.svg'],
  },
  '05-mlm.js': { says: [/^8 of 8 right$/m] },
  '06-retromae.js': { says: [/the same to 1e-6/] },
  '07-finetune.js': {
    says: [/^step 40: loss \d/m, /^nDCG@10 before 0\.\d+, after 0\.\d+; BM25 0\.\d+$/m],
    holds: (stdout) => {
      const [, before, after] = /before (0\.\d+), after (0\.\d+)/.exec(stdout)!;
      return Number(after) > Number(before);
    },
    draws: ['pairs-before.svg', 'pairs-after.svg'],
  },
  '08-search-your-notes.js': {
    says: [/^\d+ paragraphs of \d+ files/m, /^1\.00 {2}/m, /^0\.\d\d {2}.*\n.*layer norm/m],
    args: [resolve('docs'), 'where is the gradient of layer norm'],
  },
  '09-your-own-objective.js': { says: [/^the vector tells more than frequency does$/m] },
};

void t.test('all are here', (t) => {
  const numbered = readdirSync(folder).filter((name) => /^\d\d-.*\.js$/.test(name));
  t.same(numbered.sort(), Object.keys(examples));
  t.end();
});

for (const [name, { says, holds = () => true, draws = [], args = [] }] of Object.entries(examples))
  void t.test(name, async (t) => {
    const path = join(folder, name);
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    t.ok(lines.length <= 100, `${lines.length} lines`);
    const cwd = t.testdir({});
    const { stdout } = await run(process.execPath, [path, ...args], { cwd });
    for (const fact of says) t.match(stdout, fact);
    t.ok(holds(stdout), stdout);
    t.notMatch(stdout, /NaN|undefined|NOT/);
    t.equal(existsSync(join(cwd, 'runs')), draws.length > 0, 'it leaves no more than it says');
    for (const picture of draws) {
      const drawn = readFileSync(join(cwd, 'runs', picture), 'utf8');
      t.match(drawn, /^<svg [^]*<desc>.+<\/desc>/);
      const shown = join('docs', 'pictures', picture);
      // Stale? Run the example, and copy it there.
      if (existsSync(shown)) t.equal(readFileSync(shown, 'utf8'), drawn, `${shown} is what it draws`);
    }
  });

void t.test('notes that are not there', async (t) => {
  const notes = join(folder, '08-search-your-notes.js');
  await t.rejects(run(process.execPath, [notes]), { code: 2, stderr: /08-search-your-notes\.js FOLDER/ });
  await t.rejects(run(process.execPath, [notes, 'nowhere']), { code: 2, stderr: /nowhere: is not there/ });
  await t.rejects(run(process.execPath, [notes, t.testdir({})]), { code: 1, stderr: /has no notes/ });
});
