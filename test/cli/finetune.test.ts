// Fine-tuning from the command line: killed and resumed to the same bits, opened by every command, refused where it must be.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import {
  checkpoints,
  digest,
  lossesOf,
  meanOf,
  ndcgOf,
  ONE_THREAD,
  paragraphs,
  readLog,
  refused,
  refusedUntouched,
  stepsOf,
  stopped,
  succeed,
  writeBeir,
  writeCorpus,
  writeExamples,
} from './support.js';

const dir = t.testdir({});
const corpus = writeCorpus(dir);
const beir = writeBeir(dir);
const STEPS = 40;
const common = [...ONE_THREAD, '--batch', '8', '--steps', String(STEPS), '--save-every', '5'];
const pretrained = join(dir, 'pretrained');
const words = join(dir, 'words');
const evaluate = (model: string, ...flags: string[]) =>
  succeed('eval', ...ONE_THREAD, '--model', model, '--data', beir, '--json', ...flags);
const ndcg = async (...args: Parameters<typeof evaluate>): Promise<number> => ndcgOf(await evaluate(...args));
const examples = writeExamples(dir, 60, (i) => ({ pos_scores: [5], neg_scores: [1, i / 60] }));

t.before(async () => {
  const tiny = ['--layers', '1', '--hidden', '32', '--heads', '2', '--seq', '48', '--batch', '4', '--eval-every', '0'];
  await succeed(
    'pretrain',
    ...ONE_THREAD,
    ...tiny,
    '--corpus',
    corpus,
    '--vocab-size',
    '150',
    '--steps',
    '2',
    '--out',
    pretrained,
  );
  await succeed('finetune', ...common, '--corpus', corpus, '--vocab-size', '150', '--width', '32', '--out', words);
});

const runs: Record<string, string[]> = {
  static: ['--corpus', corpus, '--vocab-size', '150', '--width', '16', '--dims', '16:1,4:0.5'],
  'BERT from words': [
    '--corpus',
    corpus,
    '--model',
    'bert',
    '--init-words',
    words,
    '--width',
    '32',
    '--heads',
    '2',
    '--layers',
    '1',
    '--cache-chunk',
    '5',
  ],
  'a folder on examples': [
    '--examples',
    examples,
    '--model',
    pretrained,
    '--pooling',
    'mean',
    '--negatives',
    '2',
    '--query-prompt',
    'ask: ',
  ],
  'a teacher': [
    '--examples',
    examples,
    '--method',
    'distill',
    '--vocab-size',
    '150',
    '--width',
    '16',
    '--contrast-weight',
    '0.1',
    '--eval',
    beir,
    '--eval-split',
    'test',
    '--eval-every',
    '10',
  ],
};

for (const [name, flags] of Object.entries(runs))
  void t.test(`${name}: killed and resumed, the same bits; and the loss falls`, async (t) => {
    const out = join(dir, name.replaceAll(' ', '-'));
    await succeed('finetune', ...common, ...flags, '--out', `${out}-unbroken`);
    const killed = await stopped(['finetune', ...common, ...flags], out, () => checkpoints(out).length > 0);
    t.equal(killed.signal, 'SIGKILL');
    await succeed('finetune', '--resume', '--out', out);
    t.equal(digest(join(out, 'model.safetensors')), digest(join(`${out}-unbroken`, 'model.safetensors')));
    const losses = lossesOf(out);
    t.same(losses, lossesOf(`${out}-unbroken`));
    t.equal(losses.length, STEPS);
    const [first, last] = [meanOf(losses.slice(0, 10)), meanOf(losses.slice(-10))];
    // One that begins with words that were trained on this text begins far below ln 8, which guessing costs.
    if (name === 'BERT from words') t.ok(first < 1.6, String(first));
    else t.ok(last < first, `${first} to ${last}`);
    t.match(readFileSync(join(out, 'report.html'), 'utf8'), /Fine-tuning/);
    const index = join(dir, `${name}.index`);
    await succeed('encode', ...ONE_THREAD, '--model', out, '--corpus', beir, '--out', index);
    const query = ['--query', paragraphs(200)[3], '--corpus', beir];
    t.ok((await succeed('search', ...ONE_THREAD, '--model', out, '--index', index, ...query)).stdout.length > 0);
    t.ok((await ndcg(out, '--fuse', 'weighted')) > 0);
  });

void t.test('words alone learn to find a document by its sentence', async (t) => {
  const found = await ndcg(words);
  t.ok(found > 0.6, String(found));
});

void t.test('what is said to be done before a text is done by every command', async (t) => {
  const folder = join(dir, 'a-folder-on-examples');
  const settings = JSON.parse(readFileSync(join(folder, 'config_sentence_transformers.json'), 'utf8')) as object;
  t.match(settings, { prompts: { query: 'ask: ', document: '' }, similarity_fn_name: 'cosine' });
  const { stderr } = await succeed('eval', ...ONE_THREAD, '--model', folder, '--data', beir);
  t.match(stderr, /The model pools: the mean of all tokens, then scaled to length 1; queries begin with "ask: "/);
});

void t.test('it ends with the best model where probes get no better', async (t) => {
  const out = join(dir, 'patient');
  const probe = ['--eval', beir, '--eval-split', 'test', '--eval-every', '2', '--patience', '2'];
  const run = [
    '--corpus',
    corpus,
    '--vocab-size',
    '150',
    '--width',
    '16',
    '--lr',
    '0.5',
    '--schedule',
    'constant',
    '--steps',
    '400',
  ];
  await succeed('finetune', ...ONE_THREAD, '--batch', '8', ...run, ...probe, '--out', out);
  const log = readLog(out);
  const probes = log.filter(({ type }) => type === 'probe') as unknown as { step: number; 'ndcg@10': number }[];
  const best = Math.max(...probes.map((record) => record['ndcg@10']));
  const first = probes.findIndex((record) => record['ndcg@10'] === best);
  t.equal(probes.length, first + 3, 'two probes after the best');
  t.ok(stepsOf(log).length < 400);
  t.ok(Math.abs((await ndcg(out)) - best) < 1e-9, 'the best model is kept');
});

void t.test('an encoder is pre-trained from words, its vectors the mean of tokens weighted by word', async (t) => {
  const out = join(dir, 'from-words');
  const tiny = ['--layers', '1', '--heads', '2', '--seq', '48', '--batch', '4', '--eval-every', '0', '--steps', '6'];
  const run = ['pretrain', ...ONE_THREAD, ...tiny, '--corpus', corpus, '--init-words', words, '--save-every', '2'];
  await succeed(...run, '--out', out);
  t.match(JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')), { hidden_size: 32 });
  const measured = await evaluate(out);
  t.match(measured.stderr, /the mean of all tokens, each weighted by its word/);
  t.ok(ndcgOf(measured) > 0.5, `near the words that it began with: ${measured.stdout}`);
  const shorter = join(dir, 'from-words-shorter');
  await succeed(...run, '--out', shorter, '--schedule', 'constant', '--steps', '4');
  await succeed('pretrain', '--resume', '--out', shorter, '--steps', '6');
  await succeed('finetune', ...common, '--corpus', corpus, '--model', out, '--out', `${out}-finetuned`);
  t.match(readFileSync(join(`${out}-finetuned`, 'modules.json'), 'utf8'), /WordWeights/);
  await refused(
    t,
    [...run, '--hidden', '16', '--out', join(dir, 'none')],
    /--hidden is 16, but the words in .* have 32 numbers/,
  );
  await refused(
    t,
    [...run, '--vocab', words, '--out', join(dir, 'none')],
    /--vocab is given, but the words are those of --init-words/,
  );
  await refused(
    t,
    [...run, '--init', pretrained, '--out', join(dir, 'none')],
    /--init-words is .* as --init has words of its own/,
    2,
  );
});

void t.test('a BEIR folder, with judgements of any split', async (t) => {
  const out = join(dir, 'judged');
  await succeed(
    'finetune',
    ...common,
    '--examples',
    beir,
    '--judged',
    'test',
    '--vocab-size',
    '150',
    '--width',
    '16',
    '--out',
    out,
  );
  t.ok(existsSync(join(out, 'model.safetensors')));
  await refused(t, ['finetune', ...common, '--examples', beir, '--out', join(dir, 'none')], /qrels.*train/);
});

void t.test('refusals leave no folder', async (t) => {
  const out = join(dir, 'none');
  await refusedUntouched(t, { args: ['finetune', '--out', out], out, code: 2 }, [
    [[], /--corpus is missing: what to learn from/],
    [['--corpus', corpus, '--examples', examples], /--corpus and --examples both say what to learn from/],
    [['--corpus', corpus, '--pairs', 'title:0'], /--pairs is "title:0"; it must be kinds of pairs with weights/],
    [['--corpus', corpus, '--model', 'bert', '--width', '30'], /--heads is 4; it must be a divisor of --width 30/],
    [['--corpus', corpus, '--init-words', words], /--init-words is .*; it must be left out, as --model is not bert/],
    [['--corpus', corpus, '--method', 'distill'], /--method is "distill"; it must be dpr/],
    [['--corpus', corpus, '--dims', '1024'], /--dims is "1024"; it must be at most --width 768/],
    [['--corpus', corpus, '--dims', '0'], /--dims is "0"; it must be widths with weights/],
    [['--corpus', corpus, '--patience', '2'], /--patience is 2; it must be 0, or --eval is to say/],
    [['--corpus', corpus, '--pooling', 'cls'], /--pooling is "cls"; it must be left out, as --model is static/],
    [['--corpus', corpus, '--crop-least', '0.9'], /--crop-least is 0.9; it must be at most that of the longest crop/],
  ]);
  writeFileSync(join(dir, 'bad.jsonl'), '{"query": "a", "pos": ["b"]}\n{"query": "a"}\n');
  await refusedUntouched(t, { args: ['finetune', ...common, '--out', out], out }, [
    [['--corpus', join(dir, 'nowhere')], /nowhere/],
    [['--examples', join(dir, 'nowhere.jsonl')], /nowhere/],
    [['--examples', join(dir, 'bad.jsonl')], /bad\.jsonl:2: has 1 texts in 1 columns/],
    [['--corpus', corpus, '--model', join(dir, 'nowhere')], /nowhere/],
    [['--corpus', corpus, '--model', words, '--vocab', words], /--vocab is given, but the words are those of/],
    [
      ['--corpus', corpus, '--model', 'bert', '--init-words', words, '--width', '16'],
      /the static encoder has \d+ words of 32 numbers, the BERT \d+ of 16/,
    ],
    [
      ['--examples', beir, '--judged', 'test', '--method', 'distill', '--vocab-size', '150'],
      /not every example has a teacher's scores/,
    ],
  ]);
  await refused(
    t,
    ['pretrain', '--corpus', corpus, '--init', words, '--out', out],
    /is a static encoder, a table of words; expected a BERT/,
  );
  await refused(
    t,
    ['eval', '--model', words, '--data', beir, '--represent', 'cls'],
    /is a static encoder, without hidden states/,
    2,
  );
  await refused(t, ['finetune', '--resume', '--out', out], /run\.json: is not there/);
  await refused(
    t,
    ['finetune', '--resume', '--out', words, '--width', '64'],
    /--width is 64, but the run in .* began with 32/,
  );
  await refused(t, ['pretrain', '--resume', '--out', words], /is not the plan of a run, expected retromae-run-1/);
});
