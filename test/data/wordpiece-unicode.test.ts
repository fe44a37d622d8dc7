// WordPiece against Hugging Face's JavaScript tokenizer on every code point and on random Unicode, where it agrees with Rust.
import fc from 'fast-check';
import t from 'tap';
import { SPECIAL_TOKENS, WordPiece } from '../../data/index.js';
import type { WordPieceOptions } from '../../data/index.js';
import { IDEOGRAPH, LATER, MARK, PUNCTUATION, REMOVED, unicodeClasses } from '../../data/unicode-classes.js';
import { oracle, oracleIds } from './support.js';

/**
 * The characters of the BMP as words and as continuations, so that no difference hides behind [UNK]; of the ideographs
 * and Hangul syllables, which are all alike, every 16th.
 */
const both = (unit: number) => [String.fromCharCode(unit), `##${String.fromCharCode(unit)}`];
const everything: string[] = [...SPECIAL_TOKENS];
for (let unit = 0; unit < 0xd800; unit += unit < 0x3400 ? 1 : 16) everything.push(...both(unit));
for (let unit = 0xe000; unit < 0x10000; unit++) everything.push(...both(unit));
/**
 * Where JavaScript's tokenizer differs from Rust's: characters whose class changed after Unicode 8, ideographs beyond
 * U+FFFF, and the capital sigma, whose lower case there depends on its neighbours.
 */
const differs = (char: string): boolean => {
  const point = char.codePointAt(0)!;
  const bits = unicodeClasses()[point];
  const other = (bit: number, pattern: RegExp) => pattern.test(char) !== (bits & bit) > 0;
  return (
    char === 'Σ' ||
    (bits & LATER) > 0 ||
    ((bits & IDEOGRAPH) > 0 && point > 0xffff) ||
    other(MARK, /\p{Mn}/u) ||
    other(PUNCTUATION, /[\p{P}!-/:-@[-`{-~]/u) ||
    other(REMOVED, /(?![\t\n\r])[\uFFFD\p{Cc}\p{Cf}\p{Co}\p{Cs}]/u) ||
    /\s/.test(char) !== /\p{White_Space}/u.test(char)
  );
};

const variants: Record<string, Partial<WordPieceOptions>> = {
  'lower case': {},
  cased: { lowercase: false },
  'cased, no accents': { lowercase: false, stripAccents: true },
  'lower case, accents': { stripAccents: false },
  'raw: no cleaning, no CJK': { cleanText: false, chineseChars: false },
};

const pairs = Object.entries(variants).map(([name, options]) => {
  const tokenizer = WordPiece.fromVocab(everything, options);
  return { name, tokenizer, reference: oracle(tokenizer) };
});

for (const { name, tokenizer, reference } of pairs) {
  void t.test(`every code point: ${name}`, (t) => {
    const differing: string[] = [];
    let excepted = 0;
    const check = (first: number, last: number) => {
      for (let start = first; start <= last; start += 512) {
        const points = Array.from({ length: Math.min(512, last + 1 - start) }, (_, i) => start + i);
        const text = points
          .map((point) => String.fromCodePoint(point))
          .filter((char) => !differs(char) || (excepted++, false))
          .map((char) => `a${char}Ä${char}b`)
          .join(' ');
        if (tokenizer.encode(text).join() !== oracleIds(reference, text).join()) differing.push(start.toString(16));
      }
    };
    check(0, 0xffff);
    check(0x10000, name === 'lower case' ? 0x1ffff : 0x10fff);
    check(0xe0000, 0xe01ff);
    t.same(differing, [], 'blocks of 512 code points, by their first');
    t.ok(excepted < 900, `${excepted} characters excepted`);
    t.end();
  });
}

void t.test('random Unicode', (t) => {
  const nasty = fc.constantFrom(
    ...[
      '[MASK]',
      '[SEP]',
      '[',
      ' ',
      '\n',
      '\u00a0',
      '\u3000',
      '\ufeff',
      '\u200d',
      '\u200b',
      '\u0000',
      '\ufffd',
      '\u0085',
      '\v',
    ],
    ...[
      'İ',
      'ı',
      'ß',
      'ẞ',
      'Σ',
      'ς',
      'ΑΣ',
      "'",
      '’',
      'é',
      'e\u0301',
      '\u0301',
      '\u0323',
      'Å',
      'ﬁ',
      '한',
      '각',
      '\u1100\u1161',
    ],
    ...[
      '中',
      '豈',
      '𠀀',
      '丽',
      '😀',
      '👩‍👩‍👧',
      '🇩🇪',
      '\ud83d',
      '\ude00',
      '𝐀',
      '𐀀',
      '؟',
      '。',
      '「',
      '①',
      '²',
      'q\u0307\u0323',
    ],
  );
  const text = fc
    .array(
      fc.oneof(
        nasty,
        fc.string({ unit: 'binary', maxLength: 8 }),
        fc.string({ unit: 'grapheme', maxLength: 8 }),
        fc.string(),
      ),
    )
    .map((parts) => [...parts.join('')].filter((char) => !differs(char)).join(''));
  for (const { name, tokenizer, reference } of pairs) {
    fc.assert(
      fc.property(text, (sample) => tokenizer.encode(sample).join() === oracleIds(reference, sample).join()),
      { numRuns: 200 },
    );
    t.pass(name);
  }
  t.end();
});
