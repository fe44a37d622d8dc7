// The counts of texts: what there is, what is unknown, what is cut, what is left out.
import { test } from 'tap';
import { countText, lostShares, noCounts } from '../../data/index.js';

void test('counts add up over texts', (t) => {
  const counts = noCounts();
  countText(counts, 'ab cd', [7, 1, 9], { unk: 1, room: 2 });
  countText(counts, 'x', [1], { unk: 1, room: 2 });
  countText(counts, 'y', [5, 6, 7, 8], { unk: 1 });
  t.same(counts, { documents: 3, characters: 7, tokens: 8, unknown: 2, cut: 1, leftOut: {}, taken: [] });
  counts.leftOut = { 'without text': 1 };
  t.same(lostShares(counts), { unknown: 0.25, cut: 0.125, leftOut: 0.25 });
  t.end();
});

void test('nothing has no shares', (t) => {
  t.same(lostShares(noCounts()), { unknown: 0, cut: 0, leftOut: 0 });
  t.not(noCounts().leftOut, noCounts().leftOut, 'counts are not shared');
  t.end();
});
