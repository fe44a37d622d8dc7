// Packed sequences: where each text lies, and what of it.
import t from 'tap';
import { packSequences } from '../../data/index.js';

const special = { cls: 101, sep: 102 };

void t.test('[CLS] text [SEP], end to end, cut on the right', (t) => {
  const { offsets, ids } = packSequences([[1, 2], Int32Array.of(3, 4, 5, 6), [], [7]], special, 5);
  t.same([...offsets], [0, 4, 9, 11, 14]);
  t.same([...ids], [101, 1, 2, 102, 101, 3, 4, 5, 102, 101, 102, 101, 7, 102]);
  t.same(packSequences([], special, 5), { offsets: Int32Array.of(0), ids: new Int32Array(0) });
  t.end();
});

void t.test('refused', (t) => {
  for (const maxLength of [2, 4.5, NaN])
    t.throws(() => packSequences([[1]], special, maxLength), {
      message: `packSequences: maxLength is ${maxLength}, expected a whole number of at least 3, for [CLS], a token and [SEP]; try 128.`,
    });
  t.end();
});
