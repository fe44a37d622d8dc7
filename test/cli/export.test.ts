// `retromae export` as a user runs it: what it writes, that what it wrote is read, and what it refuses.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { setBackend } from '../../core/index.js';
import { exportOnnx, exportSafetensors, loadModel } from '../../hub/index.js';
import { ReferenceBackend } from '../../kernels/index.js';
import { refused, snapshot, succeed, TINY, writeCorpus, writeExamples } from './support.js';

const dir = t.testdir({});
const corpus = writeCorpus(dir);
const [model, cross, words] = ['model', 'cross', 'words'].map((name) => join(dir, name));
const SMALL = ['--backend', 'wasm', '--threads', '1', '--vocab-size', '150', '--steps', '3'];

t.before(async () => {
  await succeed('pretrain', ...TINY, ...SMALL, '--corpus', corpus, '--eval-every', '0', '--out', model);
  await succeed('finetune', ...SMALL, '--model', 'static', '--width', '16', '--corpus', corpus, '--out', words);
  const pairs = ['--examples', writeExamples(dir, 20), '--method', 'cross', '--negatives', '1', '--seq', '64'];
  await succeed('finetune', ...SMALL, ...pairs, '--model', model, '--out', cross);
});

setBackend(new ReferenceBackend('float32'));
const json = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
const ENTRY = 'transformers.js_config';

void t.test('ONNX within the folder, one precision after another', async (t) => {
  const before = json(join(model, 'config.json'));
  const { stdout } = await succeed('export', '--model', model);
  t.match(stdout, /^The encoder, in .*model:\n {2}onnx\/model\.onnx {2}\d+\.\d\d MB\n/);
  t.match(stdout, /\{ pooling: 'cls', normalize: true \}/, 'how to use it');
  t.same(json(join(model, 'config.json'))[ENTRY], { dtype: 'fp32' });
  await succeed('export', '--model', model, '--precision', 'int8');
  t.same(readdirSync(join(model, 'onnx')).sort(), ['model.onnx', 'model_quantized.onnx']);
  t.same(json(join(model, 'config.json')), before, 'transformers.js finds what it asks for by itself');
  const half = await succeed('export', '--model', model, '--precision', 'f16', '--head', 'mlm', '--json');
  t.match(JSON.parse(half.stdout), { kind: 'encoder', pooling: 'cls', files: [{ path: 'onnx/model_fp16.onnx' }] });
});

void t.test('a folder of its own', async (t) => {
  const out = join(dir, 'apart');
  await succeed('export', '--model', model, '--precision', 'f16', '--out', out);
  for (const name of ['config.json', 'tokenizer.json', 'modules.json', '1_Pooling/config.json', 'README.md'])
    t.ok(existsSync(join(out, name)), name);
  t.notOk(
    existsSync(join(out, 'model.safetensors')) || existsSync(join(out, 'log.jsonl')),
    'neither weights nor the run',
  );
  t.same(json(join(out, 'config.json'))[ENTRY], { dtype: 'fp16' });
});

void t.test('cross-encoders and static encoders', async (t) => {
  t.match(
    (await succeed('export', '--model', cross)).stdout,
    /^The cross-encoder[^]*AutoModelForSequenceClassification/,
  );
  t.match((await succeed('export', '--model', words)).stdout, /^The static encoder[^]*offsets: new Tensor/);
});

void t.test('weights in halves and in shards are read again', async (t) => {
  const format = ['export', '--model', model, '--format', 'safetensors'];
  for (const [dtype, near] of [
    ['f16', 2 ** -11],
    ['bf16', 2 ** -8],
  ] as const) {
    const out = join(dir, dtype);
    await succeed(...format, '--dtype', dtype, '--shard-size', '0.00001', '--out', out);
    const shards = readdirSync(out).filter((name) => name.startsWith('model-'));
    t.ok(shards.length > 2, `${shards.length} shards`);
    const total = shards.reduce((sum, name) => sum + statSync(join(out, name)).size, 0);
    t.ok(total < 0.7 * statSync(join(model, 'model.safetensors')).size, 'half the bytes');
    t.match(json(join(out, 'config.json')), { torch_dtype: dtype === 'f16' ? 'float16' : 'bfloat16' });
    const [one, other] = await Promise.all([model, out].map((folder) => loadModel(folder)));
    const [a, b] = await Promise.all(
      [one, other].map(({ model }) => model.bert.embeddings.word_embeddings.weight.read()),
    );
    t.ok(
      a.every((value, i) => Math.abs(value - b[i]) <= Math.abs(value) * near + 1e-7),
      dtype,
    );
    t.same(other.head, 'tied');
  }
  const whole = join(dir, 'again');
  await succeed(...format, '--out', whole);
  const [one, other] = await Promise.all([model, whole].map((folder) => loadModel(folder)));
  t.equal(other.fingerprint, one.fingerprint, 'f32: the same model');
});

void t.test('what cannot be exported, and what was there stays', async (t) => {
  const before = snapshot(model);
  const command = ['export', '--model', model];
  await refused(t, ['export'], /--model is missing/);
  await refused(t, ['export', '--model', join(dir, 'nowhere')], /nowhere.*is not there/);
  await refused(t, [...command, '--format', 'gguf'], /--format is "gguf"; it must be one of onnx, safetensors/);
  await refused(t, [...command, '--precision', 'int4'], /--precision is "int4"; it must be one of f32, f16, int8/);
  await refused(t, [...command, '--dtype', 'f16'], /--dtype is not for --format onnx/);
  await refused(t, [...command, '--format', 'safetensors', '--dtype', 'f16'], /--out is missing/);
  await refused(t, [...command, '--out', cross], /the output folder is not empty/);
  await refused(t, [...command, '--head', 'dupmae'], /has no cls_projection, which --represent dupmae needs/);
  await refused(t, ['export', '--model', cross, '--head', 'mlm'], /is a cross-encoder, which has no head "mlm"/);
  const headless = join(dir, 'headless');
  await succeed('export', '--model', cross, '--format', 'safetensors', '--out', headless);
  writeFileSync(
    join(headless, 'config.json'),
    JSON.stringify({ ...json(join(headless, 'config.json')), architectures: ['BertModel'] }),
  );
  await refused(
    t,
    ['export', '--model', headless, '--head', 'mlm'],
    /has no masked-language-model head.*Leave --head out/,
  );
  t.equal(snapshot(model), before);
});

void t.test('a disk that is full half-way', (t) => {
  const before = snapshot(model);
  // A limit on the size of files stands for it: a write fails in the middle. What tap puts into every process would die of it.
  const limited = `unset NODE_OPTIONS; trap '' XFSZ; ulimit -f 8; exec "${process.execPath}" dist/node/cli.js export --model "$0"`;
  const { status, stderr } = spawnSync('bash', ['-c', limited, model], { encoding: 'utf8' });
  t.equal(status, 1, stderr);
  t.match(stderr, /^retromae: .*model\.onnx: cannot be written, .*What was there is unchanged\.\n$/);
  t.equal(snapshot(model), before);
  t.end();
});

void t.test('a folder that is written to meanwhile, as by a training', async (t) => {
  const before = snapshot(model);
  const weights = join(model, 'model.safetensors');
  let now = 0;
  const training = setInterval(() => utimesSync(weights, 0, ++now));
  t.teardown(() => clearInterval(training));
  await t.rejects(exportOnnx(model), /its weights were replaced while they were read.*Nothing was written/);
  const out = join(dir, 'meanwhile');
  await t.rejects(exportSafetensors(model, { dtype: 'F16', shardBytes: 1e9, out }), /weights were replaced/);
  t.notOk(existsSync(out));
  t.equal(snapshot(model), before);
});

void t.test('where nothing can be written, what was there stays', async (t) => {
  const onnx = join(model, 'onnx');
  const kept = join(dir, 'kept');
  renameSync(onnx, kept);
  writeFileSync(onnx, 'a file in the way');
  const config = readFileSync(join(model, 'config.json'), 'utf8');
  await refused(t, ['export', '--model', model], /cannot be written/);
  t.equal(readFileSync(onnx, 'utf8'), 'a file in the way');
  t.equal(readFileSync(join(model, 'config.json'), 'utf8'), config);
  rmSync(onnx);
  mkdirSync(join(onnx, 'model.onnx'), { recursive: true });
  await refused(t, ['export', '--model', model], /model\.onnx: cannot be written, a folder is in its place/);
  t.equal(readFileSync(join(model, 'config.json'), 'utf8'), config);
  t.same(readdirSync(onnx), ['model.onnx'], 'nothing is left beside it');
});
