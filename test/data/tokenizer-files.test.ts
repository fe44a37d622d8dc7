// Tokenizer files: what is written reads back, here and in Hugging Face's tokenizer; what is wrong is named.
import { chmodSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import t from 'tap';
import { SPECIAL_TOKENS, WordPiece, loadTokenizer, saveTokenizer, toTokenizerJson } from '../../data/index.js';
import { oracleIds, shared } from './support.js';

const tokens = [...SPECIAL_TOKENS, 'a', '##b', 'é', '##é', 'A', '中', '12', '0', '__proto__', 'constructor', '"', '\\'];
const json = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;

void t.test('round trip, with every option', async (t) => {
  const dir = join(t.testdir(), 'new', 'folder');
  const choice = fc.record({
    lowercase: fc.boolean(),
    stripAccents: fc.constantFrom(null, true, false),
    chineseChars: fc.boolean(),
    cleanText: fc.boolean(),
    maxChars: fc.integer({ min: 1, max: 100 }),
  });
  await fc.assert(
    fc.asyncProperty(choice, async (options) => {
      const saved = WordPiece.fromVocab(tokens, options);
      await saveTokenizer(dir, saved, { maxLength: 128 });
      const loaded = await loadTokenizer(dir);
      t.same(loaded.vocab, saved.vocab);
      t.same(loaded.options, saved.options);
      const reference = new Tokenizer(json(join(dir, 'tokenizer.json')), json(join(dir, 'tokenizer_config.json')));
      const text = 'ab AB éé a\u0301b 中12 0 __proto__ constructor "\\" [MASK] a\u0007b';
      t.same([...loaded.encode(text)], oracleIds(reference, text));
      t.same(reference.encode('ab').ids, [loaded.cls, ...loaded.encode('ab'), loaded.sep]);
      t.same(
        (await loadTokenizer(join(dir, 'vocab.txt'), { cleanText: options.cleanText, maxChars: options.maxChars }))
          .options,
        saved.options,
      );
    }),
    { numRuns: 40 },
  );
  t.same(readdirSync(dir), ['tokenizer.json', 'tokenizer_config.json', 'vocab.txt']);
  t.equal(json(join(dir, 'tokenizer_config.json')).model_max_length, 128);
  t.equal(readFileSync(join(dir, 'vocab.txt'), 'utf8'), tokens.join('\n') + '\n');
});

const uncased = shared('vocab/bert-base-uncased.vocab.txt');
void t.test('the vocabulary of BERT', { skip: uncased.skip }, async (t) => {
  const dir = t.testdir();
  await saveTokenizer(dir, await loadTokenizer(uncased.file));
  t.equal(readFileSync(join(dir, 'vocab.txt'), 'utf8'), readFileSync(uncased.file, 'utf8'));
  t.equal((await loadTokenizer(dir)).size, 30522);
});

void t.test('a vocabulary with a byte order mark and Windows line ends', async (t) => {
  const dir = t.testdir({ 'vocab.txt': '\uFEFF' + tokens.join('\r\n') });
  t.same((await loadTokenizer(dir)).vocab, tokens);
});

void t.test('added tokens beyond the vocabulary', async (t) => {
  const content = toTokenizerJson(WordPiece.fromVocab(tokens));
  (content.added_tokens as object[]).push({ id: tokens.length, content: '<x.y>', special: false, normalized: false });
  const loaded = WordPiece.fromTokenizerJson(content);
  t.same([...loaded.encode('a<x.y>a')], [5, tokens.length, 5]);
  t.notOk(loaded.isSpecial(tokens.length));
});

void t.test('names what is wrong', async (t) => {
  const dir = t.testdir({
    empty: {},
    'cut.json': '{"model": {"vocab"',
    'vocab.txt': '[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n',
  });
  await t.rejects(loadTokenizer(join(dir, 'empty')), {
    message: `loadTokenizer: ${join(dir, 'empty')}: no tokenizer found, expected a folder with tokenizer.json or vocab.txt, or such a file. Check the path, or learn a vocabulary.`,
  });
  await t.rejects(
    loadTokenizer(join(dir, 'cut.json')),
    /cut\.json: malformed JSON .* expected a Hugging Face tokenizer file/,
  );
  await t.rejects(loadTokenizer(dir), /vocab\.txt: WordPiece: the vocabulary of 5 tokens has no \[MASK\]/);
});

void t.test('refuses tokenizers of another kind, naming the field', (t) => {
  const good = () => JSON.parse(JSON.stringify(toTokenizerJson(WordPiece.fromVocab(tokens)))) as Record<string, never>;
  const wrong: [string, (content: Record<string, Record<string, unknown>>) => void][] = [
    ['model.type is "BPE", expected \'WordPiece\'', (c) => (c.model.type = 'BPE')],
    ['model.continuing_subword_prefix is "@@"', (c) => (c.model.continuing_subword_prefix = '@@')],
    ['model.unk_token is 5', (c) => (c.model.unk_token = 5)],
    ['model.vocab is []', (c) => (c.model.vocab = [])],
    ["the id of 'a' is -1", (c) => ((c.model.vocab as Record<string, unknown>).a = -1)],
    ['the id of \'a\' is "5"', (c) => ((c.model.vocab as Record<string, unknown>).a = '5')],
    ["is 6, expected another: '", (c) => ((c.model.vocab as Record<string, unknown>).a = 6)],
    ["model.vocab's token for id 5", (c) => delete (c.model.vocab as Record<string, unknown>).a],
    ['model.max_input_chars_per_word is 0', (c) => (c.model.max_input_chars_per_word = 0)],
    ['normalizer.type is "NFC"', (c) => (c.normalizer.type = 'NFC')],
    ['normalizer.lowercase is "yes"', (c) => (c.normalizer.lowercase = 'yes')],
    ['pre_tokenizer.type is "Whitespace"', (c) => (c.pre_tokenizer.type = 'Whitespace')],
    ['added_tokens[0].lstrip is "yes"', (c) => ((c.added_tokens[0] as Record<string, unknown>).lstrip = 'yes')],
    ['added_tokens[1].normalized is 1', (c) => ((c.added_tokens[1] as Record<string, unknown>).normalized = 1)],
    [
      'normalizer is an object',
      (c) => (c.normalizer = { type: 'Sequence', normalizers: [{ type: 'NFD' }, { type: 'StripAccents' }] }),
    ],
    ['pre_tokenizer is null', (c) => ((c as Record<string, unknown>).pre_tokenizer = null)],
    ['post_processor.type is "RobertaProcessing"', (c) => (c.post_processor.type = 'RobertaProcessing')],
    ['post_processor.single is a list of 2', (c) => (c.post_processor.single as object[]).pop()],
  ];
  for (const [message, spoil] of wrong) {
    const content = good();
    spoil(content);
    try {
      WordPiece.fromTokenizerJson(content);
      t.fail(`not refused: ${message}`);
    } catch (error) {
      t.match((error as Error).message, message);
      t.match((error as Error).message, /Only BERT's WordPiece tokenizers are read/);
    }
  }
  for (const content of [null, 1, [], {}, { model: {} }])
    t.throws(() => WordPiece.fromTokenizerJson(content), /tokenizer\.json: /);
  t.end();
});

void t.test('a folder that cannot be written', async (t) => {
  const dir = t.testdir({ file: 'not a folder', locked: {} });
  const tokenizer = WordPiece.fromVocab(tokens);
  await t.rejects(
    saveTokenizer(join(dir, 'file'), tokenizer),
    /file: cannot be written, a file is in its place, expected a folder \(EEXIST\); name another folder/,
  );
  t.equal(readFileSync(join(dir, 'file'), 'utf8'), 'not a folder');
  if (process.getuid?.() === 0) return;
  chmodSync(join(dir, 'locked'), 0o500);
  await t.rejects(
    saveTokenizer(join(dir, 'locked'), tokenizer),
    /locked.*: cannot be written, no permission to write there \(EACCES\)/,
  );
});
