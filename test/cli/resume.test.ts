// Runs that are killed, stopped and resumed end with the same bits as one that never stopped.
import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import {
  checkpoints,
  digest,
  filesBelow,
  jsonLines,
  paragraphs,
  readLog,
  snapshot,
  start,
  stepsOf,
  stopped,
  succeed,
  TINY,
  until,
  writeCorpus,
  type Ended,
  type Running,
} from './support.js';

const STEPS = 40;
const dir = t.testdir({});
const RUN = [
  ...TINY,
  '--corpus',
  writeCorpus(dir),
  '--vocab-size',
  '150',
  '--steps',
  String(STEPS),
  '--save-every',
  '3',
  '--eval-every',
  '20',
];
const unbroken = join(dir, 'unbroken');
const PRETRAIN = ['pretrain', ...RUN];
const begin = (out: string, ...flags: string[]): Running => start([...PRETRAIN, '--out', out, ...flags]);
const resume = (out: string, ...flags: string[]): Running => start(['pretrain', '--resume', '--out', out, ...flags]);

const last = `checkpoints/step-${String(STEPS).padStart(8, '0')}`;
const bits = [
  'model.safetensors',
  ...['decoder', 'optimizer'].map((name) => `${last}/training_state/${name}.safetensors`),
];

/** Model, decoder and optimizer are those of the unbroken run, and the log tells of every step once. */
function sameAsUnbroken(t: Test, out: string): void {
  for (const file of bits) t.equal(digest(join(out, file)), digest(join(unbroken, file)), `${file} has the same bits`);
  const log = readLog(out);
  t.strictSame(
    stepsOf(log).map(({ step }) => step),
    Array.from({ length: STEPS }, (_, i) => i + 1),
    'every step once',
  );
  t.strictSame(
    stepsOf(log).map(({ loss }) => loss),
    stepsOf(readLog(unbroken)).map(({ loss }) => loss),
  );
  t.strictSame(
    log.filter(({ type }) => type === 'probe').map(({ step }) => step),
    [0, 20, 40],
  );
  const partial = filesBelow(out).filter((file) => /partial|previous|\.tmp/.test(file));
  t.strictSame(partial, [], 'nothing is left of what a kill interrupted');
}

const whole = (name: string): boolean => /^step-\d+$/.test(name);

const linesOfLog = (out: string): number =>
  existsSync(join(out, 'log.jsonl')) ? readFileSync(join(out, 'log.jsonl'), 'utf8').split('\n').length - 1 : 0;

t.before(async () => {
  await succeed('pretrain', ...RUN, '--out', unbroken);
});

void t.test('SIGKILL at any moment', async (t) => {
  const moments: Record<string, (out: string) => () => boolean> = {
    'while the corpus is read': (out) => () => existsSync(join(out, 'run.json')),
    'between checkpoints': (out) => () => checkpoints(out).some(whole),
    'while a checkpoint is written': (out) => () => checkpoints(out).some((name) => name.endsWith('.partial')),
    'while the model is written': (out) => () => existsSync(join(out, 'config.json')),
  };
  const kills = Object.entries(moments).map(async ([name, moment]) => {
    const out = join(dir, name.replaceAll(' ', '-'));
    t.equal((await stopped(PRETRAIN, out, moment(out))).signal, 'SIGKILL', name);
    const { code, stderr } = await resume(out);
    t.equal(code, 0, stderr);
    sameAsUnbroken(t, out);
  });
  await Promise.all(kills);
});

void t.test('SIGKILL again and again, at random', async (t) => {
  const out = join(dir, 'again');
  const waits: number[] = [];
  let ended: Ended;
  for (let running = begin(out); ;) {
    const wait = Math.round(250 + 600 * Math.random());
    waits.push(wait);
    const timer = waits.length <= 5 ? setTimeout(() => running.child.kill('SIGKILL'), wait) : undefined;
    ended = await running;
    clearTimeout(timer);
    if (ended.signal !== 'SIGKILL') break;
    const begun = existsSync(join(out, 'run.json'));
    if (!begun) rmSync(out, { recursive: true, force: true });
    running = begun ? resume(out) : begin(out);
  }
  t.equal(ended.code, 0, `killed after ${waits.join(', ')} ms: ${ended.stderr}`);
  sameAsUnbroken(t, out);
});

void t.test('other threads, the same bits', async (t) => {
  const out = join(dir, 'threads');
  await stopped([...PRETRAIN, '--threads', '2'], out, () => checkpoints(out).some(whole));
  const { code, stderr } = await resume(out, '--threads', '1');
  t.equal(code, 0, stderr);
  t.match(stderr, '1 thread');
  sameAsUnbroken(t, out);
});

for (const [first, then] of [
  ['--no-recompute', '--recompute'],
  ['--recompute', '--no-recompute'],
])
  void t.test(`begun with ${first}, resumed with ${then}: the same bits`, async (t) => {
    const out = join(dir, first);
    const killed = await stopped([...PRETRAIN, first], out, () => checkpoints(out).some(whole));
    t.equal(killed.signal, 'SIGKILL');
    const { code, stderr } = await resume(out, then);
    t.equal(code, 0, stderr);
    sameAsUnbroken(t, out);
  });

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)
  void t.test(`${signal} saves and leaves`, async (t) => {
    const out = join(dir, signal);
    const ended = await stopped([...PRETRAIN, '--save-every', '0'], out, () => linesOfLog(out) > 5, signal);
    t.equal(ended.code, code);
    const [, step] =
      /Saved at step (\d+) of 40 .* Go on with: retromae pretrain --resume --out /.exec(ended.stderr) ?? [];
    t.ok(Number(step) >= 5 && Number(step) < STEPS, ended.stderr);
    t.strictSame(checkpoints(out), [`step-${step.padStart(8, '0')}`]);
    const again = await resume(out);
    t.equal(again.code, 0);
    t.match(again.stderr, `${step} of 40 steps are done`);
    sameAsUnbroken(t, out);
    t.match(readFileSync(join(out, 'report.html'), 'utf8'), `retromae pretrain --resume --out ${out}`);
  });

void t.test(
  'a terminal that goes away takes its readers with it, and sends SIGHUP more than once: all is saved',
  async (t) => {
    const out = join(dir, 'gone');
    const running = begin(out, '--save-every', '0');
    await until(running, () => linesOfLog(out) > 5);
    running.child.stderr!.destroy();
    running.child.stdout!.destroy();
    for (const signal of ['SIGHUP', 'SIGHUP', 'SIGTERM'] as const) running.child.kill(signal);
    const { code } = await running;
    t.ok(code === 129 || code === 143 || code === 141, `by what came first: ${code}`);
    t.equal(checkpoints(out).filter(whole).length, 1);
    t.equal((await resume(out)).code, 0);
    sameAsUnbroken(t, out);
  },
);

void t.test('the flags of the run may be given again, with --config as well; others are refused', async (t) => {
  const out = join(dir, 'again-and-again');
  await succeed('pretrain', ...RUN, '--out', out);
  t.equal((await resume(out, ...RUN, '--config', join(out, 'run.json'), '--save-minutes', '9')).code, 0);
  sameAsUnbroken(t, out);
  const { code, stderr } = await resume(out, ...RUN, '--layers', '2');
  t.equal(code, 2);
  t.match(stderr, /--layers is 2, but the run in \S+again-and-again began with 1\. Leave it out/);
  const longer = await resume(out, '--steps', '42');
  t.equal(longer.code, 0, longer.stderr);
  t.match(longer.stderr, /42 steps instead of 40; the learning rate is that of a run of so many: from step 41 on/);
  t.equal(stepsOf(readLog(out)).length, 42);
});

void t.test('Ctrl-C before the first step leaves nothing', async (t) => {
  const corpus = join(dir, 'long.jsonl');
  writeFileSync(
    corpus,
    jsonLines(
      Array.from({ length: 100 }, () => paragraphs(200))
        .flat()
        .map((text) => ({ text })),
    ),
  );
  const out = join(dir, 'new', 'run');
  const running = start(['pretrain', ...TINY, '--corpus', corpus, '--steps', '9', '--out', out]);
  await until(running, () => existsSync(join(out, 'run.json')));
  running.child.kill('SIGINT');
  const { code, stderr } = await running;
  t.equal(code, 130, stderr);
  t.match(stderr, 'Stopped before the first step');
  t.notOk(existsSync(join(dir, 'new')), 'neither the folder nor the one around it');
});

void t.test('a run that is finished is not trained again', async (t) => {
  const before = snapshot(join(unbroken, 'checkpoints'));
  const { code, stderr } = await resume(unbroken);
  t.equal(code, 0);
  t.match(stderr, 'All 40 steps are done');
  t.equal(snapshot(join(unbroken, 'checkpoints')), before);
  sameAsUnbroken(t, unbroken);
});

void t.test('a damaged checkpoint is passed over for the one before, and refused if it is the only one', async (t) => {
  const out = join(dir, 'damaged');
  await stopped(PRETRAIN, out, () => checkpoints(out).filter(whole).length === 2);
  const [older, newer] = checkpoints(out).filter(whole).sort();
  const weights = (name: string) => join(out, 'checkpoints', name, 'model.safetensors');
  truncateSync(weights(newer), 1000);
  writeFileSync(weights(older), Buffer.alloc(readFileSync(weights(older)).length, 0xff));
  const before = snapshot(out);
  const refused = await resume(out);
  t.equal(refused.code, 1);
  t.match(refused.stderr, /model\.safetensors: is 1000 bytes long, written were \d+/);
  t.match(refused.stderr, /model\.safetensors: is not what was written \(its checksum differs\)/);
  t.match(refused.stderr, /^retromae: .*checkpoints: none of 2 checkpoints is whole\. .*$/m);
  t.equal(snapshot(out), before, 'what was there is there');
  rmSync(join(out, 'checkpoints'), { recursive: true });
  const { code, stderr } = await resume(out);
  t.equal(code, 0, stderr);
  t.match(stderr, 'There is no checkpoint yet');
  sameAsUnbroken(t, out);
});
