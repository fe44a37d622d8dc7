// Flags of `retromae pretrain` that are wrong, or do not fit together: refused before anything is read at length or written.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ONE_THREAD, refused, refusedUntouched, start, succeed, TINY, writeBeir, writeCorpus } from './support.js';

const dir = t.testdir({});
const corpus = writeCorpus(dir);
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

void t.test('the process says it in one line, with an exit code', async (t) => {
  const cases: [args: string[], code: number, stderr: RegExp][] = [
    [['pretain'], 2, /^retromae: there is no command "pretain"\. See retromae --help\.\n$/],
    [
      ['pretrain', '--resume', '--out', out],
      1,
      /^retromae: .*run\.json: is not there, so there is no run to resume.*\n$/,
    ],
  ];
  for (const [args, code, stderr] of cases) t.match(await start(args), { code, stdout: '', stderr });
});

void t.test('what is typed wrong', async (t) => {
  await refused(t, ['pretain'], /there is no command "pretain"\. See retromae --help/, 2);
  await refused(t, ['constructor'], /there is no command "constructor"/, 2);
  const config = write('config.json', '{"layer": 3}');
  const cut = write('cut.json', '{"layers": 3');
  const typed = write('typed.json', '{"layers": "3"}');
  await refusedUntouched(t, { args: PRETRAIN, out, code: 2 }, [
    [['--layer', '2'], /there is no flag --layer\. See --help/],
    [['-x'], /there is no flag -x/],
    [['more'], /"more" is no flag/],
    [['--field'], /--field lacks its value/],
    [['--field', '--json'], /--field lacks its value/],
    [['--json=yes'], /--json takes no value/],
    [['--steps', 'ten'], /--steps is "ten"; it must be a number/],
    [['--steps', '0'], /--steps is 0; it must be an integer of at least 1/],
    [['--steps', '-3'], /--steps is -3; it must be an integer of at least 1/],
    [['--steps', '2.5'], /--steps is 2\.5; it must be an integer/],
    [['--steps', ''], /--steps is ""/],
    [['--epochs', '1'], /--steps and --epochs both say how long/],
    [['--hidden', '33'], /--hidden is 33; it must be divisible by --heads 2/],
    [['--encoder-mask', '0'], /--encoder-mask is 0; it must be between 0 and 1, both excluded/],
    [['--encoder-mask', '1'], /--encoder-mask is 1; it must be between 0 and 1/],
    [['--decoder-mask', '1.2'], /--decoder-mask is 1\.2/],
    [['--dropout', '1'], /--dropout is 1; it must be a number from 0 to below 1/],
    [['--seq', '2'], /--seq is 2; it must be an integer of 3 to 65535/],
    [['--batch', '1.5'], /--batch is 1\.5/],
    [['--batch', '1e9'], /--batch is 1000000000; it must be at most 349525, .* 16777216 tokens and --seq is 48/],
    [['--accumulate', '1e6'], /--accumulate is 1000000; it must be at most 87381, .* a micro-batch 4 x 48/],
    [['--workers', '-1'], /--workers is -1; it must be an integer of 0 to 64/],
    [['--workers', '65'], /--workers is 65; it must be an integer of 0 to 64/],
    [['--eval-every', '0.5'], /--eval-every is 0\.5/],
    [['--layers', '1e9'], /--layers is 1000000000; it must be an integer of 1 to 1000/],
    [['--hidden', '1e9'], /--hidden is 1000000000; it must be an integer of 1 to 262144/],
    [['--alphabet-coverage', '1.5'], /--alphabet-coverage is 1\.5; it must be a number above 0 and at most 1/],
    [['--alphabet-coverage', '0.9', '--vocab', model], /--vocab-size is that of a vocabulary to be learnt/],
    [['--accents', 'some'], /--accents is "some"; it must be one of auto, keep, strip/],
    [['--split', 'word'], /--split is "word"; it must be one of auto, line, blank, file/],
    [['--max-bad-lines', '-1'], /--max-bad-lines is -1; it must be an integer of at least 0/],
    [['--save-minutes', '-1'], /--save-minutes is -1; it must be a number of at least 0/],
    [['--seed', '-1'], /--seed is -1/],
    [['--lr', '-1'], /--lr is "-1"; it must be a number of at least 0/],
    [['--backend', 'cuda'], /--backend is "cuda"; it must be one of auto, .*wasm/],
    [['--backend', 'gpu:cpu'], /--threads is for --backend wasm; gpu:cpu has none/],
    [['--threads', '0'], /--threads is 0; it must be an integer of at least 1/],
    [['--objective', 'crop+mlm'], /--objective is "crop\+mlm"; it must be/],
    [['--objective', 'condenser', '--skip-from', '1'], /--skip-from is 1; it must be below 1, the layers/],
    [
      ['--objective', 'mlm', '--cache-chunk', '2'],
      /--cache-chunk is 2; it must be left out, as --objective mlm is not computed in chunks/,
    ],
    [['--objective', 'crop', '--crop-least', '0.9'], /--crop-least is 0\.9; it must be at most/],
    [['--objective', 'bert'], /--objective is "bert"; it must be one of .*retromae.*or two joined/],
    [['--decoder-layers', '2'], /--decoder-layers is 2; it must be 1, .* basic decoding may have more/],
    [
      ['--decoder', 'basic', '--objective', 'dupmae'],
      /--decoder is "basic", but --objective dupmae has no such option \(it is one of retromae\)\. Leave it out/,
    ],
    [['--vocab', model], /--vocab-size is that of a vocabulary to be learnt/],
    [['--config', config], /--config .*config\.json: there is no setting layer\. They are corpus, /],
    [['--config', cut], /--config .*cut\.json: is not JSON/],
    [['--config', join(dir, 'nowhere')], /--config .*nowhere: is not there/],
    [['--no-recompute=1'], /--no-recompute takes no value/],
    [['--no-resume'], /there is no flag --no-resume/],
  ]);
  await refusedUntouched(t, { args: FROM, out, code: 2 }, [
    [['--config', typed], /--layers is "3"; it must be an integer/],
  ]);
});

void t.test('what does not fit together, found out before the corpus is tokenised', async (t) => {
  const txt = write('vocab.txt', readFileSync(join(model, 'vocab.txt'), 'utf8').replace('[MASK]\n', ''));
  mkdirSync(join(dir, 'bad'));
  const badBeir = writeBeir(join(dir, 'bad'));
  writeFileSync(join(badBeir, 'qrels', 'test.tsv'), 'q0\td0\t0.5\n');
  await refusedUntouched(t, { args: PRETRAIN, out, code: 1 }, [
    [['--lr', 'max(step'], /learning rate "max\(step": .*Write it in step and steps/],
    [['--lr', 'peak * step'], /learning rate "peak \* step": .*The variables are step and steps/],
    [['--lr', '1e-3 * (1 - step)', '--steps', '9'], /at step 2 it is -0\.001; it must be a number of at least 0/],
    [
      ['--vocab-size', '12'],
      /--vocab-size is 12, but the special tokens and the single characters .* Raise --vocab-size above \d+, or lower --alphabet-coverage: 0\.\d+ fits/,
    ],
    [['--hidden', '200000', '--layers', '99'], /99 layers, hidden size 200000, .* does not fit into memory/],
    [['--eval', join(dir, 'nowhere')], /nowhere\/corpus\.jsonl: no such file/],
    [['--eval', badBeir], /test\.tsv:1: .*0\.5/],
    [['--eval', model], /model\/corpus\.jsonl: no such file/],
  ]);
  await refusedUntouched(t, { args: FROM, out, code: 1 }, [
    [['--resume'], /run\.json: is not there, so there is no run to resume in/],
    [['--vocab', model, '--no-lowercase'], /--lowercase is false, but the tokenizer in \S+model folds case/],
    [['--init', model, '--accents', 'keep'], /--accents is keep, but the tokenizer in \S+model strips accents/],
    [['--vocab', txt], /vocab\.txt: .*\[MASK\]/],
    [['--vocab', join(dir, 'nowhere')], /nowhere: no tokenizer found/],
    [['--init', join(dir, 'nowhere')], /nowhere\/config\.json: is not there/],
    [['--init', model, '--layers', '2'], /--layers is 2, but the model in --init .* has 1/],
    [['--init', model, '--seq', '64'], /--seq is 64, but the model in --init .* has 48/],
  ]);
});
