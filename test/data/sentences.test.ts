// Sentences and passages: the three rules, and that windows change none of them.
import fc from 'fast-check';
import t from 'tap';
import { sentenceSegments, splitSentences, wordCount } from '../../data/index.js';
import { passages } from '../../data/sentences.js';

void t.test('sentences', (t) => {
  t.same(splitSentences('One. Two? "Three!" Four 3.5 (e.g. five)'), [
    'One.',
    'Two?',
    '"Three!"',
    'Four 3.5 (e.g. five)',
  ]);
  t.same(splitSentences('Mr. Speaker, Dr. J. F. Smith of the U.S. Senate spoke. He left.'), [
    'Mr. Speaker, Dr. J. F. Smith of the U.S. Senate spoke.',
    'He left.',
  ]);
  t.same(splitSentences('我们学习。你呢?很好!', 'zh'), ['我们学习。', '你呢?', '很好!']);
  t.same(splitSentences('  \n '), []);
  t.same(splitSentences(''), []);
  t.same(splitSentences('It ends with Mr. '), ['It ends with Mr.']);
  t.end();
});

void t.test('a long text has the sentences that it has in one go', (t) => {
  const segmenter = new Intl.Segmenter('de', { granularity: 'sentence' });
  const sentence = fc.integer({ min: 1, max: 3000 }).map((length) => `A${'b '.repeat(length / 2)}c. `);
  fc.assert(
    fc.property(fc.array(sentence, { maxLength: 12 }), (sentences) => {
      const text = sentences.join('');
      const whole = Array.from(segmenter.segment(text), ({ segment }) => segment);
      t.same([...sentenceSegments(text, 'de')], whole);
      t.same(
        splitSentences(text, 'de'),
        whole.map((segment) => segment.trim()),
      );
    }),
    { numRuns: 40 },
  );
  t.end();
});

void t.test('text without a sentence end is cut between words, so that its time is linear', (t) => {
  for (const [part, longest] of [
    ['this is no end. ', 1 << 16],
    ['one two ', 1 << 16],
    ['ab', (1 << 16) + (1 << 20)],
    ['\u{1F600}', (1 << 16) + (1 << 20)],
  ] as const) {
    const text = part.repeat(3_000_000 / part.length);
    const segments = [...sentenceSegments(text)];
    t.ok(segments.join('') === text, JSON.stringify(part));
    t.ok(segments.every(({ length }) => length <= longest));
    t.ok(segments.length < 10 + (2 * text.length) / longest, `${segments.length} segments`);
    t.ok(segments.every((segment) => (part.endsWith(' ') ? segment.endsWith(' ') : !/[\uD800-\uDBFF]$/.test(segment))));
  }
  t.end();
});

void t.test('a sentence ends where a word of BERT does', (t) => {
  t.same(splitSentences('Yes![MASK] no. It is.'), ['Yes![MASK] no.', 'It is.'], 'not behind what opens a bracket');
  t.same(splitSentences('Yes!\u275BA word'), ['Yes!\u275BA word'], 'an ornament is no punctuation');
  t.same(splitSentences('a\u0085b'), ['a\u0085b'], 'BERT drops U+0085 from within a word');
  t.end();
});

void t.test('segments lose nothing, and know no abbreviations', (t) => {
  const text = '  Mr. Smith spoke.\n\nHe left. ';
  t.same([...sentenceSegments(text)], ['  Mr. ', 'Smith spoke.\n', '\n', 'He left. ']);
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => [...sentenceSegments(text)].join('') === text));
  t.end();
});

void t.test('passages: as many sentences as fit, at least one', (t) => {
  const text = 'One is here. Two "is so." 3 of them! no end. Last?';
  t.same(passages(text, 12), ['One is here.', 'Two "is so."', '3 of them! no end.', 'Last?']);
  t.same(passages(text, 26), ['One is here. Two "is so."', '3 of them! no end. Last?']);
  t.same(passages(text, 1000), [text]);
  t.same(passages(' ', 10), []);
  t.end();
});

void t.test('words', (t) => {
  t.equal(wordCount("It isn't 3.5 % -- yes, is it?"), 6);
  t.equal(wordCount('我们学习', 'zh'), 2);
  t.equal(wordCount('... !'), 0);
  t.end();
});

void t.test('text that was tokenised has its stops between blanks, and no capitals', async (t) => {
  const text = 'the wing is heated . heat flows , at 3.5 feet  ? yes ! e.g. so.';
  t.same([...sentenceSegments(text)], ['the wing is heated . ', 'heat flows , at 3.5 feet  ? ', 'yes ! ', 'e.g. so.']);
  t.same(splitSentences(text), ['the wing is heated .', 'heat flows , at 3.5 feet  ?', 'yes !', 'e.g. so.']);
  t.same(splitSentences('a .'), ['a .']);
});
