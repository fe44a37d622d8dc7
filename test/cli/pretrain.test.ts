// `retromae pretrain` as a user runs it: what it leaves, what it prints, and every flag that changes what is trained.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import {
  filesBelow,
  atFirstStep,
  jsonLines,
  paragraphs,
  parseLines,
  readLog,
  start,
  stepsOf,
  succeed,
  TINY,
  writeBeir,
  writeCorpus,
} from './support.js';

const dir = t.testdir({});
const corpus = writeCorpus(dir);
const base = join(dir, 'base');
const SMALL = [...TINY, '--corpus', corpus, '--vocab-size', '200'];
const short = (out: string, ...flags: string[]) =>
  succeed('pretrain', ...SMALL, '--eval-every', '0', '--steps', '3', '--out', out, ...flags);

void t.test('a run leaves a model folder, checkpoints, a log and a report, and its losses fall', async (t) => {
  const { stdout, stderr } = await succeed(
    'pretrain',
    ...SMALL,
    '--steps',
    '60',
    '--eval-every',
    '30',
    '--save-every',
    '25',
    '--out',
    base,
  );
  t.equal(stdout, '', 'what people read goes to stderr');
  t.match(stderr, /Computing with wasm: .*1 thread/);
  t.match(stderr, /step +60\/60 +100 % {2}encoder [\d.]+ {2}decoder [\d.]+ {2}accuracy [\d.]+ % {2}gradient [\d.]+/);
  t.match(stderr, /report in .*report\.html/);

  const model = [
    '1_Pooling/config.json',
    'README.md',
    'config.json',
    'config_sentence_transformers.json',
    'model.safetensors',
    'modules.json',
    'sentence_bert_config.json',
    'tokenizer.json',
    'tokenizer_config.json',
    'vocab.txt',
  ];
  const state = ['decoder.safetensors', 'optimizer.safetensors', 'state.json'].map((name) => `training_state/${name}`);
  const checkpoints = ['step-00000050', 'step-00000060'].flatMap((name) =>
    [...model, ...state].map((file) => `checkpoints/${name}/${file}`),
  );
  const charts = ['accuracy', 'loss', 'optimizer', 'probe'].map((name) => `charts/${name}.svg`);
  const vocabulary = ['tokenizer.json', 'tokenizer_config.json', 'vocab.txt'];
  const columns = ['blocks', 'documents', 'sentences', 'titles', 'tokens'].map((name) => `${name}.bin`);
  const tokens = ['about.json', ...columns, ...vocabulary].map((name) => `tokens/${name}`);
  const files = filesBelow(base).filter((file) => !file.startsWith('events.out.tfevents.'));
  t.strictSame(files, [...model, ...checkpoints, ...charts, ...tokens, 'log.jsonl', 'report.html', 'run.json'].sort());
  t.equal(filesBelow(base).length, files.length + 1, 'and one TensorBoard file');

  const log = readLog(base);
  const steps = stepsOf(log);
  t.strictSame(
    steps.map(({ step }) => step),
    Array.from({ length: 60 }, (_, i) => i + 1),
    'every step once, in order',
  );
  t.strictSame(
    log.filter(({ type }) => type === 'probe').map(({ step }) => step),
    [0, 30, 60],
  );
  for (const field of [
    'loss',
    'encoder',
    'decoder',
    'accuracy',
    'decoderAccuracy',
    'gradientNorm',
    'lr',
    'tokens',
    'seconds',
    'dataSeconds',
    'tokensPerSecond',
    'elapsed',
  ])
    t.ok(
      steps.every((record) => Number.isFinite(record[field])),
      `every step has ${field}`,
    );
  const mean = (field: string, from: number): number =>
    steps.slice(from, from + 10).reduce((sum, record) => sum + Number(record[field]), 0) / 10;
  for (const field of ['encoder', 'decoder'])
    t.ok(mean(field, 50) < mean(field, 0) - 0.4, `${field}: ${mean(field, 0)} to ${mean(field, 50)}`);

  const report = readFileSync(join(base, 'report.html'), 'utf8');
  t.match(report, `retromae pretrain ${SMALL.join(' ')} --steps 60`, 'the report has the command as it was typed');
  t.match(report, '<svg');
});

void t.test('--json prints a line for the data and for every step, and nothing else', async (t) => {
  const { stdout } = await short(join(dir, 'json'), '--json');
  const rows = parseLines<{ type: string; step: number }>(stdout);
  t.strictSame(
    rows.map(({ type, step }) => [type, step]),
    [['data', undefined], ...[1, 2, 3].map((step) => ['step', step])],
  );
});

void t.test('--config gives settings, flags win, and however a flag says how long to train', async (t) => {
  const file = join(dir, 'settings.json');
  writeFileSync(
    file,
    JSON.stringify({
      corpus,
      layers: 1,
      hidden: 16,
      heads: 4,
      ffn: 24,
      vocabSize: 200,
      batch: 2,
      seq: 32,
      steps: 900,
      lr: 1e-3,
      backend: 'wasm',
      threads: 1,
      evalEvery: 0,
    }),
  );
  const out = join(dir, 'config');
  await succeed('pretrain', '--config', file, '--hidden', '24', '--steps', '2', '--out', out);
  t.match(JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')), {
    hidden_size: 24,
    num_attention_heads: 4,
    intermediate_size: 24,
    max_position_embeddings: 32,
  });
  t.equal(stepsOf(readLog(out)).length, 2);
  const minutes = await succeed('pretrain', '--config', file, '--minutes', '0.001', '--out', join(dir, 'minutes'));
  t.match(minutes.stderr, /A step takes [\d.]+ ms: \d+ steps in 0\.001 minutes/);
  t.not(stepsOf(readLog(join(dir, 'minutes'))).length, 900);
  const again = await succeed('pretrain', '--config', join(out, 'run.json'), '--out', join(dir, 'again'));
  t.equal(again.code, 0, 'run.json of a run is such a file');
  t.ok(
    readFileSync(join(dir, 'again', 'model.safetensors')).equals(readFileSync(join(out, 'model.safetensors'))),
    'which makes the same model',
  );
});

void t.test('--lr takes an expression', async (t) => {
  const out = join(dir, 'lr');
  await short(out, '--lr', '1e-3 * min((step + 1) / 2, 1) * steps');
  t.strictSame(
    stepsOf(readLog(out)).map(({ lr }) => lr),
    [1.5e-3, 3e-3, 3e-3],
  );
});

void t.test('--epochs counts passes over the corpus, --accumulate the batches of a step', async (t) => {
  const out = join(dir, 'epochs');
  const { stderr } = await succeed(
    'pretrain',
    ...SMALL,
    '--eval-every',
    '0',
    '--epochs',
    '0.2',
    '--accumulate',
    '2',
    '--out',
    out,
  );
  const [, batches] = /(\d+) batches an epoch/.exec(stderr) ?? [];
  const steps = stepsOf(readLog(out));
  t.equal(steps.length, Math.ceil((0.2 * Number(batches)) / 2));
  const once = stepsOf(readLog(base));
  t.equal(steps[0].tokens, Number(once[0].tokens) + Number(once[1].tokens), 'a step sees the tokens of two batches');
});

void t.test('objectives and decoders', async (t) => {
  const [dupmae, mlm, basic] = await Promise.all(
    [
      ['--objective', 'dupmae'],
      ['--objective', 'mlm'],
      ['--decoder', 'basic', '--decoder-layers', '2'],
    ].map(async (flags) => {
      const out = join(dir, flags.join(''));
      await short(out, ...flags);
      return { out, steps: stepsOf(readLog(out)) };
    }),
  );
  t.ok(dupmae.steps.every(({ bow, decoder }) => Number(bow) > 0 && Number(decoder) > 0));
  t.ok(mlm.steps.every(({ decoder, bow }) => decoder === undefined && bow === undefined));
  t.ok(basic.steps.every(({ decoder, bow }) => Number(decoder) > 0 && bow === undefined));
  const decoder = readFileSync(
    join(basic.out, 'checkpoints/step-00000003/training_state/decoder.safetensors'),
    'latin1',
  );
  t.match(decoder, 'c_head_more.0.', 'the second layer of the decoder is in the checkpoint');
});

void t.test('--recompute trains the same model', async (t) => {
  const [kept, again] = await Promise.all(
    [[], ['--recompute']].map(async (flags) => {
      const out = join(dir, `recompute${flags.length}`);
      await short(out, ...flags);
      return {
        weights: readFileSync(join(out, 'model.safetensors')),
        plan: readFileSync(join(out, 'run.json'), 'utf8'),
      };
    }),
  );
  t.match(again.plan, '"recompute": true');
  t.match(kept.plan, '"recompute": false');
  t.ok(again.weights.equals(kept.weights));
});

void t.test('--init takes over dimensions, vocabulary and weights, the decoder of a checkpoint too', async (t) => {
  const out = join(dir, 'init');
  const flags = [
    '--backend',
    'wasm',
    '--threads',
    '1',
    '--corpus',
    corpus,
    '--batch',
    '4',
    '--lr',
    '0',
    '--steps',
    '2',
    '--eval-every',
    '0',
  ];
  const from = join(base, 'checkpoints', 'step-00000060');
  await succeed('pretrain', ...flags, '--init', from, '--out', out);
  for (const file of ['config.json', 'vocab.txt', 'model.safetensors'])
    t.ok(
      readFileSync(join(out, file)).equals(readFileSync(join(base, file))),
      `at learning rate 0, ${file} stays as it was`,
    );
  const decoder = 'training_state/decoder.safetensors';
  t.ok(readFileSync(join(out, 'checkpoints/step-00000002', decoder)).equals(readFileSync(join(from, decoder))));
  t.match(JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')), {
    settings: { layers: 1, hidden: 32, heads: 2, seq: 48 },
  });
  const fresh = await succeed('pretrain', ...flags, '--init', base, '--out', join(dir, 'init-model'));
  t.match(fresh.stderr, 'What is trained beside the encoder begins anew.');
});

void t.test('--vocab takes a vocabulary', async (t) => {
  const out = join(dir, 'vocab');
  await succeed(
    'pretrain',
    ...TINY,
    '--corpus',
    corpus,
    '--vocab',
    join(base, 'vocab.txt'),
    '--steps',
    '1',
    '--eval-every',
    '0',
    '--out',
    out,
  );
  t.ok(readFileSync(join(out, 'vocab.txt')).equals(readFileSync(join(base, 'vocab.txt'))));
});

void t.test('--corpus takes .txt, a directory, and a BEIR folder; --eval a BEIR folder', async (t) => {
  const txt = join(dir, 'texts', 'more', 'corpus.txt');
  mkdirSync(join(dir, 'texts', 'more'), { recursive: true });
  writeFileSync(txt, paragraphs(60).join('\n\n'));
  writeFileSync(join(dir, 'texts', 'some.jsonl'), jsonLines(paragraphs(30, 3).map((text) => ({ text }))));
  const beir = writeBeir(dir);
  const run = async (name: string, path: string, ...flags: string[]) => {
    const out = join(dir, name);
    await succeed('pretrain', ...TINY, '--vocab', base, '--corpus', path, '--steps', '1', '--out', out, ...flags);
    return (JSON.parse(readFileSync(join(out, 'tokens', 'about.json'), 'utf8')) as { tokens: number }).tokens;
  };
  const none = ['--eval-every', '0'];
  const ofTxt = await run('of-txt', txt, ...none);
  const ofLines = await run('of-lines', join(dir, 'texts', 'some.jsonl'), ...none);
  t.equal(await run('of-directory', join(dir, 'texts'), ...none), ofTxt + ofLines);
  t.ok((await run('of-beir', beir, '--eval', beir)) > 0);
  t.match(readLog(join(dir, 'of-beir')), [
    { type: 'probe', step: 0, queries: 12 },
    { type: 'step' },
    { type: 'probe', step: 1 },
  ]);
});

void t.test('--help, --version, and a reader that leaves early', async (t) => {
  for (const command of ['pretrain', 'eval', 'encode', 'search', 'mine', 'distill'])
    t.match((await succeed(command, '--help')).stdout, `Usage: retromae ${command}`);
  t.match((await succeed('pretrain', '--help')).stdout, /exit code 130/);
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  t.equal((await succeed('--version')).stdout, `${version}\n`);
  const run = start([
    'pretrain',
    ...SMALL,
    '--eval-every',
    '0',
    '--steps',
    '100000',
    '--json',
    '--out',
    join(dir, 'head'),
  ]);
  atFirstStep(run, () => run.child.stdout!.destroy());
  const { code, stderr } = await run;
  t.equal(code, 141, 'ends as a broken pipe does');
  t.notMatch(stderr, /EPIPE|^ +at /m);
  t.ok(existsSync(join(dir, 'head', 'run.json')), 'and can be resumed');
});
