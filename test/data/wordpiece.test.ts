// WordPiece against Hugging Face's tokenizer: words, special tokens, real English and Chinese, decoding.
import fc from 'fast-check';
import t from 'tap';
import { SPECIAL_TOKENS, WordPiece, documents, loadTokenizer } from '../../data/index.js';
import { oracle, oracleIds, shared } from './support.js';

const uncased = shared('vocab/bert-base-uncased.vocab.txt');
const chinese = shared('vocab/bert-base-chinese.vocab.txt');
const openstax = shared('text/openstax.jsonl');
const scifact = shared('beir/scifact');

const words = ['un', '##aff', '##able', 'hello', 'world', ',', '!', '[', ']', 'mask', 'e', '##e', '中', '文', 'i', 's'];
const small = WordPiece.fromVocab([...SPECIAL_TOKENS, ...words]);
const spell = (tokenizer: WordPiece, text: string) => Array.from(tokenizer.encode(text), (id) => tokenizer.token(id));

void t.test('spells words greedily, with one [UNK] for a word that cannot be spelled', (t) => {
  t.same(spell(small, 'unaffable'), ['un', '##aff', '##able']);
  t.same(spell(small, 'Hello,world!'), ['hello', ',', 'world', '!']);
  t.same(spell(small, 'unaffabl hello'), ['[UNK]', 'hello']);
  t.same(spell(small, 'é É e\u0301'), ['e', 'e', 'e']);
  t.same(spell(small, '中文hello'), ['中', '文', 'hello']);
  t.same(spell(small, 'hel\u200blo wor\u0007ld\u00a0!'), ['hello', 'world', '!']);
  t.same(spell(small, 'İ'), ['i']);
  t.same(spell(small, ''), []);
  t.same(spell(small, ' \n\t\u3000 '), []);
  t.end();
});

void t.test('folds and cuts character by character, as Rust does', (t) => {
  const tokenizer = WordPiece.fromVocab([...SPECIAL_TOKENS, '𠮷', 'a', 'λογοσ', 'λογος', 'b']);
  t.same(spell(tokenizer, '𠮷a𠮷'), ['𠮷', 'a', '𠮷']);
  t.same(spell(tokenizer, 'ΛΟΓΟΣ λογος'), ['λογοσ', 'λογος']);
  t.same(spell(tokenizer, 'a\u0085b a\u000bb a\u2028b a\ufeffb'), ['[UNK]', '[UNK]', 'a', 'b', '[UNK]']);
  const raw = WordPiece.fromVocab(tokenizer.vocab, { cleanText: false });
  t.same(spell(raw, 'a\u0085b a\u000bb a\u2028b a\ufeffb'), ['a', 'b', 'a', 'b', 'a', 'b', '[UNK]']);
  t.end();
});

void t.test('a token added beyond the vocabulary is no piece of a word', (t) => {
  const tokenizer = WordPiece.fromVocab([...SPECIAL_TOKENS, 'a', '##b'], {
    added: [{ id: 7, content: 'ab', special: false, singleWord: true }],
  });
  t.same(spell(tokenizer, 'ab abb ab'), ['ab', 'a', '##b', '##b', 'ab']);
  t.same([tokenizer.size, tokenizer.pieceCount], [8, 7]);
  t.end();
});

void t.test('finds special tokens in the text, before anything else', (t) => {
  t.same(spell(small, 'hello[MASK]world [mask] [SEP]'), ['hello', '[MASK]', 'world', '[', 'mask', ']', '[SEP]']);
  const added = [
    ...small.options.added,
    ...['<x', '<x>'].map((content, i) => ({ id: 21 + i, content, special: false })),
  ];
  const tagged = WordPiece.fromVocab([...small.vocab, '<x', '<x>'], { added });
  t.same(spell(tagged, 'e<x>e<x'), ['e', '<x>', 'e', '<x']);
  t.same([...tagged.encode('e<x>e<x')], oracleIds(oracle(tagged), 'e<x>e<x'));
  t.same(spell(small, '[[MASK]]'), ['[', '[MASK]', ']']);
  t.end();
});

void t.test('a word of more than 100 characters is unknown; 100 code points are not more', (t) => {
  t.equal(small.encode('e'.repeat(100)).length, 100);
  t.same(spell(small, 'e'.repeat(101)), ['[UNK]']);
  const wide = WordPiece.fromVocab([...SPECIAL_TOKENS, '😀', '##😀']);
  t.equal(wide.encode('😀'.repeat(100)).length, 100);
  t.same(spell(wide, '😀'.repeat(101)), ['[UNK]']);
  t.same(spell(WordPiece.fromVocab(small.vocab, { maxChars: 4 }), 'hello e'), ['[UNK]', 'e']);
  t.end();
});

void t.test('knows its tokens', (t) => {
  t.same([small.pad, small.unk, small.cls, small.sep, small.mask], [0, 1, 2, 3, 4]);
  t.equal(small.size, 5 + words.length);
  t.equal(small.id('##aff'), 6);
  t.equal(small.id('nothing'), undefined);
  t.ok(small.isContinuation(6));
  t.notOk(small.isContinuation(5));
  t.ok(small.isSpecial(4));
  t.notOk(small.isSpecial(5));
  t.throws(() => small.token(21), /there is no token 21; ids run from 0 to 20/);
  t.end();
});

void t.test('refuses a vocabulary that lacks a special token or has one twice', (t) => {
  for (const token of SPECIAL_TOKENS) {
    const rest = SPECIAL_TOKENS.filter((other) => other !== token);
    t.throws(() => WordPiece.fromVocab([...rest, 'a']), {
      message: `WordPiece: the vocabulary of 5 tokens has no ${token}; BERT needs [PAD] [UNK] [CLS] [SEP] [MASK]. Add ${token} as a line, or learn a vocabulary.`,
    });
  }
  t.throws(() => WordPiece.fromVocab([...SPECIAL_TOKENS, 'a', 'b', 'a']), /has 'a' twice, as ids 5 and 7/);
  t.end();
});

void t.test('BERT, as published', { skip: uncased.skip }, async (t) => {
  const bert = await loadTokenizer(uncased.file);
  t.equal(bert.size, 30522);
  t.same([bert.pad, bert.unk, bert.cls, bert.sep, bert.mask], [0, 100, 101, 102, 103]);
  t.same([...bert.encode('Hello, world!')], [7592, 1010, 2088, 999]);
  t.same(spell(bert, 'Unaffable embeddings'), ['una', '##ffa', '##ble', 'em', '##bed', '##ding', '##s']);
});

const real = { skip: uncased.skip || openstax.skip || scifact.skip };
void t.test('English: textbooks and abstracts', real, async (t) => {
  const bert = await loadTokenizer(uncased.file);
  const reference = oracle(bert);
  for (const { file, every } of [
    { file: openstax.file, every: 29 },
    { file: scifact.file, every: 17 },
  ]) {
    let at = 0;
    let tokens = 0;
    for await (const { text, id } of documents(file)) {
      if (at++ % every !== 0) continue;
      const ids = Array.from(bert.encode(text));
      tokens += ids.length;
      const expected = oracleIds(reference, text);
      if (ids.join() !== expected.join()) t.same(ids, expected, id);
      const decoded = bert.decode(ids);
      if (decoded !== reference.decode(ids)) t.equal(decoded, reference.decode(ids), id);
    }
    t.ok(tokens > 50_000, `${tokens} tokens compared`);
  }
});

void t.test('Chinese', { skip: chinese.skip }, async (t) => {
  const bert = await loadTokenizer(chinese.file);
  const reference = oracle(bert);
  const texts = [
    '检索是从大量文本中找出与问题最相关的段落。预训练让模型学会把一段话压缩成一个向量。',
    '2021年,GPT-3有1750亿个参数;BERT-base只有1.1亿个。',
    '「繁體字」與『简体字』、标点符号:《书名》——省略号……',
    '価格は¥1,980です。ひらがなカタカナ漢字㐀䶵豈鶴',
    '한국어와 中文 混在 Mixed English文字,Café、naïve。',
  ];
  for (const text of texts) t.same(Array.from(bert.encode(text)), oracleIds(reference, text), text);
  const ideographs = fc
    .array(fc.integer({ min: 0x4e00, max: 0x9fff }), { maxLength: 60 })
    .map((codes) => String.fromCharCode(...codes));
  fc.assert(
    fc.property(ideographs, (text) => {
      t.ok(bert.encode(text).join() === oracleIds(reference, text).join());
    }),
  );
});

void t.test('decodes as Hugging Face does', (t) => {
  const tokens = [
    ...SPECIAL_TOKENS,
    'a',
    '##b',
    '.',
    ',',
    '!',
    '?',
    "'",
    'n',
    "n't",
    "'s",
    "'re",
    '##',
    '##.',
    's',
    '$1',
  ];
  const tokenizer = WordPiece.fromVocab(tokens);
  const reference = oracle(tokenizer);
  fc.assert(
    fc.property(
      fc.array(fc.nat(tokens.length - 1), { minLength: 1, maxLength: 12 }),
      fc.boolean(),
      (ids, skipSpecial) => {
        const expected = reference.decode(ids, { skip_special_tokens: skipSpecial });
        t.equal(tokenizer.decode(ids, { skipSpecial }), expected);
      },
    ),
  );
  t.equal(tokenizer.decode([]), '');
  t.end();
});

void t.test('forgets nothing when its memory of words is full', (t) => {
  const letters = [...'abcdefghijklmnopqrstuvwxyz'];
  const tokenizer = WordPiece.fromVocab([...SPECIAL_TOKENS, ...letters, ...letters.map((letter) => `##${letter}`)]);
  const word = (n: number) => n.toString(26).replace(/[0-9]/g, (digit) => letters[16 + Number(digit)]);
  for (let n = 0; n < 150_000; n++) {
    const ids = tokenizer.encode(word(n));
    if (tokenizer.decode(ids) !== word(n)) t.equal(tokenizer.decode(ids), word(n));
  }
  t.equal(tokenizer.decode(tokenizer.encode('hello')), 'hello');
  t.end();
});
