// The trainer against byte-pair encoding done the slow way: all pairs counted anew before every merge.
import fc from 'fast-check';
import t from 'tap';
import { SPECIAL_TOKENS, WordPiece, sotu, trainWordPiece } from '../../data/index.js';
import type { Alphabet } from '../../data/index.js';

/** The vocabulary by definition (Sennrich et al. 2016, algorithm 1, with `##` before all but a word's first piece). */
function plainTraining(texts: string[], vocabSize: number, minFrequency: number): string[] {
  const counts = new Map<string, number>();
  for (const word of texts.flatMap((text) => text.split(' '))) {
    if (word !== '') counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const letters = [...new Set([...counts.keys()].join(''))].sort();
  const inside = [...new Set([...counts.keys()].flatMap((word) => [...word].slice(1)))].sort();
  const vocab: string[] = [...SPECIAL_TOKENS, ...letters, ...inside.map((letter) => `##${letter}`)];
  const words = [...counts].map(([word, count]) => ({ pieces: [...word].map((c, i) => (i ? `##${c}` : c)), count }));
  while (vocab.length < vocabSize) {
    const pairs = new Map<string, number>();
    for (const { pieces, count } of words) {
      for (let i = 1; i < pieces.length; i++) {
        const pair = `${vocab.indexOf(pieces[i - 1])} ${vocab.indexOf(pieces[i])}`;
        pairs.set(pair, (pairs.get(pair) ?? 0) + count);
      }
    }
    const order = [...pairs].map(([pair, count]) => ({ ids: pair.split(' ').map(Number), count }));
    order.sort((a, b) => b.count - a.count || a.ids[0] - b.ids[0] || a.ids[1] - b.ids[1]);
    if (order.length === 0 || order[0].count < minFrequency) break;
    const [left, right] = order[0].ids.map((id) => vocab[id]);
    const merged = left + right.slice(2);
    if (!vocab.includes(merged)) vocab.push(merged);
    for (const word of words) {
      const pieces: string[] = [];
      for (const piece of word.pieces) {
        if (piece === right && pieces.at(-1) === left) pieces[pieces.length - 1] = merged;
        else pieces.push(piece);
      }
      word.pieces = pieces;
    }
  }
  return vocab;
}

void t.test('learns what counting anew before every merge learns', async (t) => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 16 });
  const texts = fc.array(
    fc.array(word, { maxLength: 12 }).map((words) => words.join(' ')),
    { minLength: 1, maxLength: 6 },
  );
  await fc.assert(
    fc.asyncProperty(
      texts,
      fc.integer({ min: 11, max: 60 }),
      fc.integer({ min: 1, max: 3 }),
      async (sample, vocabSize, minFrequency) => {
        fc.pre(sample.join('') !== '');
        const tokenizer = await trainWordPiece(sample, { vocabSize, minFrequency });
        t.same(tokenizer.vocab, plainTraining(sample, vocabSize, minFrequency));
      },
    ),
    { numRuns: 300 },
  );
});

void t.test('real text', async (t) => {
  const texts = (await sotu()).slice(0, 2000).map(({ text }) => text);
  const tokenizer = await trainWordPiece(texts, { vocabSize: 2000 });

  void t.test('has the size asked for, special tokens first', async (t) => {
    t.equal(tokenizer.size, 2000);
    t.same(tokenizer.vocab.slice(0, 5), SPECIAL_TOKENS);
    t.equal(new Set(tokenizer.vocab).size, 2000);
    for (const common of ['the', 'government', '##ing', '##tion']) t.ok(tokenizer.id(common), common);
  });

  void t.test('spells its own texts without [UNK], and back', async (t) => {
    const letters = (text: string) =>
      text
        .toLowerCase()
        .normalize('NFD')
        .replace(/\p{Mn}|\s/gu, '');
    for (const text of texts.slice(0, 200)) {
      const ids = tokenizer.encode(text);
      t.notOk(ids.includes(tokenizer.unk));
      t.equal(letters(tokenizer.decode(ids)), letters(text));
    }
  });

  void t.test('is the same again, from a stream too', async (t) => {
    async function* stream() {
      for (const text of texts) yield await Promise.resolve(text);
    }
    t.same((await trainWordPiece(stream(), { vocabSize: 2000 })).vocab, tokenizer.vocab);
  });

  void t.test('tells how far it is', async (t) => {
    const stages = new Map<string, number>();
    await trainWordPiece(texts, { vocabSize: 2000, onProgress: ({ stage, done }) => stages.set(stage, done) });
    t.same(
      [...stages],
      [
        ['reading', 2000],
        ['merging', 2000],
      ],
    );
  });
});

void t.test('keeps case and accents when told to', async (t) => {
  const tokenizer = await trainWordPiece(['Été Été'], { vocabSize: 100, lowercase: false });
  t.same(tokenizer.vocab.slice(5), ['t', 'É', 'é', '##t', '##é', 'Ét', 'Été']);
  t.equal(tokenizer.options.lowercase, false);
});

void t.test('a small corpus gives a small vocabulary', async (t) => {
  const tokenizer = await trainWordPiece(['ab ab', 'ab c'], { vocabSize: 8192 });
  t.same(tokenizer.vocab.slice(5), ['a', 'b', 'c', '##b', 'ab']);
  t.type(tokenizer, WordPiece);
});

void t.test('the alphabet can be limited: words beyond it are unknown', async (t) => {
  const texts = ['abab abab 中 a中b'];
  let alphabet: Alphabet | undefined;
  const tokenizer = await trainWordPiece(texts, { vocabSize: 50, coverage: 0.8, onAlphabet: (a) => (alphabet = a) });
  t.same(tokenizer.vocab.slice(5, 9), ['a', 'b', '##a', '##b']);
  t.same([...tokenizer.encode('中 abab')], [tokenizer.unk, tokenizer.id('abab')]);
  t.same(alphabet, { kept: 2, found: 3, covered: 10 / 12 });
  await trainWordPiece(texts, { vocabSize: 50, onAlphabet: (a) => (alphabet = a) });
  t.same(alphabet, { kept: 3, found: 3, covered: 1 });
});

void t.test('the alphabet is the fewest characters that cover the share', async (t) => {
  const text = fc.array(fc.constantFrom(...'aaaabbbccd é中'), { minLength: 1, maxLength: 40 }).map((c) => c.join(''));
  await fc.assert(
    fc.asyncProperty(text, fc.double({ min: 0.01, max: 1, noNaN: true }), async (sample, coverage) => {
      fc.pre(sample.trim() !== '');
      let found: Alphabet | undefined;
      await trainWordPiece([sample], { vocabSize: 100, coverage, onAlphabet: (a) => (found = a) });
      const counts = new Map<string, number>();
      for (const char of sample.replace(/ /g, '').replace(/é/g, 'e')) counts.set(char, (counts.get(char) ?? 0) + 1);
      const frequent = [...counts.values()].sort((a, b) => b - a);
      const total = frequent.reduce((sum, count) => sum + count, 0);
      const share = (kept: number) => frequent.slice(0, kept).reduce((sum, count) => sum + count, 0) / total;
      t.equal(found!.found, frequent.length);
      t.equal(found!.covered, share(found!.kept));
      t.ok(share(found!.kept) >= coverage - 1e-12 && share(found!.kept - 1) < coverage);
    }),
  );
});

void t.test('a small alphabet loses nothing, unless told to', async (t) => {
  const texts = ['a'.repeat(90), ...Array.from({ length: 2000 }, () => 'ab '.repeat(60)), '&'];
  t.ok((await trainWordPiece(texts, { vocabSize: 50 })).id('&'));
  t.notOk((await trainWordPiece(texts, { vocabSize: 50, coverage: 0.99999 })).id('&'));
});

void t.test('Chinese keeps its characters', async (t) => {
  const char = (i: number) => String.fromCodePoint(0x4e00 + ((i * 7) % 3000));
  const texts = Array.from(
    { length: 300 },
    (_, i) => Array.from({ length: 30 }, (_, k) => char(i * 30 + k)).join('') + '。',
  );
  const tokenizer = await trainWordPiece(texts, { vocabSize: 8192 });
  t.notOk(texts.some((text) => tokenizer.encode(text).includes(tokenizer.unk)));
  await t.rejects(trainWordPiece(texts, { vocabSize: 500 }), {
    message:
      'trainWordPiece: vocabSize is 500, but the special tokens and the single characters for coverage 0.99999 are 3006 tokens. Raise vocabSize above 3006, or lower coverage: 0.19161 fits.',
  });
  t.ok(await trainWordPiece(texts, { vocabSize: 500, coverage: 0.19161 }));
});

void t.test('every way of folding text is the same in learning and in encoding', async (t) => {
  const texts = ['Möchte MÖCHTE यहाँ है 𠮷a ΛΟΓΟΣ\u200b İx'];
  for (const lowercase of [true, false])
    for (const stripAccents of [null, true, false]) {
      const tokenizer = await trainWordPiece(texts, { vocabSize: 200, minFrequency: 1, lowercase, stripAccents });
      t.notOk(tokenizer.encode(texts[0]).includes(tokenizer.unk), `${lowercase} ${stripAccents}`);
      t.match(tokenizer.options, { lowercase, stripAccents });
      t.equal(tokenizer.vocab.join('').normalize('NFC').includes('ö'), !(stripAccents ?? lowercase));
    }
});

void t.test('refuses what cannot be trained', async (t) => {
  await t.rejects(trainWordPiece(['a'], { vocabSize: 5 }), /vocabSize is 5, expected a whole number above 5/);
  await t.rejects(
    trainWordPiece(['abcdef'], { vocabSize: 8 }),
    /coverage 0.99999 are 16 tokens. Raise vocabSize above 16, or lower coverage: /,
  );
  for (const coverage of [0, -1, 1.5, NaN])
    await t.rejects(
      trainWordPiece(['a'], { vocabSize: 9, coverage }),
      /coverage is .*, expected a share above 0 and up to 1/,
    );
  await t.rejects(trainWordPiece([' ', ''], { vocabSize: 100 }), /the texts have no words/);
});
