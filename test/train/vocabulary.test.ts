// The vocabulary of a run: learnt as the settings say, or given and then as its files say; and what is counted of a corpus.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { setBackend } from '../../core/index.js';
import { flagOf, loadTokenizer, OptionError, type DataCounts } from '../../data/index.js';
import { ReferenceBackend } from '../../kernels/index.js';
import { pretrain, resume, type PretrainSettings } from '../../train/index.js';
import { folderFor, tinySettings } from './tiny-run.js';

setBackend(new ReferenceBackend());

/** A corpus of one text again and again. */
function corpusOf(dir: string, text: string): Partial<PretrainSettings> {
  const corpus = join(dir, 'accents.jsonl');
  writeFileSync(corpus, Array.from({ length: 30 }, () => JSON.stringify({ text })).join('\n'));
  return { corpus, steps: 1, vocabSize: 200 };
}

void t.test('a vocabulary is learnt with the case and the accents that are asked for', async (t) => {
  const dir = folderFor(t);
  const base = { ...tinySettings(dir, ''), ...corpusOf(dir, 'Er mochte Öl und möchte यहाँ mehr') };
  const tokens = async (name: string, settings: Partial<PretrainSettings>) => {
    const out = join(dir, name);
    await pretrain({ ...base, out, ...settings });
    const tokenizer = await loadTokenizer(out);
    return Array.from(tokenizer.encode('möchte Öl यहाँ'), (id) => tokenizer.token(id));
  };
  t.same(await tokens('usual', {}), ['mochte', 'ol', 'यहा']);
  t.same(await tokens('keep', { accents: 'keep' }), ['möchte', 'öl', 'यहाँ']);
  t.same(await tokens('cased', { lowercase: false }), ['möchte', 'Öl', 'यहाँ'], 'auto: accents stay with the case');
  t.same(await tokens('strip', { lowercase: false, accents: 'strip' }), ['mochte', 'Ol', 'यहा']);
  t.same(await tokens('auto', { lowercase: true, accents: 'auto' }), ['mochte', 'ol', 'यहा']);

  const cased = join(dir, 'cased');
  const from = { ...base, vocabSize: undefined, vocab: cased, out: join(dir, 'from') };
  for (const [settings, said] of [
    [{ lowercase: true }, /^--lowercase is true, but the tokenizer in \S+cased keeps case\. Leave it out/],
    [{ accents: 'strip' }, /^--accents is strip, but the tokenizer in \S+cased keeps accents\. Leave it out/],
  ] as const)
    await t.rejects(pretrain({ ...from, ...settings }), said);
  await pretrain({ ...from, lowercase: false, accents: 'keep' });
  const bare = join(dir, 'bare');
  mkdirSync(bare);
  writeFileSync(join(bare, 'vocab.txt'), readFileSync(join(cased, 'vocab.txt')));
  await pretrain({ ...from, vocab: join(bare, 'vocab.txt'), lowercase: false, out: join(dir, 'honoured') });
  t.match((await loadTokenizer(join(dir, 'honoured'))).options, { lowercase: false });
  writeFileSync(join(bare, 'tokenizer_config.json'), JSON.stringify({ do_lower_case: true }));
  await t.rejects(
    pretrain({ ...from, vocab: join(bare, 'vocab.txt'), lowercase: false }),
    /--lowercase is false, but the tokenizer in \S+vocab\.txt folds case/,
  );
});

void t.test('a model to begin with folds case as its settings for sentence-transformers say', async (t) => {
  const dir = folderFor(t);
  const init = join(process.cwd(), 'test', 'hub', 'sentence-folders', 'lower-case');
  const own = { layers: undefined, hidden: undefined, heads: undefined, ffn: undefined, vocabSize: undefined };
  const settings = { ...tinySettings(dir, 'run'), ...own, init, steps: 1, maxUnknown: 100 };
  await pretrain(settings);
  t.match((await loadTokenizer(join(dir, 'run'))).options, { lowercase: true, stripAccents: false });
  await t.rejects(pretrain({ ...settings, lowercase: false, out: join(dir, 'no') }), /^--lowercase is false, but/);
});

void t.test('what a corpus is, is counted once and told again when the run goes on', async (t) => {
  const dir = folderFor(t);
  const corpus = join(dir, 'mixed.jsonl');
  const rows = ['{"text": "aa bb. \\u0000 aa"}', '{"text": " "}', '{"text": 3}', 'nonsense', '{"text": "aa bb"}'];
  writeFileSync(corpus, rows.join('\n'));
  const settings = { ...tinySettings(dir, 'run'), corpus, vocabSize: 12, seq: 4, steps: 1 };
  const told: DataCounts[] = [];
  const hooks = { data: (counts: DataCounts) => void told.push(counts) };
  await pretrain(settings, hooks);
  await resume(join(dir, 'run'), { steps: 2 }, hooks);
  t.equal(told.length, 2);
  t.same(told[0], told[1]);
  const { leftOut, taken, ...counts } = told[0];
  t.same(counts, { documents: 2, characters: 16, tokens: 6, unknown: 0, cut: 0, blocks: 3 });
  t.equal(leftOut['without text'], 1);
  t.equal(
    Object.values(leftOut).reduce((sum, count) => sum + count),
    3,
    JSON.stringify(leftOut),
  );
  t.ok(Array.isArray(taken));
  const lost = join(dir, 'lost');
  await t.rejects(
    pretrain(
      { ...settings, out: lost },
      {
        data: () => {
          throw new Error('no such text');
        },
      },
    ),
    /no such text/,
  );
});

void t.test('an error about an option names it as its reader knows it', async (t) => {
  const error = new OptionError((shown) => `${shown('coverage')} is 2, ${shown('vocabSize')} 3`);
  t.equal(error.message, 'coverage is 2, vocabSize 3');
  const renamed = error.renamed({ coverage: 'alphabetCoverage' });
  t.equal(renamed.message, 'alphabetCoverage is 2, vocabSize 3');
  t.equal(
    renamed.told((name) => `<${name}>`),
    '<alphabetCoverage> is 2, <vocabSize> 3',
  );
  const dir = folderFor(t);
  const failed: unknown = await pretrain({ ...tinySettings(dir, 'run'), vocabSize: 8 }).catch(
    (error: unknown) => error,
  );
  t.ok(failed instanceof OptionError && /--vocab-size is 8, but .* Raise --vocab-size/.test(failed.told(flagOf)));
});
