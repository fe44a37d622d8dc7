// `--represent` as a user gives it: trained with pretrain, then encode, search and eval, and what they refuse.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { setBackend } from '../../core/index.js';
import { loadModel } from '../../hub/index.js';
import { ReferenceBackend } from '../../kernels/index.js';
import { DupmaeEncoder, FlatIndex } from '../../retrieval/index.js';
import { ONE_THREAD, paragraphs, readLog, refused, stepsOf, succeed, TINY, writeBeir, writeCorpus } from './support.js';

setBackend(new ReferenceBackend());

const dir = t.testdir({});
const corpus = writeCorpus(dir);
const beir = writeBeir(dir);
const model = join(dir, 'model');
const [words, vectors, means] = ['words', 'vectors', 'means'].map((name) => join(dir, `${name}.index`));
const texts = paragraphs(200);
const ON = [...ONE_THREAD, '--model', model];
const train = [...TINY, '--corpus', corpus, '--vocab-size', '150', '--steps', '20'];
const represent = ['--represent', 'dupmae'];

t.before(async () => {
  const own = ['--objective', 'ict', ...represent, '--kept-words', '24', '--eval-every', '10'];
  await succeed('pretrain', ...train, ...own, '--out', model);
});

void t.test('pretrain trains it, probes with it and leaves it', async (t) => {
  t.ok(existsSync(join(model, 'dupmae.safetensors')));
  t.match(JSON.parse(readFileSync(join(model, 'config.json'), 'utf8')), { dupmae: { k: 24 } });
  const log = readLog(model);
  const losses = stepsOf(log).map(({ loss }) => loss as number);
  t.ok(losses.at(-1)! < losses[0], losses.join());
  t.equal(log.filter(({ type }) => type === 'probe').length, 3);
});

void t.test('encode says what a document takes, search finds, eval measures', async (t) => {
  const encode = ['encode', ...ON, '--corpus', corpus, '--out'];
  const made = await succeed(...encode, words, ...represent, '--json');
  t.match(made.stderr, /16 numbers and, of a document, the 24 heaviest of 150 words; compared by dot product/);
  t.match(made.stderr, /200 vectors of 16 numbers and 24 words with their weights in .*; a document takes 256 bytes\./);
  t.match(JSON.parse(made.stdout), { vectors: 200, represent: 'dupmae', bytes: 16 * 4 + 24 * 8 });
  const plain = await succeed(...encode, vectors);
  t.match(plain.stderr, /trained for DupMAE's representation too; --represent dupmae takes it/);
  t.match(plain.stderr, /200 vectors of 32 numbers in .*; a document takes 128 bytes\./);
  t.match((await succeed(...encode, means, '--represent', 'mean')).stderr, /the mean of all tokens is taken instead/);

  const query = texts[17].split('. ')[1];
  const search = ['search', ...ON, '--query', query, '--top', '200', '--json', '--index'];
  const found = JSON.parse((await succeed(...search, words, ...represent)).stdout) as { id: string; score: number }[];
  t.equal(found.length, 200);
  const loaded = await loadModel(model, { represent: 'dupmae' });
  const encoder = new DupmaeEncoder(loaded.model, loaded.tokenizer, loaded.representation!, loaded);
  const ids = texts.map((_, i) => `p${i}`);
  const flat = new FlatIndex(ids, await encoder.encode(texts), encoder.dim);
  const [expected] = flat.search(await encoder.encode([query], { role: 'query' }), 200);
  const scoreOf = new Map(expected.map(({ id, score }) => [id, score]));
  const off = Math.max(...found.map(({ id, score }) => Math.abs(score - scoreOf.get(id)!)));
  t.ok(off < 1e-5 * Math.abs(expected[0].score), `another backend finds the same: ${off}`);
  await refused(
    t,
    [...search, words],
    /--index was made with representation dupmae, but texts are made to cls here\. Give --represent dupmae/,
    2,
  );
  await refused(
    t,
    [...search, vectors, ...represent],
    /made with representation cls, but texts are made to dupmae here\. Give --represent cls/,
  );
  await refused(
    t,
    [...search, means],
    /made with representation mean, .* cls here\. Give --represent mean, or encode again/,
  );
  await succeed(...search, means, '--represent', 'mean');
  await succeed(...search, vectors, '--represent', 'cls');

  const evaluate = ['eval', ...ON, '--data', beir, '--json'];
  const scores = await Promise.all(
    [[...represent], ['--represent', 'mean'], []].map(async (flags) => {
      const { stdout } = await succeed(...evaluate, ...flags);
      return (JSON.parse(stdout) as Record<string, number>)['ndcg@10'];
    }),
  );
  t.equal(new Set(scores).size, 3, scores.join());
  await refused(
    t,
    [...evaluate, ...represent, '--similarity', 'cosine'],
    /--similarity is cosine, but --represent dupmae/,
    2,
  );
  await refused(t, [...evaluate, '--represent', 'max'], /--represent is "max"; it must be one of cls, mean, dupmae/, 2);
});

void t.test('--init begins with it; a folder without it is refused', async (t) => {
  const again = join(dir, 'again');
  const from = ['--corpus', corpus, '--init', model, '--steps', '1', '--eval-every', '0', '--batch', '4', '--lr', '0'];
  const own = ['--objective', 'ict', ...represent, '--kept-words', '24'];
  const { stderr } = await succeed('pretrain', ...ONE_THREAD, ...from, ...own, '--out', again);
  t.notMatch(stderr, /begins anew/);
  const weights = (folder: string) => readFileSync(join(folder, 'dupmae.safetensors'));
  t.same(weights(again), weights(model), 'a rate of 0 changes nothing');
  const other = join(dir, 'other');
  await succeed('pretrain', ...ONE_THREAD, ...from, '--objective', 'mlm', '--out', other);
  for (const command of [
    ['encode', '--corpus', corpus, '--out', join(dir, 'none.index')],
    ['search', '--index', words, '--query', 'x'],
    ['eval', '--data', beir],
  ])
    await refused(
      t,
      [...command, ...ONE_THREAD, ...represent, '--model', other],
      /other: has no cls_projection, which --represent dupmae needs\. Train it, .*, or give --represent cls or mean\./,
    );
});

void t.test('options that do not go together', async (t) => {
  const out = join(dir, 'none');
  const cases: [string[], RegExp][] = [
    [['--objective', 'crop', ...represent], /--similarity is "cosine"; it must be dot, as the words and numbers/],
    [['--objective', 'crop', '--kept-words', '9'], /--kept-words is 9; it must be 0, as no words are kept without/],
    [['--objective', 'simcse', ...represent], /--represent is "dupmae", but --objective simcse has no such option/],
    [['--objective', 'ict', ...represent, '--kept-words', '151'], /k is 151; it must be a whole number from 1 to 150/],
  ];
  for (const [flags, said] of cases) await refused(t, ['pretrain', ...train, '--out', out, ...flags], said);
});
