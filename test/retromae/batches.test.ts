// Which examples a step sees: every epoch a fresh permutation, all of it a function of the seed and the step alone.
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import t from 'tap';
import { Batches } from '../../retromae/batches.js';
import type { Batch } from '../../retromae/batch.js';
import { Collator } from '../../retromae/collator.js';
import { toyVocabulary } from './toy-vocabulary.js';

const collator = new Collator({ tokenizer: toyVocabulary, maxLength: 16 });

/** Example i spells its number in two tokens, and goes on for a while. */
const examplesOf = (count: number): number[][] =>
  Array.from({ length: count }, (_, i) => [5 + (i % 25), 5 + Math.floor(i / 25), ...new Array<number>(i % 7).fill(29)]);

/** The numbers of a batch's examples. */
const numbersIn = ({ offsets, ids }: Batch): number[] =>
  Array.from(offsets.subarray(0, -1), (start) => ids[start + 1] - 5 + 25 * (ids[start + 2] - 5));

const plain = (batch: Batch) =>
  JSON.stringify(batch, (_, value: unknown) => (ArrayBuffer.isView(value) ? Array.from(value as Int32Array) : value));

const newBatches = (count: number, size: number, seed = 7) => new Batches(examplesOf(count), collator, size, seed);

const sizes = fc.record({
  count: fc.integer({ min: 1, max: 60 }),
  size: fc.integer({ min: 1, max: 20 }),
  seed: fc.maxSafeNat(),
});

void t.test('every epoch has every example once, batches going on over its end', async () => {
  fc.assert(
    fc.property(sizes, ({ count, size, seed }) => {
      const batches = newBatches(count, size, seed);
      const dealt = Array.from({ length: Math.ceil((3 * count) / size) }, (_, i) => {
        const numbers = numbersIn(batches.at(i));
        assert.equal(numbers.length, size);
        return numbers;
      }).flat();
      for (let epoch = 0; epoch < 3; epoch++) {
        const seen = dealt.slice(epoch * count, (epoch + 1) * count).sort((a, b) => a - b);
        assert.deepEqual(
          seen,
          Array.from({ length: count }, (_, i) => i),
        );
      }
      assert.equal(batches.perEpoch, Math.ceil(count / size));
    }),
    { numRuns: 50 },
  );
});

void t.test('the order is another one in every epoch and for every seed', async (t) => {
  const order = (seed: number, epoch: number) => numbersIn(newBatches(40, 40, seed).at(epoch)).join();
  const orders = [0, 1, 2].flatMap((seed) => [0, 1, 2].map((epoch) => order(seed, epoch)));
  t.equal(new Set(orders).size, 9);
  t.not(order(0, 0), Array.from({ length: 40 }, (_, i) => i).join(), 'nor is it that of the file');
});

void t.test('a batch does not depend on what was asked for before', async () => {
  fc.assert(
    fc.property(sizes, fc.array(fc.nat(12), { minLength: 1, maxLength: 6 }), ({ count, size, seed }, asked) => {
      const batches = newBatches(count, size, seed);
      for (const index of asked) assert.equal(plain(batches.at(index)), plain(newBatches(count, size, seed).at(index)));
    }),
    { numRuns: 40 },
  );
});

void t.test('masks belong to the example and the epoch, not to its batch', async (t) => {
  /** The masked texts of all examples of an epoch, by number. */
  const masked = (size: number, epoch: number, seed = 7) => {
    const batches = newBatches(30, size, seed);
    const found: string[] = [];
    for (let i = epoch * batches.perEpoch; i < (epoch + 1) * batches.perEpoch; i++) {
      const batch = batches.at(i);
      numbersIn(batch).forEach((number, b) => {
        const rows = [batch.offsets[b], batch.offsets[b + 1]] as const;
        const visible = batch.visible!;
        const words = visible.length / batch.ids.length;
        const bits = visible.subarray(rows[0] * words, rows[1] * words);
        found[number] = `${batch.encoderIds.subarray(...rows).join()} ${bits.join()}`;
      });
    }
    return found;
  };
  const first = masked(30, 0);
  t.same(masked(5, 0), first);
  t.same(masked(1, 0), first);
  const differing = (other: string[]) => other.filter((text, i) => text !== first[i]).length;
  t.ok(differing(masked(30, 1)) > 25, 'the next epoch draws them anew');
  t.ok(differing(masked(30, 0, 8)) > 25, 'another seed too');
});

void t.test("dropout's generator is a function of seed and batch", async (t) => {
  const state = (seed: number, index: number) => newBatches(3, 2, seed).dropout(index).state().words.join();
  t.equal(state(1, 5), state(1, 5));
  t.equal(new Set([state(1, 5), state(1, 6), state(2, 5)]).size, 3);
});

void t.test('nothing to deal out', async (t) => {
  t.throws(() => newBatches(0, 4), /batches: there are no examples. Is the corpus empty/);
  for (const size of [0, -1, 1.5, NaN])
    t.throws(() => newBatches(4, size), /batches: .* sequences a batch; at least 1 is needed/);
});
