// The numbered examples: each runs, says what the reader should see, draws what it promises, and is short.
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';

const run = promisify(execFile);
const folder = resolve('examples');

/** What each prints, and draws. */
const examples: Readonly<Record<string, { says: readonly RegExp[]; draws?: string }>> = {
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
  '03-attention.js': { says: [/the same to 1e-12/, /sum 1\.00/], draws: 'attention.svg' },
  '04-masks.js': {
    says: [/stands at \[CLS\]: true/, /does not see itself: true/, / committee <- \[CLS\] /],
    draws: 'masks.svg',
  },
  '05-mlm.js': { says: [/^8 of 8 right$/m] },
  '06-retromae.js': { says: [/the same to 1e-6/] },
};

void t.test('all are here', (t) => {
  const numbered = readdirSync(folder).filter((name) => /^\d\d-.*\.js$/.test(name));
  t.same(numbered.sort(), Object.keys(examples));
  t.end();
});

for (const [name, { says, draws }] of Object.entries(examples))
  void t.test(name, async (t) => {
    const path = join(folder, name);
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    t.ok(lines.length <= 100, `${lines.length} lines`);
    const cwd = t.testdir({});
    const { stdout } = await run(process.execPath, [path], { cwd });
    for (const fact of says) t.match(stdout, fact);
    t.notMatch(stdout, /NaN|undefined|NOT/);
    if (draws === undefined) return void t.notOk(existsSync(join(cwd, 'runs')), 'it leaves nothing');
    const drawn = readFileSync(join(cwd, 'runs', draws), 'utf8');
    t.match(drawn, /^<svg [^]*<desc>.+<\/desc>/);
    // Stale? Run the example, and copy it there.
    t.equal(readFileSync(join('docs', 'pictures', draws), 'utf8'), drawn, `docs/pictures/${draws} is what it draws`);
  });
