// Data, checkpoints, folders and numbers that are not what they should be, and what `retromae` says of them.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import {
  filesBelow,
  jsonLines,
  ONE_THREAD,
  paragraphs,
  readLog,
  refused,
  refusedUntouched,
  snapshot,
  stepsOf,
  succeed,
  TINY,
  writeBeir,
  writeCorpus,
} from './support.js';

const dir = t.testdir({});
const corpus = writeCorpus(dir);
const beir = writeBeir(dir);
const model = join(dir, 'model');
const out = join(dir, 'out');
const PRETRAIN = ['pretrain', ...TINY, '--corpus', corpus, '--vocab-size', '150', '--steps', '2', '--out', out];
/** Without what contradicts --init and --vocab. */
const FROM = ['pretrain', ...ONE_THREAD, '--corpus', corpus, '--steps', '2', '--out', out];
const write = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(dir, name), content);
  return join(dir, name);
};

t.before(async () => {
  await succeed(...PRETRAIN, '--eval-every', '0', '--out', model);
});

void t.test('a checkpoint that is damaged', async (t) => {
  const file = 'model.safetensors';
  const weights = readFileSync(join(model, file));
  const config = JSON.parse(readFileSync(join(model, 'config.json'), 'utf8')) as Record<string, unknown>;
  const damaged = (name: string, files: Record<string, string | Uint8Array>): string => {
    const to = join(dir, name);
    mkdirSync(to);
    for (const part of ['config.json', 'tokenizer.json', 'vocab.txt', file])
      writeFileSync(join(to, part), files[part] ?? readFileSync(join(model, part)));
    return to;
  };
  const headerOf = (length: bigint): Buffer => {
    const bytes = Buffer.from(weights);
    bytes.writeBigUInt64LE(length);
    return bytes;
  };
  const cases: [folder: string, said: RegExp][] = [
    [damaged('cut', { [file]: weights.subarray(0, weights.length - 100) }), /cut\/model\.safetensors: /],
    [damaged('stub', { [file]: weights.subarray(0, 5) }), /stub\/model\.safetensors: /],
    [damaged('long-header', { [file]: headerOf(2n ** 60n) }), /long-header\/model\.safetensors: /],
    [
      damaged('lying', { [file]: Buffer.from(weights.toString('latin1').replace('"F32"', '"F16"'), 'latin1') }),
      /lying\/model\.safetensors: /,
    ],
    [
      damaged('shapes', { 'config.json': JSON.stringify({ ...config, intermediate_size: 64 }) }),
      /shapes\/model\.safetensors: .*128/,
    ],
    [
      damaged('words', { 'config.json': JSON.stringify({ ...config, vocab_size: 151 }) }),
      /words\/model\.safetensors: .*word_embeddings\.weight is \[150, 32\], the model wants \[151, 32\]/,
    ],
    [damaged('no-config', { 'config.json': '{' }), /no-config\/config\.json: is not JSON/],
  ];
  for (const [folder, said] of cases) {
    const before = snapshot(folder);
    await refusedUntouched(t, { args: FROM, out, code: 1 }, [[['--init', folder], said]]);
    await refused(t, ['eval', '--backend', 'wasm', '--model', folder, '--data', beir], said, 1);
    t.equal(snapshot(folder), before);
  }
});

void t.test('a corpus without what is needed', async (t) => {
  const bytes = Buffer.from(`${JSON.stringify({ text: 'caf\u00e9' })}\n`.repeat(101), 'latin1');
  const args = ['pretrain', ...TINY, '--vocab-size', '150', '--steps', '2', '--out', out, '--corpus'];
  await refusedUntouched(t, { args, out, code: 1 }, [
    [[join(dir, 'nowhere.jsonl')], /nowhere\.jsonl cannot be read/],
    [[write('corpus.csv', 'text\n')], /corpus\.csv: there is no text/],
    [[write('corpus.pdf', 'text\n')], /corpus\.pdf is none of \.jsonl, .* Rename or convert it/],
    [[write('page.jsonl', '%PDF-1.7\n')], /page\.jsonl: is a PDF file/],
    [[write('none.jsonl', '')], /none\.jsonl: there is no text/],
    [
      [write('blank.jsonl', '{"text": " "}\n{"text": ""}\n')],
      /there is no text \(of 1 file\(s\), left out: 2 without text\)/,
    ],
    [
      [write('broken.jsonl', '{"text": \n'.repeat(101))],
      /broken\.jsonl:101: malformed JSON .* 101 bad lines, expected at most 100/,
    ],
    [[write('latin.jsonl', bytes)], /latin\.jsonl: is not UTF-8 but probably Windows-1252 or Latin-1; convert it/],
    [[corpus, '--field', 'body'], /no string in field 'body' \(fields: id, text\)/],
    [[write('dots.jsonl', '{"text": "\\u0000"}\n')], /the texts have no words/],
  ]);
});

void t.test('bad lines under the limit are named once, counted, and left out', async (t) => {
  const good = paragraphs(60);
  const rows = jsonLines(good.map((text) => ({ text }))).split('\n');
  const latin = Buffer.from('{"text": "caf\u00e9"}\n', 'latin1');
  const file = write(
    'mixed.jsonl',
    Buffer.concat([
      Buffer.from(`${rows[0]}\n{"text": \n[1]\n`),
      latin,
      Buffer.from(`{"text": " "}\n${rows.slice(1).join('\n')}${JSON.stringify({ text: good.join(' ') })}\n`),
    ]),
  );
  const { stderr } = await succeed(
    'pretrain',
    ...TINY,
    '--vocab-size',
    '150',
    '--steps',
    '2',
    '--corpus',
    file,
    '--out',
    out,
  );
  for (const said of [
    'mixed.jsonl:2: malformed JSON',
    'mixed.jsonl:3: not a JSON object',
    'mixed.jsonl:4: invalid UTF-8',
  ])
    t.equal(stderr.split(said).length, 2, said);
  t.match(stderr, /mixed\.jsonl: .* left out: (?=.*1 malformed JSON)(?=.*1 invalid UTF-8)(?=.*1 without text)/);
  rmSync(out, { recursive: true });
});

void t.test('an output folder that cannot be one', async (t) => {
  const full = join(dir, 'full');
  mkdirSync(full);
  writeFileSync(join(full, 'notes.txt'), 'mine');
  const base = PRETRAIN.slice(0, -2);
  await refused(
    t,
    [...base, '--out', full],
    /full: the output folder is not empty \(it holds notes\.txt\), .*--resume/,
    1,
  );
  t.strictSame(filesBelow(full), ['notes.txt']);
  await refused(t, [...base, '--out', corpus], /corpus\.jsonl: /, 1);
  await refused(
    t,
    [...base, '--out', join(corpus, 'inside')],
    /inside: cannot be written, a part of the path is a file/,
    1,
  );
  await refused(
    t,
    ['pretrain', '--resume', '--out', full],
    /full\/run\.json: is not there, so there is no run to resume/,
    1,
  );
  await refused(t, ['pretrain', '--resume', '--out', join(dir, 'nowhere')], /there is no run to resume/, 1);
  writeFileSync(join(full, 'run.json'), '{"format": "other"}');
  await refused(t, ['pretrain', '--resume', '--out', full], /full\/run\.json: is not the plan of a run/, 1);
});

void t.test('no permission', { skip: process.getuid?.() === 0 ? 'root may write everywhere' : false }, async (t) => {
  const locked = join(dir, 'locked');
  mkdirSync(locked, { mode: 0o500 });
  await refused(
    t,
    [...PRETRAIN, '--out', join(locked, 'run')],
    /run: cannot be written, no permission to write there \(EACCES\)/,
    1,
  );
});

void t.test('a loss that is no number', async (t) => {
  const diverge = [
    '--lr',
    '1e30',
    '--clip',
    '0',
    '--warmup',
    '0',
    '--schedule',
    'constant',
    '--steps',
    '50',
    '--eval-every',
    '0',
    '--accumulate',
    '2',
  ];
  const { stderr } = await refused(
    t,
    [...PRETRAIN, ...diverge],
    /step 2: the loss is (NaN|Infinity) .*, on batches 2 to 3 of --seed 42\. Last good checkpoint: none\. Begin again with a lower --lr/,
    1,
  );
  t.match(stderr, 'step  1/50');
  t.equal(stepsOf(readLog(out)).length, 1, 'the log ends with the last good step');
  t.notOk(existsSync(join(out, 'model.safetensors')), 'there is no model');
  rmSync(out, { recursive: true });

  const later = [
    '--lr',
    '5e-4 + (step > 7) * 1e30',
    '--clip',
    '0',
    '--steps',
    '50',
    '--eval-every',
    '0',
    '--save-every',
    '3',
  ];
  await refused(
    t,
    [...PRETRAIN, ...later],
    /step 10: the loss is (NaN|Infinity) .*, on batch 9 of .* Last good checkpoint: .*out\/checkpoints\/step-00000006\. .*--init .*step-00000006/,
    1,
  );
  rmSync(out, { recursive: true });
});

const small = join(dir, 'small');
mkdirSync(small);
const ran = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0;
const mount = (options: string): boolean => ran('mount', '-t', 'tmpfs', '-o', options, 'tmpfs', small);
const canMount = mount('size=1500k') && ran('umount', small);

void t.test('a full disk', { skip: canMount ? false : 'no permission to mount a small disk' }, async (t) => {
  mount('size=1500k');
  try {
    await onSmallDisk(t);
  } finally {
    ran('umount', small);
  }
});

/** On 1500 KiB a few checkpoints have room. */
async function onSmallDisk(t: Test): Promise<void> {
  const run = join(small, 'run');
  const flags = [
    ...PRETRAIN.slice(0, -2),
    '--save-every',
    '1',
    '--steps',
    '6',
    '--eval-every',
    '0',
    '--keep',
    '3',
    '--out',
  ];
  const full = /cannot be written, the disk is full \(ENOSPC\); free some space/;
  await refused(t, [...flags, run], full, 1);
  const [checkpoint] = readdirSync(join(run, 'checkpoints'));
  t.match(checkpoint, /^step-\d+$/, 'checkpoints that were written are there');
  await refused(t, ['pretrain', '--resume', '--out', run], full, 1);

  t.ok(mount('remount,size=9m'));
  await succeed('pretrain', '--resume', '--out', run);
  await succeed(...flags, out);
  const weights = 'model.safetensors';
  t.ok(
    readFileSync(join(run, weights)).equals(readFileSync(join(out, weights))),
    'with some space, it goes on to the same bits',
  );
  rmSync(out, { recursive: true });

  const filler = join(small, 'filler');
  t.throws(() => writeFileSync(filler, Buffer.alloc(9e6)), { code: 'ENOSPC' });
  const before = snapshot(small);
  await refused(
    t,
    ['encode', '--backend', 'wasm', '--model', model, '--corpus', corpus, '--out', join(small, 'index')],
    /index: .*ENOSPC/,
    1,
  );
  await refused(t, [...flags, join(small, 'other')], full, 1);
  t.equal(snapshot(small), before, 'nothing half written is left');
  t.notOk(existsSync(join(small, 'other')));
}
