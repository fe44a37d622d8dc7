// Every kind of objective, killed and resumed: the same bits as a run that never stopped, and losses that fall before.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { digest, readLog, start, stepsOf, succeed, TINY, writeCorpus } from './support.js';

const STEPS = 60;
const dir = t.testdir({});
const corpus = writeCorpus(dir);

/** One that pairs blocks of documents, one of another head, one that is frozen beside, one that is joined and in chunks. */
const runs: Record<string, string[]> = {
  cocondenser: ['--layers', '2'],
  ict: ['--temperature', '16'],
  diffcse: [],
  'retromae+crop': ['--cache-chunk', '3'],
};

for (const [objective, more] of Object.entries(runs))
  void t.test(objective, async (t) => {
    const run = [
      ...[...TINY, '--corpus', corpus, '--vocab-size', '150', '--steps', String(STEPS), '--eval-every', '0'],
      ...['--save-every', '5', '--objective', objective, ...more],
    ];
    const out = join(dir, objective.replace('+', '-'));
    await succeed('pretrain', ...run, '--out', `${out}-unbroken`);

    const running = start(['pretrain', ...run, '--out', out]);
    let ended = false;
    void running.finally(() => (ended = true));
    const saved = () => (existsSync(join(out, 'checkpoints')) ? readdirSync(join(out, 'checkpoints')).length : 0);
    while (!ended && saved() === 0) await sleep(1);
    running.child.kill('SIGKILL');
    t.equal((await running).signal, 'SIGKILL');
    await succeed('pretrain', '--resume', '--out', out);

    const last = `checkpoints/step-${String(STEPS).padStart(8, '0')}/training_state`;
    for (const file of ['model.safetensors', ...['decoder', 'optimizer'].map((name) => `${last}/${name}.safetensors`)])
      t.equal(digest(join(out, file)), digest(join(`${out}-unbroken`, file)), `${file} has the same bits`);
    const losses = stepsOf(readLog(out)).map(({ loss }) => loss as number);
    t.strictSame(
      losses,
      stepsOf(readLog(`${out}-unbroken`)).map(({ loss }) => loss),
    );
    const mean = (from: number) => losses.slice(from, from + 15).reduce((sum, loss) => sum + loss / 15, 0);
    t.ok(mean(STEPS - 15) < mean(0), `the loss falls: ${mean(0)} to ${mean(STEPS - 15)}`);
  });
