// Words of Chinese and Japanese text, whose ideographs BERT takes for words each.
import t from 'tap';
import { packSentences, SPECIAL_TOKENS, WordPiece } from '../../data/index.js';
import { encodeWords } from '../../data/segment-words.js';

const letters = [...'abcdefghijklmnopqrstuvwxyz'];
const tokenizer = WordPiece.fromVocab([
  ...SPECIAL_TOKENS,
  ...new Set('北京大学是中国的我们在吃東へ行た，。'),
  ...letters,
  ...letters.map((letter) => `##${letter}`),
  ...['##た', 'った', '##へ'],
]);

/** Tokens, those that go on with a word marked by a `+`. */
function marked(text: string): string {
  const { ids, continues } = encodeWords(text, tokenizer);
  t.same(Array.from(ids), Array.from(tokenizer.encode(text)), 'the ids are those of the text');
  return Array.from(ids, (id, i) => `${continues![i] ? '+' : ''}${tokenizer.token(id)}`).join(' ');
}

void t.test('ideographs of one word go on with it', async (t) => {
  t.equal(marked('我们在中国。'), '我 +们 在 中 +国 。');
  t.equal(marked('北京大学是中国的大学'), '北 +京 大 +学 是 中 +国 的 大 +学');
  t.equal(marked('我们 在中国'), '我 +们 在 中 +国');
});

void t.test('other scripts are as their pieces say', async (t) => {
  t.equal(marked('ab 我们 cd'), 'a ##b 我 +们 c ##d');
  t.equal(marked("don't"), 'd ##o ##n [UNK] t', 'punctuation parts words, whatever Unicode says of them');
  t.equal(marked(''), '');
  t.equal(marked('𠮷我们'), '[UNK] 我 +们', 'beyond U+FFFF');
});

void t.test('blocks keep words whole, and say which they are', async (t) => {
  const blocks = [
    ...packSentences('我们在中国。北京大学是中国的大学。', tokenizer, { maxTokens: 5, words: 'segmented' }),
  ];
  const words = blocks.map(({ ids, continues }) =>
    Array.from(ids, (id, i) => `${continues![i] ? '+' : ''}${tokenizer.token(id)}`).join(' '),
  );
  t.same(words, ['我 +们 在 中 +国', '。', '北 +京 大 +学 是', '中 +国 的 大 +学', '。']);
  const plain = [...packSentences('我们在中国。', tokenizer, { maxTokens: 5 })];
  t.equal(plain[0].continues, undefined);
});
