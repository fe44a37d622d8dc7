// Batches from workers train to the bits of batches made inline; and a run is resumed from any folder.
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import t, { type Test } from 'tap';
import { atFirstStep, digest, readLog, start, stepsOf, succeed, TINY, writeBeir, writeCorpus } from './support.js';

const dir = t.testdir({});
const corpus = writeCorpus(dir);
const RUN = [...TINY, '--corpus', corpus, '--vocab-size', '150', '--eval-every', '0'];

const losses = (out: string) => stepsOf(readLog(out)).map(({ loss, gradientNorm }) => [loss, gradientNorm]);

/** Trains with a number of workers, for longer than they take to start. */
async function trained(t: Test, workers: number, ...flags: string[]): Promise<string> {
  const out = join(dir, `${flags.join('')}-${workers}`);
  const { stderr } = await succeed(
    'pretrain',
    ...RUN,
    '--steps',
    '60',
    '--workers',
    String(workers),
    ...flags,
    '--out',
    out,
  );
  t.match(stderr, /^Data wait: \d+\.\d % of the time in steps\.$/m);
  return out;
}

for (const objective of [
  ['--objective', 'retromae'],
  ['--objective', 'dupmae'],
  ['--objective', 'mlm'],
  ['--decoder', 'basic'],
])
  void t.test(`${objective.join(' ')}: the same losses with a worker and without`, async (t) => {
    const [inline, ahead] = await Promise.all(
      [0, 1].map((workers) => trained(t, workers, '--accumulate', '2', ...objective)),
    );
    t.strictSame(losses(ahead), losses(inline));
    t.equal(digest(join(ahead, 'model.safetensors')), digest(join(inline, 'model.safetensors')));
  });

void t.test('stopped and resumed with another number of workers', async (t) => {
  const unbroken = await trained(t, 0);
  for (const [first, then] of [
    ['1', '0'],
    ['0', '2'],
  ]) {
    const out = join(dir, `resumed-${first}-${then}`);
    const running = start(['pretrain', ...RUN, '--steps', '60', '--workers', first, '--json', '--out', out]);
    atFirstStep(running, () => running.child.kill('SIGINT'));
    t.equal((await running).code, 130);
    t.ok(losses(out).length < 60, `stopped after ${losses(out).length} steps`);
    await succeed('pretrain', '--resume', '--out', out, '--workers', then);
    t.strictSame(losses(out), losses(unbroken));
    t.equal(digest(join(out, 'model.safetensors')), digest(join(unbroken, 'model.safetensors')));
  }
});

void t.test('resumed from another folder, with paths that were relative to the first', async (t) => {
  const beir = writeBeir(dir);
  const flags = [...TINY, '--vocab-size', '150', '--steps', '30', '--eval-every', '10', '--eval', basename(beir)];
  const begun = start(['pretrain', ...flags, '--corpus', basename(corpus), '--json', '--out', 'moved'], { cwd: dir });
  atFirstStep(begun, () => begun.child.kill('SIGKILL'));
  t.equal((await begun).signal, 'SIGKILL');
  const out = join(dir, 'moved');
  const { settings } = JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')) as { settings: object };
  t.match(settings, { corpus, eval: beir, out });
  const elsewhere = t.testdir({});
  const { code, stderr } = await start(['pretrain', '--resume', '--out', out], { cwd: elsewhere });
  t.equal(code, 0, stderr);
  t.strictSame(
    readLog(out)
      .filter(({ type }) => type === 'probe')
      .map(({ step, queries }) => [step, queries]),
    [0, 10, 20, 30].map((step) => [step, 12]),
    'the probe was found as well',
  );
});

void t.test('the built-in corpus stays a name', async (t) => {
  const out = join(dir, 'built-in');
  await succeed('pretrain', ...TINY, '--vocab-size', '2000', '--steps', '1', '--eval-every', '0', '--out', out);
  t.match(JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')), { settings: { corpus: 'sotu' } });
});
