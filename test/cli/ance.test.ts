// Mined negatives from the command line: told and recorded, killed and resumed to the same bits, refused where they must be.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import {
  digest,
  ONE_THREAD,
  readLog,
  refused,
  refusedUntouched,
  start,
  stepsOf,
  succeed,
  writeBeir,
  writeCorpus,
  type LoggedStep,
} from './support.js';

const dir = t.testdir({});
const corpus = writeCorpus(dir);
const beir = writeBeir(dir);
const words = join(dir, 'words');
const common = [...ONE_THREAD, '--batch', '8', '--steps', '40', '--save-every', '5'];
const ance = ['finetune', ...common, '--method', 'ance', '--examples', beir, '--judged', 'test', '--model', words];

t.before(async () => {
  const tiny = ['--vocab-size', '150', '--width', '32'];
  await succeed('finetune', ...common, ...tiny, '--corpus', corpus, '--out', words);
});

void t.test('killed and resumed, the same bits; and the loss falls', async (t) => {
  const flags = ['--mine-every', '7', '--negatives', '2'];
  const [unbroken, out] = [join(dir, 'unbroken'), join(dir, 'killed')];
  await succeed(...ance, ...flags, '--out', unbroken);
  const running = start([...ance, ...flags, '--out', out]);
  let ended = false;
  void running.finally(() => (ended = true));
  const mined = join(out, 'negatives', 'step-00000007.bin');
  while (!ended && !existsSync(mined)) await sleep(1);
  running.child.kill('SIGKILL');
  t.equal((await running).signal, 'SIGKILL');
  await succeed('finetune', '--resume', '--out', out);
  t.equal(digest(join(out, 'model.safetensors')), digest(join(unbroken, 'model.safetensors')));
  t.same(readdirSync(join(out, 'negatives')), ['step-00000028.bin', 'step-00000035.bin']);
  const losses = stepsOf(readLog(out)).map(({ loss }) => loss as number);
  t.same(
    losses,
    stepsOf(readLog(unbroken)).map(({ loss }) => loss),
  );
  const mean = (from: number) => losses.slice(from, from + 7).reduce((sum, loss) => sum + loss / 7, 0);
  t.ok(mean(33) < mean(0), `${mean(0)} to ${mean(33)}`);
});

void t.test('what is mined is told, and a record of --json', async (t) => {
  const out = join(dir, 'told');
  const flags = ['--mine-ranks', '1-9', '--steps', '4', '--json'];
  const { stdout, stderr } = await succeed(...ance, ...flags, '--out', out);
  const records = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as LoggedStep);
  // Twelve queries are two batches.
  t.same(
    records.map(({ type, step }) => `${type} ${step}`),
    ['mined 0', 'step 1', 'step 2', 'mined 2', 'step 3', 'step 4'],
  );
  const [mined] = records;
  t.match(mined, { queries: 12, passages: 40, negatives: 24, filled: 0, found: Number, seconds: Number });
  t.match(stderr, /Negatives are mined among 40 passages, at ranks 1-9, every 2 steps\./);
  const told = `Mined 24 negatives at step 0 in \\S+ s; the passage is found first by ${String(mined.found)} of 12 queries`;
  t.match(stderr, new RegExp(told));
  const again = ['finetune', '--resume', '--out', out, '--mine-every', '3', '--steps', '8'];
  await refused(t, again, /--mine-every is 3, but the run in .* began without one/);
});

void t.test('refusals leave no folder', async (t) => {
  const out = join(dir, 'none');
  await refusedUntouched(t, { args: ['finetune', '--out', out], out, code: 2 }, [
    [['--corpus', corpus, '--method', 'ance'], /--method is "ance"; it must be dpr, as negatives are mined for/],
    [['--examples', beir, '--mine-every', '5'], /--mine-every is 5; it must be left out, as --method is not ance/],
  ]);
  await refusedUntouched(t, { args: [...ance, '--out', out], out, code: 2 }, [
    [['--mine-every', '0'], /--mine-every is 0; it must be an integer of at least 1/],
    [['--mine-ranks', '9'], /--mine-ranks is "9"; it must be two ranks/],
    [['--negatives', '0'], /--negatives is 0; it must be at least 1, as --method is ance/],
  ]);
  const empty = join(dir, 'empty');
  mkdirSync(empty);
  const examples = join(dir, 'examples.jsonl');
  writeFileSync(examples, '{"query": "river", "pos": ["a river"]}\n');
  const one = [...common, '--method', 'ance', '--examples', examples, '--model', words];
  await refusedUntouched(t, { args: ['finetune', ...one, '--out', out], out, code: 1 }, [
    [['--mine-corpus', join(dir, 'nowhere')], /nowhere/],
    [['--mine-corpus', empty], /empty/],
    [['--mine-ranks', '2-5'], /--mine-ranks is "2-5", but there are 1 passages to rank/],
  ]);
});
