// The conductor of `npm run bench -- step` with programs made up for it: turns, answers, and peers that fail.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import t, { type Test } from 'tap';
import { conduct, WARM_UP } from '../../bench/conduct.js';
import { peersFor, type Entry } from '../../bench/peers.js';

const child = pathToFileURL(resolve('bench/peers/child.js')).href;

/** A peer whose program is this piece of JavaScript, which may `serve`. */
const peer = (name: string, code: string): Entry => ({
  name,
  variant: 'only',
  program: {
    command: process.execPath,
    args: ['--input-type=module', '-e', `import { serve } from '${child}'; ${code}`],
  },
});

interface Play {
  batches?: number;
  rounds?: number;
  signal?: AbortSignal;
}

async function folder(t: Test): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'bench-'));
  t.teardown(() => rm(dir, { recursive: true }));
  return dir;
}

/** A job on so many batches, which only the peers above understand. */
async function play(t: Test, entries: Entry[], { batches = 1, rounds = 3, signal }: Play = {}) {
  const dir = await folder(t);
  const file = join(dir, 'batches.json');
  await writeFile(file, JSON.stringify(Array.from({ length: batches }, (_, n) => ({ offsets: [0, n] }))));
  const turns: string[] = [];
  const job = { objective: 'mlm', threads: 1, config: { vocab_size: 7 }, batches: file } as const;
  const courses = await conduct(entries, job, rounds, (name) => turns.push(name), signal);
  return { courses, turns };
}

const about = `name: 'Fake', version: '1.2', threads: job.threads`;

void t.test('contenders take turns on the same batches', async (t) => {
  const steady = `console.log('Hi there!');
    serve(async (job) => ({ ${about}, step: async (batch, n) => ({ loss: 100 * batch.offsets[1] + n }) }));`;
  const { courses, turns } = await play(t, [peer('a', steady), peer('b', steady)], { batches: 2 });
  for (const { failure, about, startMs, answers } of courses) {
    t.equal(failure, undefined);
    t.same(about, { ready: true, name: 'Fake', version: '1.2', threads: 1 });
    t.ok(startMs! > 0);
    // Steps 0 and 1 warm up; batches 0, 1, 0, 1, ...
    t.same(
      answers.map(({ loss }) => loss),
      [2, 103, 4],
    );
    t.ok(answers.every(({ ms, rss }) => ms >= 0 && rss > 1e6));
  }
  t.equal(WARM_UP, 2);
  t.same(turns.slice().sort(), ['a', 'a', 'a', 'b', 'b', 'b']);
  t.not(turns[0], turns[2], 'nobody is always first');
});

void t.test('whoever fails is named with the reason, and the others go on', async (t) => {
  const steady = `serve(async (job) => ({ ${about}, step: async () => ({ loss: 0 }) }));`;
  const entries = [
    peer('steady', steady),
    { ...peer('missing', ''), program: { command: 'no-such-program', args: [] } },
    peer('unwilling', `serve(async () => { throw new Error('no GPU here'); });`),
    peer('broken', `serve(async (job) => ({ ${about}, step: async () => { throw new Error('NaN'); } }));`),
    peer(
      'dying',
      `serve(async (job) => ({ ${about}, step: async (_, n) => {
        if (n < 3) return { loss: 0 };
        console.error('out of memory');
        process.exit(3);
      } }));`,
    ),
    peer('uninstalled', `await import('no-such-package');`),
  ];
  const { courses } = await play(t, entries);
  const [first, ...others] = courses;
  t.equal(first.failure, undefined);
  t.equal(first.answers.length, 3);
  const reasons = Object.fromEntries(others.map(({ name, failure }) => [name, failure]));
  t.match(reasons, {
    missing: /missing: .*ENOENT/,
    unwilling: /unwilling: Error: no GPU here/,
    broken: /broken: Error: NaN/,
    dying: /dying: ended with exit code 3: out of memory/,
    uninstalled: /uninstalled: ended with exit code 1: .*Cannot find package 'no-such-package'/,
  });
  t.equal(others.find(({ name }) => name === 'dying')!.answers.length, 1);
});

void t.test('a signal ends everybody, even in the middle of a step', async (t) => {
  const endless = `serve(async (job) => ({ ${about}, step: async (_, n) => {
    if (n > 2) for (;;);
    return { loss: 0 };
  } }));`;
  const signal = AbortSignal.timeout(1500);
  await t.rejects(play(t, [peer('a', endless), peer('b', endless)], { signal }), { name: 'TimeoutError' });
});

void t.test('Ctrl-C leaves no folder behind', async (t) => {
  const dir = await folder(t);
  const child = spawn(
    process.execPath,
    ['dist/tools/bench.js', 'step', '--peers', 'none', '--model', 'tiny', '--rounds', '1000'],
    { env: { ...process.env, TMPDIR: dir, TEMP: dir }, stdio: 'ignore' },
  );
  const ended = once(child, 'exit');
  while ((await readdir(dir)).length === 0) await sleep(20);
  child.kill('SIGINT');
  t.same(await ended, [130, null]);
  t.same(await readdir(dir), []);
});

void t.test('peers are found by the beginnings of their names', (t) => {
  const options = { python: 'python3', threads: 2 };
  const names = (wanted: string) => peersFor('retromae', wanted, options).map(({ name }) => name);
  t.same(names('none'), []);
  t.ok(names('all').length >= 4);
  t.same(names('pytorch-a,pytorch-best'), ['pytorch-authors', 'pytorch-best']);
  t.throws(() => names('pytroch'), /--peers pytroch: for retromae use all, none, or pytorch-authors/);
  t.same(peersFor('dupmae', 'all', options), []);
  t.end();
});
