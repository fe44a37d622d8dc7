// Folders of tokenizer files: what transformers 5.18's AutoTokenizer made of each was asked once, by hand.
import t from 'tap';
import { join } from 'node:path';
import { WordPiece, loadTokenizer, saveTokenizer, toTokenizerConfig, toTokenizerJson } from '../../data/index.js';

const V = '[PAD] [UNK] [CLS] [SEP] [MASK] a b ##a ##b é e A 中 文 <unk> covid - 19 É x ##x'.split(' ');
const N = V.length;
const TEXT = 'A É 中文 covid-19 <unk> [MASK]';
const UNCASED = 'a e 中 文 covid - 19 [UNK] [UNK] [UNK] [MASK]';
const CASED = 'A É [UNK] covid - 19 [UNK] [UNK] [UNK] [MASK]';

type Json = Record<string, unknown>;
const base = JSON.parse(JSON.stringify(toTokenizerJson(WordPiece.fromVocab(V)))) as Json;
const cased = {
  ...base,
  normalizer: {
    type: 'BertNormalizer',
    lowercase: false,
    strip_accents: false,
    handle_chinese_chars: false,
    clean_text: true,
  },
};
const token = (content: string, flags: Json = {}) => ({
  content,
  special: false,
  normalized: true,
  single_word: false,
  lstrip: false,
  rstrip: false,
  ...flags,
});
const withAdded = (...added: Json[]): Json => ({ ...base, added_tokens: [...(base.added_tokens as Json[]), ...added] });
const bert = { model_type: 'bert' };
const lines = V.join('\n') + '\n';

interface Case {
  name: string;
  files: Record<string, unknown>;
  text?: string;
  tokens: string;
}

const cases: Case[] = [
  {
    name: 'no tokenizer_config.json: the defaults of BertTokenizer',
    files: { 'tokenizer.json': cased },
    tokens: UNCASED,
  },
  {
    name: 'no model at all: tokenizer.json as it stands',
    files: { 'config.json': undefined, 'tokenizer.json': cased },
    tokens: CASED,
  },
  {
    name: 'lower case here, cased there',
    files: {
      'tokenizer.json': cased,
      'tokenizer_config.json': { tokenizer_class: 'BertTokenizer', do_lower_case: true },
    },
    tokens: UNCASED,
  },
  {
    name: 'cased here, lower case there',
    files: {
      'tokenizer.json': base,
      'tokenizer_config.json': { tokenizer_class: 'BertTokenizerFast', do_lower_case: false },
    },
    tokens: 'A É 中 文 covid - 19 [UNK] [UNK] [UNK] [MASK]',
  },
  {
    name: 'PreTrainedTokenizerFast takes tokenizer.json as it stands',
    files: {
      'tokenizer.json': cased,
      'tokenizer_config.json': { tokenizer_class: 'PreTrainedTokenizerFast', do_lower_case: true },
    },
    tokens: CASED,
  },
  {
    name: 'DistilBertTokenizer is BERT',
    files: { 'tokenizer.json': cased, 'tokenizer_config.json': { tokenizer_class: 'DistilBertTokenizer' } },
    tokens: UNCASED,
  },
  {
    name: 'unk_token',
    files: { 'tokenizer.json': base, 'tokenizer_config.json': { unk_token: '<unk>' } },
    text: `${TEXT} q`,
    tokens: 'a e 中 文 covid - 19 <unk> [MASK] <unk>',
  },
  {
    name: 'special_tokens_map.json',
    files: { 'vocab.txt': lines, 'special_tokens_map.json': { unk_token: '<unk>' } },
    text: 'A [MASK] x <unk> q',
    tokens: 'a [MASK] x <unk> <unk>',
  },
  {
    name: 'a mask token that takes blanks',
    files: {
      'vocab.txt': lines,
      'special_tokens_map.json': { mask_token: token('[MASK]', { lstrip: true, normalized: false }) },
    },
    text: 'a b [MASK]x',
    tokens: 'a b [MASK] x',
  },
  {
    name: 'an added token, normalised',
    files: { 'tokenizer.json': withAdded({ id: N, ...token('covid-19') }) },
    text: 'A Covid-19 COVID-19x',
    tokens: 'a covid-19 covid-19 x',
  },
  {
    name: 'added_tokens.json',
    files: { 'vocab.txt': lines, 'added_tokens.json': { 'covid-19': N } },
    text: 'A Covid-19 COVID-19x',
    tokens: 'a covid-19 covid-19 x',
  },
  {
    name: 'added_tokens.json beside tokenizer.json',
    files: { 'tokenizer.json': base, 'added_tokens.json': { 'covid-19': N } },
    text: 'A Covid-19 COVID-19x',
    tokens: 'a covid-19 covid-19 x',
  },
  {
    name: 'added_tokens.json with a special token',
    files: {
      'vocab.txt': lines,
      'added_tokens.json': { '[MASK]': 4, '<q>': N },
      'tokenizer_config.json': { mask_token: '[MASK]' },
    },
    text: 'a [mask] [MASK] <Q>',
    tokens: 'a [UNK] [UNK] [UNK] [MASK] <q>',
  },
  {
    name: 'added_tokens_decoder rules out the others',
    files: {
      'tokenizer.json': withAdded({ id: N, ...token('q1') }),
      'added_tokens.json': { '<q>': N },
      'tokenizer_config.json': { added_tokens_decoder: { [N]: token('covid-19') } },
    },
    text: 'q1 Covid-19 <q> [MASK]',
    tokens: '[UNK] covid-19 [UNK] [UNK] [UNK] [MASK]',
  },
  {
    name: 'additional special tokens',
    files: { 'tokenizer.json': base, 'tokenizer_config.json': { additional_special_tokens: ['<q>'] } },
    text: 'a <q> x',
    tokens: 'a <q> x',
  },
  {
    name: "a special token of one's own",
    files: { 'tokenizer.json': base, 'tokenizer_config.json': { foo_token: '<q>' } },
    text: 'a <q> x',
    tokens: 'a <q> x',
  },
  {
    name: "the word limit of tokenizer.json is not BertTokenizer's",
    files: { 'tokenizer.json': { ...base, model: { ...(base.model as Json), max_input_chars_per_word: 2 } } },
    text: 'aaaa a',
    tokens: 'a ##a ##a ##a a',
  },
  {
    name: 'the word limit as it stands',
    files: {
      'tokenizer.json': { ...base, model: { ...(base.model as Json), max_input_chars_per_word: 2 } },
      'tokenizer_config.json': { tokenizer_class: 'PreTrainedTokenizerFast' },
    },
    text: 'aaaa a',
    tokens: '[UNK] a',
  },
  {
    name: "truncation and padding are the caller's",
    files: {
      'tokenizer.json': { ...base, truncation: { direction: 'Right', max_length: 4 }, padding: { direction: 'Right' } },
    },
    text: 'a a a a a a',
    tokens: 'a a a a a a',
  },
];

const folder = (files: Record<string, unknown>): Record<string, string> =>
  Object.fromEntries(
    Object.entries({ 'config.json': bert, ...files })
      .filter(([, content]) => content !== undefined)
      .map(([name, content]) => [name, typeof content === 'string' ? content : JSON.stringify(content)]),
  );

const spelt = (tokenizer: WordPiece, text: string) =>
  Array.from(tokenizer.encode(text), (id) => tokenizer.token(id)).join(' ');

for (const { name, files, text = TEXT, tokens } of cases)
  void t.test(name, async (t) => {
    const dir = t.testdir(folder(files));
    const loaded = await loadTokenizer(dir);
    t.equal(spelt(loaded, text), tokens);
    const copy = join(dir, 'copy');
    await saveTokenizer(copy, loaded);
    const again = await loadTokenizer(copy);
    t.equal(spelt(again, text), tokens);
    t.same(again.vocab, loaded.vocab);
    t.same(again.options, loaded.options);
    t.equal(again.pieceCount, loaded.pieceCount);
  });

const refused: [string, Record<string, unknown>, RegExp][] = [
  ...['RobertaTokenizer', 'XLMRobertaTokenizerFast', 'BertJapaneseTokenizer', 'MPNetTokenizer'].map(
    (name): [string, Record<string, unknown>, RegExp] => [
      name,
      { 'tokenizer.json': base, 'tokenizer_config.json': { tokenizer_class: name } },
      new RegExp(`tokenizer_config\\.json: tokenizer_class is "${name}", expected 'BertTokenizer'`),
    ],
  ),
  [
    'a class in config.json',
    { 'config.json': { ...bert, tokenizer_class: 'BertJapaneseTokenizer' }, 'vocab.txt': lines },
    /config\.json: tokenizer_class is/,
  ],
  [
    'do_lower_case',
    { 'vocab.txt': lines, 'tokenizer_config.json': { do_lower_case: 'no' } },
    /tokenizer_config\.json: do_lower_case is "no", expected true or false/,
  ],
  [
    'strip_accents',
    { 'vocab.txt': lines, 'tokenizer_config.json': { strip_accents: 1 } },
    /tokenizer_config\.json: strip_accents is 1/,
  ],
  [
    'lowercase',
    { 'tokenizer.json': { ...base, normalizer: { type: 'BertNormalizer', lowercase: 'yes' } } },
    /tokenizer\.json: normalizer\.lowercase is "yes"/,
  ],
  [
    'padding on the left',
    { 'vocab.txt': lines, 'tokenizer_config.json': { padding_side: 'left' } },
    /padding_side is "left", expected 'right'/,
  ],
  [
    'truncation on the left',
    { 'tokenizer.json': { ...base, truncation: { direction: 'Left' } } },
    /tokenizer\.json: truncation\.direction is "Left"/,
  ],
  [
    'special tokens split',
    { 'vocab.txt': lines, 'tokenizer_config.json': { split_special_tokens: true } },
    /split_special_tokens is true, expected false/,
  ],
  [
    'a gap in ids',
    { 'tokenizer.json': withAdded({ id: N + 5, ...token('covid-19') }) },
    /'covid-19' has id 26, expected 21, the next free id/,
  ],
  [
    'a gap in added_tokens.json',
    { 'vocab.txt': lines, 'added_tokens.json': { 'covid-19': N + 3 } },
    /'covid-19' has id 24, expected 21/,
  ],
  [
    'a number in added_tokens.json',
    { 'vocab.txt': lines, 'added_tokens.json': { 'covid-19': '5' } },
    /added_tokens\.json: the id of 'covid-19' is "5"/,
  ],
  [
    "another id than the vocabulary's",
    { 'tokenizer.json': withAdded({ id: N, ...token('x') }) },
    /'x' has id 21, expected 19, which the vocabulary gives it/,
  ],
  [
    'no template',
    {
      'tokenizer.json': { ...base, post_processor: null },
      'tokenizer_config.json': { tokenizer_class: 'PreTrainedTokenizerFast' },
    },
    /tokenizer\.json: post_processor is null/,
  ],
  [
    'two accounts of a token',
    {
      'tokenizer.json': withAdded({ id: N, ...token('XX') }),
      'tokenizer_config.json': {
        tokenizer_class: 'PreTrainedTokenizerFast',
        added_tokens_decoder: { [N]: token('XX', { normalized: false }) },
      },
    },
    /tokenizer_config\.json: the added token 'XX'/,
  ],
  ['a blank line', { 'vocab.txt': '[PAD]\n\n[UNK]\n' }, /vocab\.txt:2: the line is blank/],
  ['a token again', { 'vocab.txt': lines + 'x\n' }, /vocab\.txt:22: 'x' stands on line 20 already/],
  [
    'no [MASK]',
    { 'vocab.txt': lines.replace('[MASK]\n', '') },
    /vocab\.txt: WordPiece: the vocabulary of 20 tokens has no \[MASK\]/,
  ],
  ['malformed config', { 'vocab.txt': lines, 'tokenizer_config.json': '{' }, /tokenizer_config\.json: malformed JSON/],
  [
    'config of another type',
    { 'vocab.txt': lines, 'tokenizer_config.json': '[]' },
    /tokenizer_config\.json: the content is \[\], expected an object/,
  ],
];

for (const [name, files, message] of refused)
  void t.test(`refused: ${name}`, async (t) => {
    await t.rejects(loadTokenizer(t.testdir(folder(files))), { message });
  });

void t.test('what BertTokenizer cannot say is left to tokenizer.json', async (t) => {
  t.equal(toTokenizerConfig(WordPiece.fromVocab(V), 512).tokenizer_class, 'BertTokenizer');
  for (const options of [{ cleanText: false }, { maxChars: 50 }])
    t.equal(toTokenizerConfig(WordPiece.fromVocab(V, options), 512).tokenizer_class, 'PreTrainedTokenizerFast');
  t.end();
});
