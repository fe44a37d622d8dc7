// Vectors in fewer bytes as a user chooses them: `encode` and `eval` with --vectors and --dim, and `search` of such an index.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { keepingOf } from '../../cli/encoder.js';
import { loadIndex, type FlatIndex } from '../../retrieval/index.js';
import { paragraphs, refused, succeed, TINY, writeBeir, writeCorpus } from './support.js';

const dir = t.testdir({});
const corpus = writeCorpus(dir);
const beir = writeBeir(dir);
const model = join(dir, 'model');
const whole = join(dir, 'whole.index');
const ON = ['--backend', 'wasm', '--threads', '1', '--model', model];
const texts = paragraphs(200);
let width = 0;

t.before(async () => {
  const flags = ['--corpus', corpus, '--vocab-size', '150', '--steps', '20', '--eval-every', '0', '--out', model];
  await succeed('pretrain', ...TINY, ...flags);
  await succeed('encode', ...ON, '--corpus', corpus, '--out', whole);
  width = ((await loadIndex(whole)) as FlatIndex).dim;
});

const bytesOf = { f16: () => 2 * width, int8: () => width, binary: () => 4 * Math.ceil(width / 32) };

void t.test('encode keeps them so, says so, and search finds the same text', async (t) => {
  for (const [vectors, bytes] of Object.entries(bytesOf)) {
    const out = join(dir, `${vectors}.index`);
    const { stderr } = await succeed('encode', ...ON, '--corpus', corpus, '--out', out, '--vectors', vectors);
    t.match(
      stderr,
      new RegExp(`200 vectors of ${width} numbers \\(${vectors}\\) .* a document takes ${bytes()} bytes`),
    );
    t.ok(statSync(out).size < statSync(whole).size - 200 * (4 * width - bytes()) + 400, `${vectors}: a smaller file`);
    const { stdout } = await succeed('search', ...ON, '--index', out, '--query', texts[17], '--top', '2');
    // Texts of so small a model are nearly alike, so that only halves can tell them apart.
    t.match(stdout, vectors === 'f16' ? /^1\.0000 {2}p17\n/ : /^[01]\.\d{4} {2}p\d+\n[01]\.\d{4} {2}p\d+\n$/);
  }
  const half = join(dir, 'half.index');
  const flags = ['--corpus', corpus, '--out', half, '--dim', String(width / 2), '--json'];
  const { stdout } = await succeed('encode', ...ON, ...flags);
  t.match(JSON.parse(stdout), { vectors: 200, format: 'f32', dim: width / 2, bytes: 2 * width });
  t.match((await succeed('search', ...ON, '--index', half, '--query', texts[17])).stdout, /^1\.0000 {2}p17$/m);
});

void t.test('eval measures them so', async (t) => {
  const flags = [...ON, '--data', beir, '--vectors', 'int8', '--dim', String(width / 2)];
  const { stdout } = await succeed('eval', ...flags, '--json');
  t.match(JSON.parse(stdout), { queries: 12, vectors: { format: 'int8', dim: width / 2, bytes: width / 2 } });
  const { stderr } = await succeed('eval', ...flags);
  t.match(stderr, new RegExp(`kept in ${width / 2} bytes a document \\(int8, ${width / 2} of ${width} numbers\\)`));
  const usual = await succeed('eval', ...ON, '--data', beir);
  t.notMatch(usual.stderr, /bytes a document/);
});

void t.test('what cannot be kept so', async (t) => {
  const out = join(dir, 'none.index');
  const encode = ['encode', ...ON, '--corpus', corpus, '--out', out];
  await refused(t, [...encode, '--vectors', 'int4'], /--vectors is "int4"; it must be one of f32, f16, int8, binary/);
  await refused(t, [...encode, '--dim', '0'], /--dim/);
  await refused(t, [...encode, '--dim', '999'], /--dim is 999, but the model makes \d+ numbers\. Give at most as many/);
  t.throws(() => readFileSync(out), /ENOENT/, 'nothing is written');
  const dupmae = { represent: 'dupmae', encoder: { dim: 8 } } as Parameters<typeof keepingOf>[1];
  t.throws(
    () => keepingOf({ vectors: 'f16' }, dupmae),
    /--vectors is for vectors, but texts are made to numbers and words/,
  );
  t.throws(() => keepingOf({ dim: 4 }, dupmae), /--dim is for vectors/);
});
