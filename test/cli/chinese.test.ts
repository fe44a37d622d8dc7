// bert-base-chinese's vocabulary end to end, with every objective: words found, masked whole, trained on, evaluated.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { objectiveNames } from '../../retromae/index.js';
import { ONE_THREAD, readLog, stepsOf, succeed } from './support.js';

const data = join(process.cwd(), '..', 'shared', 'data');
const vocab = join(data, 'vocab', 'bert-base-chinese.vocab.txt');
const set = join(data, 'beir', 'cmrc');
const absent = [vocab, set].filter((path) => !existsSync(path));
const skip = absent.length > 0 && `${absent.join(', ')} is not there`;

const model = ['--layers', '2', '--hidden', '32', '--heads', '2', '--seq', '64', '--batch', '4', '--steps', '2'];

/** The first texts of the set, as a corpus of their own. */
function someTexts(dir: string): string {
  const lines = readFileSync(join(set, 'corpus.jsonl'), 'utf8').split('\n').slice(0, 60);
  const path = join(dir, 'some.jsonl');
  writeFileSync(path, lines.join('\n'));
  return path;
}

for (const objective of objectiveNames)
  void t.test(objective, { skip }, async (t) => {
    const dir = t.testdir({});
    const [corpus, out] = [someTexts(dir), join(dir, 'out')];
    const run = ['--vocab', vocab, '--words', 'segmented', '--corpus', corpus, '--eval-every', '0'];
    const { stderr } = await succeed(
      'pretrain',
      ...ONE_THREAD,
      ...model,
      ...run,
      '--objective',
      objective,
      '--out',
      out,
    );
    t.match(stderr, /\[UNK\] 0\.\d %/);
    t.ok(stepsOf(readLog(out)).every(({ loss }) => Number.isFinite(loss)));
    if (objective !== 'mlm') return;
    const index = join(dir, 'index');
    await succeed('encode', ...ONE_THREAD, '--model', out, '--corpus', corpus, '--out', index);
    const search = ['--model', out, '--index', index, '--corpus', corpus, '--query', '中国的首都', '--top', '1'];
    t.match((await succeed('search', ...ONE_THREAD, ...search)).stdout, /\p{Script=Han}/u);
  });
