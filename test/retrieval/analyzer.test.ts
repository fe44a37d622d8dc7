// English analysis: words, possessives, stop words, stems; whole texts against what Lucene's EnglishAnalyzer gives.
import fc from 'fast-check';
import t from 'tap';
import { englishAnalyzer } from '../../retrieval/analyzer.js';

const analyze = englishAnalyzer();

const CASES: Record<string, string[]> = {
  // Words.
  'Hello, world!': ['hello', 'world'],
  'state-of-the-art e-mail': ['state', 'art', 'e', 'mail'],
  'snake_case __x__': ['snake_cas', '__x__'],
  '_ __ - ...': [],
  'U.S. u.s.a example.com': ['u.', 'u.s.a', 'example.com'],
  'end.Start 3.Then': ['end.start', '3'],
  '3.14 1,000,000.5 1:2 2. .5': ['3.14', '1,000,000.5', '1', '2', '2', '5'],
  'H2O 3D B12': ['h2o', '3d', 'b12'],
  'naïve Übermut': ['naïv', 'übermut'],
  'e\u0301te\u0301': ['e\u0301te\u0301'],
  '中文 ひら カタカナ 한국어': ['中', '文', 'ひ', 'ら', 'カタカナ', '한국어'],
  a中b: ['中', 'b'],
  '😀 ½ ²': [],
  // Possessives, straight, curly and wide; other apostrophes stay.
  "dog's dogs' DOG'S": ['dog', 'dog', 'dog'],
  'dog\u2019s dog\uff07s': ['dog', 'dog'],
  "o'neil rock'n'roll": ["o'neil", "rock'n'rol"],
  "it's that's": [],
  // Stop words, before stemming; longer lists have "from" and "we" too, Lucene's has not.
  'The THE there from we this': ['from', 'we'],
  // Stems: Porter's examples, and two of his later changes (logi, bli).
  'caresses ponies ties cats': ['caress', 'poni', 'ti', 'cat'],
  'feed agreed plastered motoring': ['feed', 'agre', 'plaster', 'motor'],
  'hopping falling filing happy sky': ['hop', 'fall', 'file', 'happi', 'sky'],
  'relational generalizations oscillators': ['relat', 'gener', 'oscil'],
  'archaeology possibly': ['archaeolog', 'possibl'],
  '': [],
};

void t.test('cases', async (t) => {
  for (const [text, terms] of Object.entries(CASES)) t.same(analyze(text), terms, JSON.stringify(text));
});

void t.test('all 33 stop words', async (t) => {
  const words =
    'a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to was will with';
  t.equal(words.split(' ').length, 33);
  t.same(analyze(words), []);
});

void t.test('the memo changes nothing, nor does what stands around a word', async () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: fc.constantFrom(...'aeioustdyl1_\u00e9') }), { maxLength: 20 }), (words) => {
      const together = JSON.stringify(analyze(words.join(' ')));
      const apart = JSON.stringify(words.flatMap((word) => englishAnalyzer()(word)));
      return together === apart && together === JSON.stringify(analyze(` ${words.join(', ')}.`));
    }),
  );
});

void t.test('any text gives terms without white space', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) =>
      analyze(text).every((term) => term !== '' && !/\s/.test(term)),
    ),
  );
});
