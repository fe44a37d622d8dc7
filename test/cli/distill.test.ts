// `retromae distill` as a user runs it: a folder that is a static encoder, what is said of it, and what is refused.
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { setBackend } from '../../core/index.js';
import { isStatic, loadModel, loadStatic } from '../../hub/index.js';
import { ReferenceBackend } from '../../kernels/index.js';
import { pooledBert } from '../../nn/index.js';
import { distillStatic } from '../../retrieval/index.js';
import {
  filesBelow,
  jsonLines,
  ONE_THREAD,
  paragraphs,
  refused,
  succeed,
  TINY,
  writeBeir,
  writeCorpus,
} from './support.js';

setBackend(new ReferenceBackend());

const dir = t.testdir({});
const model = join(dir, 'base model');
const beir = writeBeir(dir);
const DISTILL = ['distill', '--model', model, ...ONE_THREAD];

interface Printed {
  tokens: number;
  dim: number;
  kept: number;
  tokensPerSecond: Record<'teacher' | 'student', number>;
  evaluation?: Record<'teacher' | 'student', Record<string, number>> & { difference: { mean: number } };
}

t.before(async () => {
  const training = ['--vocab-size', '150', '--steps', '10', '--eval-every', '0', '--out', model];
  await succeed('pretrain', ...TINY, '--corpus', writeCorpus(dir), ...training);
});

const tableOf = async (folder: string): Promise<number[]> => [
  ...(await (await loadStatic(folder)).model.embedding.weight.read()),
];

/** How far a table is from another, as a share of its largest number; components may have turned round. */
function farthest(found: readonly number[], wanted: readonly number[], dim: number): number {
  const scale = Math.max(...wanted.map(Math.abs));
  const signs = Array.from({ length: dim }, (_, i) =>
    Math.sign(wanted.reduce((sum, value, at) => sum + (at % dim === i ? value * found[at] : 0), 0)),
  );
  return Math.max(...wanted.map((value, at) => Math.abs(value - signs[at % dim] * found[at]))) / scale;
}

void t.test('a folder for everybody, with the table that the library makes', async (t) => {
  const out = join(dir, 'static');
  const { stdout, stderr } = await succeed(...DISTILL, '--out', out, '--dims', '6', '--json');
  const printed = JSON.parse(stdout) as Printed;
  t.match(printed, { dim: 6, out });
  t.ok(printed.tokensPerSecond.teacher > 0 && printed.tokensPerSecond.student > 0);
  t.match(stderr, new RegExp(`tokens ${printed.tokens}/${printed.tokens} +100 %`));
  t.match(stderr, / vectors of 6 numbers in .*static, with \d+\.\d % of the variance\./);
  t.match(stderr, /It encodes \S+ tokens a second, its teacher \S+: \S+ times as many\./);
  t.ok(await isStatic(out));
  const loaded = await loadModel(model);
  t.equal(printed.tokens, loaded.tokenizer.size - 5);
  const wanted = await distillStatic({ model: pooledBert(loaded.model) }, loaded.tokenizer, { dims: 6 });
  const far = farthest(await tableOf(out), [...(await wanted.model.embedding.weight.read())], 6);
  t.ok(far < 1e-3, `float32 and float64 make the same table: ${far}`);
  t.same((await loadStatic(out)).tokenizer.vocab, loaded.tokenizer.vocab);
  const card = readFileSync(join(out, 'README.md'), 'utf8');
  t.match(card, 'base_model: "base model"');
  t.match(card, /Distilled from `base model`.*with p by their order in the vocabulary \(Zipf’s law\)/);
  t.notMatch(card, dir, 'no path of this machine');
  t.same(
    filesBelow(out).filter((file) => file.endsWith('.json')),
    ['config.json', 'config_sentence_transformers.json', 'modules.json', 'tokenizer.json', 'tokenizer_config.json'],
  );
  const index = join(dir, 'static.index');
  await succeed('encode', '--model', out, '--corpus', join(beir, 'corpus.jsonl'), '--out', index, ...ONE_THREAD);
  const found = await succeed(
    'search',
    '--model',
    out,
    '--index',
    index,
    '--query',
    paragraphs(40, 2)[7],
    ...ONE_THREAD,
  );
  t.match(found.stdout, /^1\.0000 {2}d7\n/, 'and finds with it');
});

void t.test('by the counts of a corpus, its mean, evaluated beside its teacher', async (t) => {
  const out = join(dir, 'counted');
  const corpus = join(beir, 'corpus.jsonl');
  const flags = ['--dims', '8', '--corpus', corpus, '--sif', '0.01', '--represent', 'mean'];
  const { stdout, stderr } = await succeed(...DISTILL, '--out', out, ...flags, '--data', beir);
  t.match(stderr, /corpus\.jsonl: 40 documents/);
  t.match(stderr, /The model pools: the mean of all tokens/);
  t.match(stdout, / nDCG@10\n.*base model +\d\.\d{3} \[.*\]\n.*counted +\d\.\d{3} \[.*\]\n12 queries of beir;/);
  t.match(stdout, /Kept: [\d.]+ %\. The difference, paired: [+-]\d\.\d{3} \[/);
  const loaded = await loadModel(model, { represent: 'mean' });
  const frequencies = new Float64Array(loaded.tokenizer.size);
  for (const text of paragraphs(40, 2)) for (const id of loaded.tokenizer.encode(text)) frequencies[id]++;
  const options = { dims: 8, sif: 0.01, frequencies };
  const wanted = await distillStatic({ model: pooledBert(loaded.model, 'mean') }, loaded.tokenizer, options);
  const far = farthest(await tableOf(out), [...(await wanted.model.embedding.weight.read())], 8);
  t.ok(far < 1e-3, `${far}`);
  t.match(readFileSync(join(out, 'README.md'), 'utf8'), /0\.01 \/ \(0\.01 \+ p\), with p by counts in a corpus/);
  const again = await succeed(...DISTILL, '--out', join(dir, 'again'), ...flags, '--data', beir, '--json');
  const { evaluation } = JSON.parse(again.stdout) as Printed;
  const { teacher, student, difference } = evaluation!;
  t.ok(Math.abs(student['ndcg@10'] - teacher['ndcg@10'] - difference.mean) < 1e-12);
  const own = await succeed('eval', '--model', out, '--data', beir, '--json', ...ONE_THREAD);
  t.match(JSON.parse(own.stdout), student, 'as `eval` measures the folder');
});

void t.test('bad input', async (t) => {
  const [out, full, table] = ['out', 'full', 'static'].map((name) => join(dir, name));
  mkdirSync(full);
  writeFileSync(join(full, 'notes.txt'), 'mine');
  const bad = join(dir, 'bad.jsonl');
  writeFileSync(bad, jsonLines([{ text: 'the river' }]) + '{"text": 3}\n');
  const before = readdirSync(dir);
  const OUT = [...DISTILL, '--out', out];
  const failing: [args: string[], said: RegExp][] = [
    [[...DISTILL, '--out', full], /full: .*notes\.txt/],
    [['distill', '--model', join(dir, 'nowhere'), '--out', out, ...ONE_THREAD], /config\.json: is not there/],
    [
      ['distill', '--model', table, '--out', out, ...ONE_THREAD],
      /static: is a static encoder, .* Give the folder of one/,
    ],
    [[...OUT, '--corpus', join(dir, 'none.jsonl')], /none\.jsonl cannot be read/],
    [[...OUT, '--corpus', bad, '--max-bad-lines', '0'], /bad\.jsonl.*2/],
    [[...OUT, '--data', beir, '--split', 'dev'], /no split "dev"/],
  ];
  for (const [args, said] of failing) await refused(t, args, said, 1);
  const typed: [args: string[], said: RegExp][] = [
    [['distill', '--out', out], /--model is missing: a model folder/],
    [DISTILL, /--out is missing: the folder to write/],
    [[...OUT, '--dims', '0'], /--dims is "0"; it must be an integer of at least 1/],
    [[...OUT, '--sif', '0'], /--sif is "0"; it must be a number above 0/],
    [[...OUT, '--represent', 'max'], /--represent is "max"; it must be one of cls, mean/],
    [[...OUT, '--split', 'test'], /--split is for --data\. Give it, or leave --split out/],
    [[...OUT, '--field', 'text', '--data', beir], /--field is for --corpus/],
    [[...OUT, '--max-unknown', '3'], /--max-unknown is for --corpus and --data/],
  ];
  for (const [args, said] of typed) await refused(t, args, said, 2);
  t.notOk(existsSync(out), 'nothing is written');
  t.same(readdirSync(dir), before, 'and nothing left');
});
