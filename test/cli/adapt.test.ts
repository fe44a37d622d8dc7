// The one command for text without labels: stages with what they bought, broken off and gone on with, more text.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import {
  digest,
  jsonLines,
  ONE_THREAD,
  paragraphs,
  readLog,
  refused,
  start,
  stopped,
  succeed,
  writeBeir,
  writeCorpus,
} from './support.js';

const dir = t.testdir({});
const corpus = writeCorpus(dir, 120);
const small = [...ONE_THREAD, '--batch', '16', '--vocab-size', '150', '--width', '24'];
const tiny = [...small, '--steps', '80'];

interface Told {
  round: number;
  stages: { stage: string; 'ndcg@10': number; queries: number; against: Record<string, { mean: number }> }[];
}
const told = ({ stdout }: { stdout: string }) => JSON.parse(stdout) as Told;
/** Whether words have been trained for some steps. */
const isTraining = (out: string, stage = 'words'): boolean => {
  const log = join(out, 'round-1', stage, 'log.jsonl');
  return existsSync(log) && readFileSync(log, 'utf8').split('\n').length >= 4;
};
const words = (out: string, round: number) => join(out, `round-${round}`, 'words', 'model.safetensors');

void t.test('text in, a retriever out, that every command takes', async (t) => {
  const out = join(dir, 'out');
  const { round, stages } = told(await succeed('adapt', ...tiny, '--corpus', corpus, '--out', out, '--json'));
  t.equal(round, 1);
  t.same(
    stages.map(({ stage }) => stage),
    ['BM25', 'words, untrained', 'words', 'BM25 + words, untrained', 'BM25 + words'],
  );
  const [bm25, , own, , fused] = stages;
  t.ok(own.queries > 4 && own.queries < 24, `about a tenth of the documents: ${own.queries}`);
  t.ok(own['ndcg@10'] > 0.1, JSON.stringify(own));
  t.same(Object.keys(fused.against), ['BM25', 'BM25 + words, untrained']);
  t.ok(Math.abs(fused.against.BM25.mean - (fused['ndcg@10'] - bm25['ndcg@10'])) < 1e-9);
  t.match(readFileSync(join(out, 'report.html'), 'utf8'), /Adapted to .*, round 1/);
  t.match(readFileSync(join(out, 'README.md'), 'utf8'), /--fuse weighted --fuse-weight 0\.6/);
  const learnt = readFileSync(join(out, 'round-1', 'held-out', 'corpus.jsonl'), 'utf8');
  const asked = readFileSync(join(out, 'round-1', 'held-out', 'queries.jsonl'), 'utf8')
    .trimEnd()
    .split('\n');
  for (const line of asked)
    t.notOk(learnt.includes((JSON.parse(line) as { text: string }).text), 'nothing saw the queries');
  const beir = writeBeir(dir);
  await succeed('eval', ...ONE_THREAD, '--model', out, '--data', beir, '--fuse', 'weighted', '--fuse-weight', '0.6');

  const { stderr } = await start(['adapt', ...tiny, '--corpus', corpus, '--out', out]);
  t.match(stderr, /Round 2: 120 documents, beginning with what round 1 came to/);
  const more = join(dir, 'more.jsonl');
  writeFileSync(more, jsonLines(paragraphs(160, 9).map((text) => ({ text, title: 'On rivers' }))));
  const third = told(await succeed('adapt', ...tiny, '--corpus', more, '--out', out, '--json'));
  t.equal(third.round, 3);
  t.notOk(readFileSync(join(out, 'round-3', 'held-out', 'corpus.jsonl'), 'utf8').includes('On rivers On rivers'));
  t.equal(digest(join(out, 'model.safetensors')), digest(words(out, 3)));
});

void t.test('killed, it goes on with the same command, to the same bits', async (t) => {
  const out = join(dir, 'killed');
  const run = ['adapt', ...tiny, '--corpus', corpus];
  const { code, stderr } = await stopped(run, out, () => isTraining(out), 'SIGINT');
  t.equal(code, 130);
  t.match(stderr, /Saved\. Go on with: npx retromae adapt|Saved\. Go on with: .*retromae adapt/);
  await succeed(...run, '--out', out);
  t.equal(readLog(join(out, 'round-1', 'words')).length, 80);
  t.equal(digest(words(out, 1)), digest(words(join(dir, 'out'), 1)));
  t.notOk(existsSync(join(out, 'round-2')));
});

void t.test(
  'a transformer that begins with the words: RetroMAE, then contrast; killed between, and with more text',
  async (t) => {
    const out = join(dir, 'bert');
    const run = ['adapt', ...small, '--steps', '30', '--corpus', corpus, '--layers', '1', '--heads', '2'];
    t.equal((await stopped(run, out, () => isTraining(out, 'retromae'), 'SIGINT')).code, 130);
    const { stages } = told(await succeed(...run, '--out', out, '--json'));
    t.same(
      stages.map(({ stage }) => stage),
      [
        ...['BM25', 'words, untrained', 'words', 'RetroMAE', 'contrast'],
        ...['BM25 + words, untrained', 'BM25 + contrast'],
      ],
    );
    for (const name of ['words', 'retromae', 'contrast']) t.equal(readLog(join(out, 'round-1', name)).length, 30, name);
    t.equal(digest(join(out, 'model.safetensors')), digest(join(out, 'round-1', 'contrast', 'model.safetensors')));
    await succeed(...run, '--out', out);
    const plan = JSON.parse(readFileSync(join(out, 'round-2', 'retromae', 'run.json'), 'utf8')) as {
      settings: { init?: string; initWords?: string };
    };
    t.match(plan.settings.init, /round-1.contrast$/);
    for (const stage of ['retromae', 'contrast'])
      t.match(
        readFileSync(join(out, 'round-2', stage, 'modules.json'), 'utf8'),
        /WordWeights/,
        `${stage}: still weighted`,
      );
    await succeed('eval', ...ONE_THREAD, '--model', out, '--data', writeBeir(join(dir, 'bert')));
  },
);

void t.test('a round that was broken off leaves nothing to one of other text', async (t) => {
  const out = join(dir, 'changed');
  const killed = await stopped(['adapt', ...tiny, '--corpus', corpus], out, () => isTraining(out));
  t.equal(killed.signal, 'SIGKILL');
  const other = join(dir, 'other.jsonl');
  writeFileSync(other, jsonLines(paragraphs(100, 31).map((text) => ({ text }))));
  t.equal(told(await succeed('adapt', ...tiny, '--corpus', other, '--out', out, '--json')).round, 1);
  const fresh = join(dir, 'fresh');
  await succeed('adapt', ...tiny, '--corpus', other, '--out', fresh);
  t.equal(digest(words(out, 1)), digest(words(fresh, 1)), 'as if there had been no other');
});

void t.test('one long text without a sentence to spare is adapted to, and not measured', async (t) => {
  const out = join(dir, 'short');
  const path = join(dir, 'short.jsonl');
  writeFileSync(path, jsonLines(paragraphs(12).map((text) => ({ text: text.replaceAll('.', '') }))));
  const { stdout, stderr } = await succeed('adapt', ...tiny, '--corpus', path, '--out', out);
  t.match(stderr, /No sentence is held out to measure with/);
  t.equal(stdout, '');
  t.ok(existsSync(join(out, 'model.safetensors')));
});

void t.test('refusals', async (t) => {
  const out = join(dir, 'none');
  await refused(t, ['adapt', '--out', out], /--corpus is missing/, 2);
  await refused(
    t,
    ['adapt', '--corpus', corpus, '--minutes', '0'],
    /--minutes is "?0"?; it must be a number above 0/,
    2,
  );
  await refused(
    t,
    ['adapt', '--corpus', corpus, '--layers', '1', '--heads', '3'],
    /--heads is 3; it must be a divisor/,
    2,
  );
  await refused(t, ['adapt', '--corpus', join(dir, 'nowhere'), '--out', out], /nowhere/);
  await refused(t, ['adapt', '--corpus', corpus, '--out', dir], /files.*empty|empty|not empty/i);
  writeFileSync(join(dir, 'out', 'adapt.json'), '{"format": 3}');
  await refused(
    t,
    ['adapt', '--corpus', corpus, '--out', join(dir, 'out')],
    /adapt\.json: is not what retromae adapt wrote/,
  );
});
