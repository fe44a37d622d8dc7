// Objectives side by side: killed and resumed to the same results, which are those of `retromae eval`; and the list of them.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { objectiveNames } from '../../retromae/index.js';
import { readPlan } from '../../train/index.js';
import {
  digest,
  filesBelow,
  parseLines,
  refused,
  start,
  stopped,
  succeed,
  TINY,
  until,
  writeBeir,
  writeCorpus,
} from './support.js';

const dir = t.testdir({});
const corpus = writeCorpus(dir);
const beir = writeBeir(join(dir, 'made-up'));
const objectives = ['mlm', 'crop:temperature=0.1', 'retromae:decoder=basic:decoder-layers=2'];
const RUN = [
  ...[...TINY, '--corpus', corpus, '--vocab-size', '150', '--steps', '12', '--save-every', '3', '--eval', beir],
  ...['--objectives', objectives.join(','), '--seeds', '2', '--cache-chunk', '3'],
];
const unbroken = join(dir, 'unbroken');
const json = <T>(...path: string[]): T => JSON.parse(readFileSync(join(...path), 'utf8')) as T;

interface Line {
  system: string;
  batch?: number;
  steps?: number;
  tokens?: number;
  'ndcg@10': { mean: number };
  against: Record<string, { mean: number }>;
}

t.before(async () => {
  await succeed('compare', ...RUN, '--out', unbroken);
});

void t.test('a table of all systems, and differences', async (t) => {
  const lines = json<Line[]>(unbroken, 'results.json');
  t.same(
    lines.map(({ system }) => system),
    ['BM25', 'untrained', ...objectives],
  );
  const by = (system: string) => lines.find((line) => line.system === system)!;
  for (const { system, against } of lines)
    for (const [rival, { mean }] of Object.entries(against)) {
      t.not(rival, system);
      t.ok(Math.abs(mean - (by(system)['ndcg@10'].mean - by(rival)['ndcg@10'].mean)) < 1e-12, `${system} - ${rival}`);
    }
  t.same(Object.keys(by(objectives[1]).against), ['mlm', 'BM25']);
  const [mlm, crop] = [by('mlm'), by(objectives[1])];
  t.ok(crop.batch! > mlm.batch!, 'spans are shorter than texts');
  t.ok(Math.abs(crop.tokens! / mlm.tokens! - 1) < 0.2, `${crop.tokens} and ${mlm.tokens} tokens a step`);
  t.match(readFileSync(join(unbroken, 'report.html'), 'utf8'), /Against BM25[^]*<svg/);
});

void t.test('every run begins with the same encoder, and is a run like any other', async (t) => {
  const runs = readdirSync(join(unbroken, 'runs')).filter((name) => !name.startsWith('untrained'));
  t.equal(runs.length, 6);
  for (const run of runs) {
    const { settings, steps } = await readPlan(join(unbroken, 'runs', run));
    t.equal(steps, 12);
    t.equal(settings.seed, run.endsWith('43') ? 43 : 42);
    t.notOk(existsSync(join(unbroken, 'runs', run, 'checkpoints')), 'what only a run that goes on needs is gone');
  }
});

void t.test('the scores are those of retromae eval', async (t) => {
  for (const run of ['mlm-seed42', 'crop-temperature-0.1-seed43']) {
    const folder = join(unbroken, 'runs', run);
    const evaluated = JSON.parse((await succeed('eval', '--model', folder, '--data', beir, '--json')).stdout) as {
      'ndcg@10': number;
    };
    const [scores] = Object.values(
      json<Record<string, Record<string, { 'ndcg@10': number }>>>(folder, 'evaluation.json'),
    );
    const values = Object.values(scores).map((each) => each['ndcg@10']);
    t.equal((values.reduce((a, b) => a + b) / values.length).toFixed(10), evaluated['ndcg@10'].toFixed(10), run);
  }
});

void t.test('killed again and again, it comes to the same results', async (t) => {
  const out = join(dir, 'killed');
  const moments = [
    () => existsSync(join(out, 'compare.json')),
    () => existsSync(join(out, 'runs', 'mlm-seed42', 'checkpoints')),
    () => existsSync(join(out, 'runs', 'mlm-seed42', 'evaluation.json')),
    () => existsSync(join(out, 'runs', 'crop-temperature-0.1-seed43', 'run.json')),
  ];
  let args = [...RUN, '--out', out];
  for (const moment of moments) {
    const running = start(['compare', ...args]);
    await until(running, moment);
    running.child.kill('SIGKILL');
    t.equal((await running).signal, 'SIGKILL');
    args = ['--resume', '--out', out];
  }
  const { stdout } = await succeed('compare', ...args);
  t.match(stdout, /against mlm/);
  t.equal(digest(join(out, 'results.json')), digest(join(unbroken, 'results.json')));
  t.strictSame(
    filesBelow(out).filter((file) => /partial|previous|\.tmp/.test(file)),
    [],
  );
});

void t.test('stopped while a model is measured, it says how to go on, and counts what is done', async (t) => {
  const out = join(dir, 'stopped');
  const run = join(out, 'runs', 'mlm-seed42');
  // The first run is trained, and not yet measured.
  const isTrained = () => existsSync(join(run, 'model.safetensors'));
  const { stderr, code } = await stopped(['compare', ...RUN], out, isTrained, 'SIGINT');
  t.equal(code, 130);
  t.notMatch(stderr, /before the first step/);
  t.match(stderr, /Saved\. Go on with: .*compare --resume --out /);
  const { stderr: again } = await succeed('compare', '--resume', '--out', out);
  const done = Number(existsSync(join(run, 'evaluation.json'))) && /(\d) of them are done/.exec(again)?.[1];
  t.match(again, new RegExp(`\n${Number(done ?? 0) + 1} of 6: `));
  t.equal(digest(join(out, 'results.json')), digest(join(unbroken, 'results.json')));
});

void t.test('what cannot be compared', async (t) => {
  const out = ['--out', join(dir, 'none')];
  await refused(
    t,
    ['compare', ...out, '--objectives', 'mlm,nope'],
    /--objectives nope: there is no objective "nope"/,
    2,
  );
  await refused(t, ['compare', ...out, '--objectives', 'mlm,mlm'], /--objectives names mlm twice/, 2);
  await refused(
    t,
    ['compare', ...out, '--objectives', 'crop:colour=1'],
    /there is no option colour; it has similarity/,
    2,
  );
  await refused(
    t,
    ['compare', ...out, '--objectives', 'crop:temperature=x'],
    /--temperature is null; it must be a number/,
    2,
  );
  await refused(t, ['compare', ...out, '--steps', '1', '--minutes', '1'], /--minutes and --steps both say/, 2);
  await refused(t, ['compare', ...out, '--seeds', '0'], /--seeds is "0"/, 2);
  await refused(t, ['compare', ...out, '--eval', join(dir, 'nowhere')], /nowhere.*no such file/);
  await refused(t, ['compare', ...out, '--corpus', join(dir, 'nowhere'), '--eval', beir], /nowhere/);
  await refused(t, ['compare', '--resume', ...out], /compare\.json: is not there/);
  await refused(
    t,
    ['compare', '--resume', '--out', unbroken, '--steps', '3'],
    /--steps cannot be given with --resume/,
    2,
  );
  await refused(t, ['compare', ...RUN, '--out', unbroken], /unbroken/);
  t.notOk(existsSync(join(dir, 'none')));
});

void t.test('the list of objectives', async (t) => {
  const { stdout } = await succeed('pretrain', '--list', '--json', ...TINY, '--vocab-size', '150');
  const lines = parseLines<Record<string, unknown>>(stdout);
  t.same(
    lines.map(({ objective }) => objective),
    objectiveNames,
  );
  for (const { objective, summary, paper, cost, tokens } of lines)
    t.ok(
      String(summary).length > 10 && /^https:/.test(String(paper)) && Number(cost) > 0 && Number(tokens) > 0,
      String(objective),
    );
});
