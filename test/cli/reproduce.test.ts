// A table of the paper on made-up sets: killed and stopped, it comes to the same results; the teacher's table; what is refused.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { digest, filesBelow, ONE_THREAD, refused, refusedUntouched, start, succeed, writeBeir } from './support.js';

const dir = t.testdir({});
const one = join(dir, 'one', 'beir');
const two = join(dir, 'two', 'other');
writeBeir(join(dir, 'one'));
mkdirSync(two, { recursive: true });
// The second folder has labels too: its queries learn from what is asked of the first two documents.
for (const file of ['corpus.jsonl', 'queries.jsonl'])
  writeFileSync(join(two, file), readFileSync(join(one, file), 'utf8'));
mkdirSync(join(two, 'qrels'));
const judged = readFileSync(join(one, 'qrels', 'test.tsv'), 'utf8')
  .trim()
  .split('\n');
const qrels = (lines: readonly string[]) => `${[judged[0], ...lines].join('\n')}\n`;
writeFileSync(join(two, 'qrels', 'test.tsv'), qrels(judged.slice(1, 7)));
writeFileSync(join(two, 'qrels', 'train.tsv'), qrels(['q10\td0\t1', 'q11\td11\t1', 'q6\td6\t1', 'q7\td7\t1']));

const SMALL = [
  ...[...ONE_THREAD, '--layers', '1', '--hidden', '16', '--heads', '2', '--seq', '32', '--vocab-size', '150'],
  ...['--batch', '4', '--finetune-batch', '4', '--steps', '4', '--finetune-steps', '3'],
];
const ANCE = ['table4', ...SMALL, '--data', `${one},${two}`, '--train', two, '--seeds', '2'];
const unbroken = join(dir, 'unbroken');

interface Results {
  systems: {
    name: string;
    paper?: number;
    interval: Record<string, number>;
    sets: Record<string, number>;
    met: object;
  }[];
  claims: { better: string; verdict: string; paper?: number; difference: Record<'mean' | 'low' | 'high', number> }[];
}
const results = (out: string) => JSON.parse(readFileSync(join(out, 'results.json'), 'utf8')) as Results;

t.before(async () => {
  await succeed('reproduce', ...ANCE, '--out', unbroken);
});

void t.test('rows, the direction with its interval, the page', async (t) => {
  const { systems, claims } = results(unbroken);
  t.same(
    systems.map(({ name, paper }) => [name, paper]),
    [
      ['BM25', undefined],
      ['untrained', undefined],
      ['coCondenser', 0.382],
      ['RetroMAE', 0.393],
    ],
  );
  const [{ verdict, difference, paper }] = claims;
  const { low, high, mean } = difference;
  t.equal(verdict, low > 0 ? 'direction reproduced' : high < 0 ? 'not reproduced' : 'undecided');
  t.ok(low <= mean && mean <= high);
  t.ok(Math.abs(paper! - 0.011) < 1e-9);
  const [theirs, ours] = [systems[2], systems[3]].map(({ interval }) => interval.mean);
  t.ok(Math.abs(mean - (ours - theirs)) < 1e-12, 'the difference of the two rows');
  for (const { sets, interval, met } of systems) {
    t.ok(Math.abs((sets.beir + sets.other) / 2 - interval.mean) < 1e-12, 'sets count the same');
    t.same(Object.keys(met), ['met', 'unmet']);
  }
  const page = readFileSync(join(unbroken, 'report.html'), 'utf8');
  t.match(page, /coCondenser.*: (direction reproduced|not reproduced|undecided)/);
  t.match(page, /<svg[^]*What is different from the paper/);
  const runs = filesBelow(join(unbroken, 'runs'));
  t.notOk(runs.some((file) => file.includes('checkpoints')));
  t.ok(runs.includes(join('retromae-seed43', 'ance', 'model.safetensors')));
});

void t.test('each run mines with the model that it has, and begins each stage with what was pre-trained', (t) => {
  const mined = ['cocondenser-seed42', 'retromae-seed42'].map((run) =>
    digest(join(unbroken, 'runs', run, 'mined.jsonl')),
  );
  t.not(mined[0], mined[1]);
  for (const stage of ['dpr', 'ance']) {
    const { settings, steps } = JSON.parse(
      readFileSync(join(unbroken, 'runs', 'retromae-seed43', stage, 'run.json'), 'utf8'),
    ) as { settings: Record<string, unknown>; steps: number };
    t.equal(settings.model, join(unbroken, 'runs', 'retromae-seed43'));
    t.equal(settings.seed, 43);
    t.equal(steps, 3);
  }
  t.end();
});

void t.test('killed again and again, it comes to the same results', async (t) => {
  const out = join(dir, 'killed');
  const run = (name: string, ...path: string[]) => join(out, 'runs', name, ...path);
  const moments = [
    run('untrained-seed42', 'dpr', 'run.json'),
    run('untrained-seed42', 'mined.jsonl'),
    run('cocondenser-seed42', 'dpr', 'tokens'),
    run('cocondenser-seed42', 'dpr', 'evaluation.json'),
    run('retromae-seed42', 'ance', 'model.safetensors'),
    run('cocondenser-seed43', 'run.json'),
  ];
  const again = [['--resume'], [...ANCE]];
  let args = [...ANCE, '--out', out];
  for (const [i, moment] of moments.entries()) {
    const running = start(['reproduce', ...args]);
    let ended = false;
    void running.finally(() => (ended = true));
    while (!ended && !existsSync(moment)) await sleep(1);
    running.child.kill('SIGKILL');
    t.equal((await running).signal, 'SIGKILL', moment);
    // The same command goes on, and so does --resume.
    args = [...again[i % 2], '--out', out];
  }
  const { stdout } = await succeed('reproduce', ...args);
  t.match(stdout, /RetroMAE above coCondenser: /);
  t.equal(digest(join(out, 'results.json')), digest(join(unbroken, 'results.json')));
  t.strictSame(
    filesBelow(out).filter((file) => /partial|previous|\.tmp/.test(file)),
    [],
  );
});

void t.test('stopped in a fine-tuning, it saves and says how to go on', async (t) => {
  const out = join(dir, 'stopped');
  const running = start(['reproduce', ...ANCE, '--out', out]);
  while (!existsSync(join(out, 'runs', 'cocondenser-seed42', 'dpr', 'run.json'))) await sleep(1);
  running.child.kill('SIGINT');
  const { stderr, code } = await running;
  t.equal(code, 130);
  t.match(stderr, /Saved\. Go on with: .*reproduce --resume --out /);
  await succeed('reproduce', '--resume', '--out', out);
  t.equal(digest(join(out, 'results.json')), digest(join(unbroken, 'results.json')));
});

void t.test('some rows of a table, with passages longer than those of pre-training', async (t) => {
  const out = join(dir, 'rows');
  const { stdout } = await succeed(
    ...['reproduce', 'table1', ...SMALL, '--rows', 'BERT; RetroMAE', '--finetune-seq', '48', '--pairs', 'crop:1'],
    ...['--data', one, '--seeds', '1', '--out', out],
  );
  t.same(
    results(out).systems.map(({ name }) => name),
    ['BM25', 'untrained', 'BERT', 'RetroMAE'],
  );
  t.match(stdout, /^RetroMAE above BERT: /);
  t.match(stdout, /\nBERT +0\.371 +\d\.\d{3} \[.*\] +[+-]\d\.\d{3} \[/, 'over the untrained encoder');
  const read = (...path: string[]) =>
    JSON.parse(readFileSync(join(out, 'runs', 'mlm-seed42', ...path), 'utf8')) as {
      max_position_embeddings: number;
      settings: Record<string, unknown>;
    };
  t.equal(read('config.json').max_position_embeddings, 48);
  t.match(read('run.json').settings, { seq: 32, positions: 48 });
  t.match(read('pairs', 'run.json').settings, { seq: 48, pairs: 'crop:1' });
});

void t.test('minutes are as many steps for all: those that the first run measured', async (t) => {
  const out = join(dir, 'minutes');
  const { stdout } = await succeed(
    ...['reproduce', 'table5', ...SMALL.slice(0, -2), '--finetune-minutes', '0.01', '--data', one, '--train', two],
    ...['--seeds', '1', '--out', out, '--json'],
  );
  const { systems } = JSON.parse(stdout) as Results;
  t.same(
    systems.map(({ name }) => name),
    ['BM25', 'BM25, reranked by the teacher', 'untrained', 'BERT, as DPR', 'RetroMAE, as DPR', 'BERT', 'RetroMAE'],
  );
  const steps = (...path: string[]) =>
    (JSON.parse(readFileSync(join(out, 'runs', ...path, 'run.json'), 'utf8')) as { steps: number }).steps;
  t.equal(steps('mlm-seed42', 'dpr'), steps('untrained-seed42', 'dpr'));
  t.equal(steps('retromae-seed42', 'distill'), steps('mlm-seed42', 'distill'));
  t.ok(existsSync(join(out, 'teacher', 'model.safetensors')));
});

void t.test('what cannot be reproduced', async (t) => {
  const out = join(dir, 'none');
  const cases: [string[], RegExp][] = [
    [[], /which table\? Give one of table1/],
    [['table7'], /there is no table "table7"; they are table1/],
    [['table6'], /--data is missing/],
    [['table3', '--data', one], /--train is missing: table3 learns from labelled examples/],
    [['table1', '--data', one, '--train', two], /--train is given, but table1 is fine-tuned without labels/],
    [['table4', '--data', one, '--train', two, '--corpus', one], /--corpus is given, but table4/],
    [['table6', '--data', one, '--steps', '1', '--minutes', '1'], /--minutes and --steps both say/],
    [['table6', '--data', one, '--finetune-steps', '1', '--finetune-minutes', '1'], /--finetune-minutes and/],
    [['table6', '--data', one, '--seeds', '0'], /--seeds/],
    [['table6', '--data', one, '--heads', '3'], /--hidden is 256; it must be divisible by --heads 3/],
    [['table6', '--data', one, '--rows', 'RetroMAE'], /--rows names "RetroMAE", which table6 has not/],
    [['--resume'], /reproduce\.json: is not there/],
  ];
  for (const [flags, said] of cases)
    await refusedUntouched(t, { args: ['reproduce', ...flags], out, code: 2 }, [[['--out', out], said]]);
  for (const [flags, said] of [
    [['--data', join(dir, 'nowhere')], /nowhere.*no such file/],
    [['--data', `${one},${one}`], /--data names two folders that are called beir/],
    [['--data', one, '--train', one], /no split "train"/],
    [['--data', one, '--corpus', join(dir, 'nowhere')], /nowhere/],
  ] as const)
    await refusedUntouched(t, { args: ['reproduce', 'table6', ...flags], out }, [[['--out', out], said]]);
  await refused(t, ['reproduce', 'table6', '--out', unbroken], /table6 is asked for, but .* began with "table4"/, 2);
  await refused(t, ['reproduce', ...ANCE, '--steps', '9', '--out', unbroken], /--steps is 9, but .* began with 4/, 2);
});
