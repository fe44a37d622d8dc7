// A teacher and its student in one run, and examples by ids: to the bits of doing it by hand; stopped, killed and resumed.
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import {
  digest,
  jsonLines,
  ONE_THREAD,
  paragraphs,
  refused,
  refusedUntouched,
  start,
  succeed,
  writeBeir,
  writeCorpus,
  type Running,
} from './support.js';

const dir = t.testdir({});
const corpus = writeCorpus(dir, 80);
const beir = writeBeir(dir);
const [cross, words, bert] = ['cross', 'words', 'bert'].map((name) => join(dir, name));
const texts = paragraphs(80);
const named = texts.slice(0, 40).map((text, i) => ({
  ...{ query_id: `q${i}`, query: text.split('. ')[1] },
  ...{ pos: [text], neg: [texts[i + 40], texts[(i + 7) % 40], texts[(i + 9) % 40]] },
}));
const examples = join(dir, 'examples.jsonl');
writeFileSync(examples, jsonLines(named));
const small = ['--vocab-size', '150', '--width', '16'];
const student = [...ONE_THREAD, '--method', 'distill', ...small, '--negatives', '2', '--batch', '8', '--steps', '12'];
const trained = (out: string) => digest(join(out, 'model.safetensors'));

t.before(async () => {
  const tiny = [...ONE_THREAD, '--model', 'bert', '--layers', '1', '--heads', '2', ...small, '--steps', '4'];
  await succeed('finetune', ...tiny, '--examples', examples, '--method', 'cross', '--seq', '64', '--out', cross);
  await succeed('finetune', ...tiny, '--corpus', corpus, '--out', bert);
  await succeed('finetune', ...ONE_THREAD, ...small, '--corpus', corpus, '--steps', '4', '--out', words);
});

const whole = join(dir, 'whole');
const withTeacher = ['finetune', ...student, '--examples', examples, '--teacher', cross];

void t.test('the scores of rerank --teacher, and what is learnt from them', async (t) => {
  const { stderr } = await succeed(...withTeacher, '--out', whole);
  t.match(stderr, /The teacher scores 160 pairs in 40 examples\./);
  const taught = join(dir, 'taught.jsonl');
  await succeed('rerank', ...ONE_THREAD, '--model', cross, '--teacher', examples, '--out', taught);
  await succeed('finetune', ...student, '--examples', taught, '--out', join(dir, 'by-hand'));
  const scores = (out: string) => digest(join(dir, out, 'tokens', 'scores.bin'));
  t.equal(scores('whole'), scores('by-hand'));
  t.equal(trained(whole), trained(join(dir, 'by-hand')));
  t.notOk(existsSync(join(whole, 'tokens', 'teacher')));
  // Scores that a teacher did not make are not those that it makes.
  const given = join(dir, 'given.jsonl');
  writeFileSync(given, jsonLines(named.map((each) => ({ ...each, pos_scores: [1], neg_scores: [1, 2, 3] }))));
  const anew = ['finetune', ...student, '--examples', given, '--teacher', cross, '--json', '--out', join(dir, 'anew')];
  const { stdout } = await succeed(...anew);
  t.equal(trained(join(dir, 'anew')), trained(whole));
  t.match(stdout.split('\n')[0], /^\{/);
});

/** Sends a signal when the teacher has begun. */
const whileScoring = (running: Running, signal: NodeJS.Signals): void => {
  running.child.stderr!.on('data', (text: string) => text.includes('The teacher scores') && running.child.kill(signal));
};

void t.test('stopped and killed while the teacher scores, the same bits', async (t) => {
  // So many that a signal arrives before the last is scored, on a busy machine too.
  const many = join(dir, 'many.jsonl');
  const copies = Array.from({ length: 20 }, (_, copy) =>
    named.map((each) => ({ ...each, query_id: `${each.query_id}-${copy}` })),
  );
  writeFileSync(many, jsonLines(copies.flat()));
  const scoring = ['finetune', ...student, '--examples', many, '--teacher', cross];
  const undisturbed = join(dir, 'undisturbed');
  await succeed(...scoring, '--out', undisturbed);
  for (const signal of ['SIGINT', 'SIGKILL'] as const) {
    const out = join(dir, signal);
    const running = start([...scoring, '--out', out]);
    whileScoring(running, signal);
    const { code, signal: by, stderr } = await running;
    if (signal === 'SIGKILL') t.equal(by, signal);
    else {
      t.equal(code, 130, stderr);
      t.match(stderr, /The scores of \d+ examples are saved; --resume goes on\./);
    }
    const resumed = await succeed('finetune', '--resume', '--out', out);
    if (signal === 'SIGINT') t.match(resumed.stderr, /pairs in 800 examples; those of \d+ examples are there\./);
    t.equal(trained(out), trained(undisturbed), signal);
  }
});

void t.test('encoders teach as well', async (t) => {
  for (const [name, teacher] of Object.entries({ words, bert })) {
    const out = join(dir, `of-${name}`);
    const run = ['finetune', ...student, '--examples', examples, '--teacher', teacher, '--distill-temperature', '0.05'];
    await succeed(...run, '--out', out);
    const scores = new Float32Array(Uint8Array.from(readFileSync(join(out, 'tokens', 'scores.bin'))).buffer);
    t.equal(scores.length, 160);
    t.ok(
      scores.every((score) => score >= -1.0001 && score <= 1.0001),
      'cosines',
    );
    // Of words that were hardly trained, the passage that has the sentence is still the nearest.
    const first = Array.from({ length: 40 }, (_, i) => scores.subarray(4 * i, 4 * i + 4)).filter(
      ([own, ...others]) => own >= Math.max(...others),
    );
    if (name === 'words') t.ok(first.length > 20, `${first.length} of 40`);
  }
});

const ids = join(dir, 'triples.ids.tsv');
const passages = join(dir, 'passages.tsv');
const queries = join(dir, 'queries.tsv');
writeFileSync(passages, texts.map((text, i) => `p${i}\t${text}\n`).join(''));
writeFileSync(queries, named.map(({ query_id, query }) => `${query_id}\t${query}\n`).join(''));
const place = (text: string) => `p${texts.indexOf(text)}`;
writeFileSync(
  ids,
  named.map(({ query_id, pos, neg }) => `${[query_id, ...[...pos, ...neg].map(place)].join('\t')}\n`).join(''),
);
const where = ['--example-queries', queries, '--example-corpus', passages];

void t.test('examples by ids, to the bits of their texts', async (t) => {
  const run = ['finetune', ...ONE_THREAD, ...small, '--negatives', '2', '--batch', '8', '--steps', '6'];
  await succeed(...run, '--examples', examples, '--out', join(dir, 'by-text'));
  await succeed(...run, '--examples', ids, ...where, '--out', join(dir, 'by-id'));
  t.equal(trained(join(dir, 'by-id')), trained(join(dir, 'by-text')));
  t.notOk(existsSync(join(dir, 'by-id', 'tokens', 'passages.txt')));
  const [negatives, qrels] = [join(dir, 'train_negs.tsv'), join(dir, 'train_qrels.txt')];
  writeFileSync(negatives, named.map(({ query_id, neg }) => `${query_id}\t${neg.map(place).join(',')}\n`).join(''));
  writeFileSync(qrels, named.map(({ query_id, pos }) => `${query_id}\t${place(pos[0])}\n`).join(''));
  const lists = ['--examples', negatives, ...where, '--example-qrels', qrels];
  await succeed(...run, ...lists, '--out', join(dir, 'by-list'));
  t.equal(trained(join(dir, 'by-list')), trained(join(dir, 'by-text')));
  await succeed('finetune', ...student, ...lists, '--teacher', cross, '--out', join(dir, 'by-list-taught'));
  t.equal(trained(join(dir, 'by-list-taught')), trained(whole), 'and with a teacher');
});

void t.test('refusals leave no folder', async (t) => {
  const out = join(dir, 'none');
  await refusedUntouched(t, { args: ['finetune', '--out', out], out, code: 2 }, [
    [
      ['--examples', ids, '--example-queries', queries],
      /--example-corpus is missing: where the ids of --examples have/,
    ],
    [['--examples', ids, '--example-qrels', queries], /--example-queries is missing: .* beside --example-qrels/],
    [['--corpus', corpus, ...where], /--example-queries is ".*; it must be left out, as there are no --examples/],
    [['--examples', examples, '--teacher', cross], /--teacher is ".*; it must be left out, as --method is dpr/],
  ]);
  const bad = join(dir, 'bad.ids.tsv');
  const numbers = join(dir, 'numbers.tsv');
  writeFileSync(numbers, '1\t2\t3\n');
  writeFileSync(bad, `q0\tp1\tp2\nq0\tp1\tp99\nq99\tp1\tp2\n`);
  const args = ['finetune', ...student, '--out', out];
  await refusedUntouched(t, { args, out, code: 1 }, [
    [
      ['--examples', numbers],
      /numbers\.tsv:1: has numbers only, which are ids, .* with --example-queries and --example-corpus/,
    ],
    [
      ['--examples', bad, ...where, '--max-bad-lines', '1'],
      /bad\.ids\.tsv:3: the query "q99" has no text in .*queries\.tsv; that makes 2 bad lines, expected at most 1\. .* or raise --max-bad-lines\./,
    ],
    [['--examples', bad, ...where], /not every example has a teacher's scores .* Name a --teacher/],
    [['--examples', examples, '--teacher', beir], /config\.json/],
    [
      ['--examples', beir, '--judged', 'test', '--teacher', cross],
      /no example has a negative, and from a teacher’s scores one learns/,
    ],
  ]);
  const broken = join(dir, 'broken');
  cpSync(bert, broken, { recursive: true });
  writeFileSync(join(broken, 'model.safetensors'), 'no');
  const { stderr } = await refused(
    t,
    [
      'finetune',
      ...ONE_THREAD,
      '--method',
      'distill',
      '--examples',
      examples,
      '--teacher',
      cross,
      '--model',
      broken,
      '--out',
      out,
    ],
    /broken.*model\.safetensors/,
  );
  t.notMatch(stderr, /The teacher scores/, 'a student that is broken is told of before hours of scoring');
});
