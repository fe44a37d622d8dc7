// Every kind of objective, killed and resumed: the same bits as a run that never stopped, and losses that fall before.
import { join } from 'node:path';
import t from 'tap';
import { checkpoints, digest, lossesOf, meanOf, stopped, succeed, TINY, writeCorpus } from './support.js';

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

    const killed = await stopped(['pretrain', ...run], out, () => checkpoints(out).length > 0);
    t.equal(killed.signal, 'SIGKILL');
    await succeed('pretrain', '--resume', '--out', out);

    const last = `checkpoints/step-${String(STEPS).padStart(8, '0')}/training_state`;
    for (const file of ['model.safetensors', ...['decoder', 'optimizer'].map((name) => `${last}/${name}.safetensors`)])
      t.equal(digest(join(out, file)), digest(join(`${out}-unbroken`, file)), `${file} has the same bits`);
    const losses = lossesOf(out);
    t.strictSame(losses, lossesOf(`${out}-unbroken`));
    const [first, end] = [meanOf(losses.slice(0, 15)), meanOf(losses.slice(-15))];
    t.ok(end < first, `the loss falls: ${first} to ${end}`);
  });
