// The held-out task: whole, fair, and the same every time.
import fc from 'fast-check';
import t from 'tap';
import { Bm25 } from '../../retrieval/bm25.js';
import { heldOut } from '../../retrieval/heldout.js';
import { evaluateRun } from '../../retrieval/metrics.js';

const LONG = 'This sentence has quite enough words to be a query.';
const passages = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    id: `p${i}`,
    text: `First we speak at length of the subject number a${i}. Then we add some words on b${i} and on c${i}. It ends with the matter of d${i} and e${i}.`,
  }));

void t.test('sentence and rest make up the passage; everything else stays', async () => {
  const word = fc.stringMatching(/^[a-z]{1,8}$/);
  const sentence = fc.array(word, { minLength: 1, maxLength: 14 }).map((words) => `Z${words.join(' ')}.`);
  const text = fc.array(sentence, { maxLength: 7 }).map((sentences) => sentences.join(' '));
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 12 }), fc.nat({ max: 99 }), (texts, seed) => {
      const documents = [...texts, `${LONG} Yes it is. Indeed.`].map((text, i) => ({ id: `p${i}`, text }));
      const { corpus, queries, qrels, warnings } = heldOut(documents, { queries: 5, seed });
      const whole = documents.every(({ id, text }, i) => {
        const query = queries.find((query) => qrels.get(query.id)?.get(id) === 1);
        const { id: kept, text: rest } = corpus[i];
        if (!query) return kept === id && rest === text;
        const at = text.indexOf(query.text);
        const around = [text.slice(0, at), text.slice(at + query.text.length)].map((part) => part.trim());
        return (
          at >= 0 &&
          kept === id &&
          rest === around.filter((part) => part !== '').join(' ') &&
          !rest.includes(query.text)
        );
      });
      const long = queries.every(({ text }) => text.split(' ').length >= 8);
      return whole && long && qrels.size === queries.length && (queries.length === 5) === (warnings.length === 0);
    }),
    { numRuns: 60 },
  );
});

void t.test('deterministic, and another seed draws others', async (t) => {
  const documents = passages(200);
  const drawn = (seed: number) => heldOut(documents, { queries: 20, seed });
  t.same(drawn(1), drawn(1));
  t.notSame(
    drawn(1).queries.map(({ id }) => id),
    drawn(2).queries.map(({ id }) => id),
  );
  const places = drawn(3).queries.map(({ text }) => text.split(' ')[0]);
  t.equal(new Set(places).size, 3, 'first, middle and last sentences');
});

void t.test('BM25 finds a passage by words that remain, and only by these', async (t) => {
  const documents = passages(30).map(({ id, text }, i) => ({ id, text: text.replaceAll(/[b-e]\d+/g, `a${i}`) }));
  const { corpus, queries, qrels } = heldOut(documents, { queries: 30 });
  const index = new Bm25(corpus);
  const run = new Map(queries.map(({ id, text }) => [id, index.search(text, 10)]));
  t.equal(evaluateRun(run, qrels).mean['mrr@10'], 1);
});

void t.test('what qualifies', async (t) => {
  const make = (text: string, options = {}) => heldOut([{ id: 'p', text }], { queries: 1, ...options }).queries[0].text;
  t.equal(make(`Short. ${LONG} Short again.`), LONG, 'the one long sentence');
  t.throws(
    () => make(`${LONG} Short.`),
    /none of 1 passages has at least 3 sentences, one of 8 words or more; give longer/,
  );
  t.equal(make(`${LONG} Short.`, { minSentences: 2 }), LONG);
  t.throws(() => make('One two. Three four. Five six.'), /none of 1 passages/);
  t.throws(() => make(`${LONG} Short. ${LONG}`), /none of 1 passages/, 'a sentence that would remain is no query');
  t.equal(make('這是第一句話，用來測試分句。短。短。', { locale: 'zh', minWords: 4 }), '這是第一句話，用來測試分句。');
  t.equal(make('a b c|d e|f', { minWords: 3, split: (text: string) => text.split(/(?<=\|)/) }), 'a b c|');
  t.match(heldOut(passages(2), { queries: 3 }).warnings, [/2 queries instead of 3: no more passages have/]);
  t.throws(() => heldOut([...passages(1), ...passages(1)]), /two of 2 passages have the same id/);
  t.throws(() => heldOut(passages(1), { queries: 0 }), /queries = 0, expected a whole number/);
  for (const share of [0, -0.1, 1.5, NaN])
    t.throws(() => heldOut(passages(1), { share }), /share = .*, expected a number above 0/);
});

void t.test('drawn by their own words: of a corpus that grew, nothing is cut that was whole', async (t) => {
  const all = passages(600);
  const drawn = (documents: typeof all, queries: number) =>
    heldOut(documents, { queries, share: 0.2, seed: 3 }).queries.map(({ id, text }) => `${id} ${text}`);
  const few = drawn(all.slice(0, 300), 1000);
  t.ok(few.length > 30 && few.length < 90, `a fifth of 300: ${few.length}`);
  const many = drawn(all, 1000);
  t.same(
    many.filter((query) => Number(/\d+/.exec(query)![0]) < 300),
    few,
    'the same sentences of the same passages',
  );
  const bounded = drawn(all, 50).filter((query) => Number(/\d+/.exec(query)![0]) < 300);
  const before = new Set(drawn(all.slice(0, 300), 50));
  t.ok(bounded.length > 0 && bounded.every((query) => before.has(query)), 'also where their number is bounded');
  const twice = heldOut([...all.slice(0, 300), ...all.slice(0, 300).map(({ text }, i) => ({ id: `q${i}`, text }))], {
    ...{ queries: 1000, share: 0.2, seed: 3 },
  });
  t.equal(twice.queries.length, few.length, 'what is there twice is drawn once');
});
