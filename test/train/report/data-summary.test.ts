// The summary of the data: one line, a warning above 5 %, a refusal above the limit.
import { test } from 'tap';
import { noCounts } from '../../../data/index.js';
import { dataLine, dataWarnings, refuseUnknown } from '../../../train/index.js';

const counts = { ...noCounts(), documents: 1200, characters: 34_000, tokens: 8000, unknown: 8, cut: 400 };

void test('the line says what there is and what is lost', (t) => {
  const leftOut = { 'without text': 3, 'malformed JSON': 1 };
  t.equal(
    dataLine('my.jsonl', { ...counts, blocks: 70, leftOut }),
    'my.jsonl: 1,200 documents, 34,000 characters, 8,000 tokens in 70 blocks; [UNK] 0.1 %, cut 5.0 %; left out: 3 without text, 1 malformed JSON.',
  );
  t.match(dataLine('q', counts, 'queries'), /1,200 queries.* 8,000 tokens; .*left out: none\.$/);
  t.end();
});

void test('a warning for each share above 5 %, none at 5 %', (t) => {
  t.same(dataWarnings('my.jsonl', counts), []);
  t.match(dataWarnings('my.jsonl', { ...counts, cut: 401 }), [/my\.jsonl: 5\.0 % of the tokens are beyond/]);
  const all = { ...counts, unknown: 4000, cut: 8000, leftOut: { 'without text': 1200 } };
  t.match(dataWarnings('my.jsonl', all), [/50\.0 %.*\[UNK\]/, /100\.0 %.*beyond/, /50\.0 %.*left out/]);
  t.end();
});

void test('more unknown words than allowed are refused', (t) => {
  t.doesNotThrow(() => refuseUnknown('zh.txt', { ...counts, unknown: 4000 }, 50), 'at the limit');
  t.throws(
    () => refuseUnknown('zh.txt', { ...counts, unknown: 4001 }, 50),
    /zh\.txt: 50\.0 % of 8,000 .*--max-unknown 50/,
  );
  t.doesNotThrow(() => refuseUnknown('zh.txt', noCounts(), 0), 'of nothing, nothing is unknown');
  t.end();
});
