// The collator: the authors' own batch bit for bit, the invariants of what is visible, and batches that a seed decides alone.
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { existsSync, readFileSync } from 'node:fs';
import t from 'tap';
import { Random } from '../../core/random.js';
import { fromPadded, IGNORE, sequenceCount, toPadded, visibleAt, wordsFor } from '../../retromae/batch.js';
import type { DecoderBatch, PaddedBatch } from '../../retromae/batch.js';
import { Collator } from '../../retromae/collator.js';
import type { CollatorOptions } from '../../retromae/collator.js';
import { maskCount } from '../../retromae/masking.js';
import { PythonRandom, TorchGenerator } from '../../retromae/mt19937.js';
import { CLS, MASK, PAD, SEP, toyText, toyVocabulary, UNK } from './toy-vocabulary.js';

const collator = (options: Partial<CollatorOptions> = {}): Collator =>
  new Collator({ tokenizer: toyVocabulary, maxLength: 16, ...options });
const seeded = (seed: number) => (example: number) => new Random(seed, 0, example);
const texts = fc.array(toyText(1, 40), { minLength: 1, maxLength: 5 });
const share = fc.double({ min: 0.05, max: 0.95, noNaN: true });

/** Sequence b of a batch, alone. */
function sequenceOf(batch: DecoderBatch, b: number): unknown {
  const [begin, end] = batch.offsets.subarray(b, b + 2);
  const rows = (values: Int32Array | undefined) => values && [...values.subarray(begin, end)];
  const { ids, encoderIds, encoderLabels, decoderLabels, basicIds, basicLabels, visible } = batch;
  const words = visible ? visible.length / ids.length : 0;
  return {
    fields: [ids, encoderIds, encoderLabels, decoderLabels, basicIds, basicLabels].map(rows),
    visible: visible && [...visible.subarray(begin * words, end * words)],
  };
}

/** The authors' batch for two texts, both generators seeded 42: section 1.6 of the specification. */
const authors = {
  examples: [
    [10, 30, 31, 11, 12, 1, 13, 32, 14, 15, 11, 33],
    [20, 21, 34, 22, 23],
  ],
  encoder_input_ids: [
    [2, 10, 30, 31, 11, 12, 1, 4, 32, 14, 15, 11, 33, 3],
    [2, 4, 21, 34, 4, 23, 3, 0, 0, 0, 0, 0, 0, 0],
  ],
  chosen: [
    [7, 8, 10],
    [1, 4],
  ],
  decoder_labels: [
    [-100, 10, 30, 31, 11, 12, 1, 13, 32, 14, 15, 11, 33, -100],
    [-100, 20, 21, 34, 22, 23, -100, -100, -100, -100, -100, -100, -100, -100],
  ],
  visible: [
    '01111010000001 10001101110001 11010010010001 10000011111001 11110100000001 10000011111001 11110001100001 ' +
      '10000000110111 11110010001001 11110010001001 11111100000001 10000001110011 10001100001101 11111010000000',
    '0100001 1000101 1001001 1010001 1011001 1000001 1100000',
  ],
};

void t.test("the authors' collator, bit for bit", async (t) => {
  const generators = { python: new PythonRandom(42), torch: new TorchGenerator(42) };
  const padded = toPadded(collator().collate(authors.examples, generators), PAD);
  t.strictSame(padded.encoder_input_ids, authors.encoder_input_ids);
  t.strictSame(
    padded.encoder_labels,
    padded.input_ids.map((row, b) => row.map((id, p) => (authors.chosen[b].includes(p) ? id : IGNORE))),
  );
  t.strictSame(padded.decoder_labels, authors.decoder_labels);
  const rows = authors.visible.map((text) => text.split(' ').map((row) => [...row.padEnd(14, '0')].map(Number)));
  while (rows[1].length < 14) rows[1].push(Array<number>(14).fill(0));
  t.strictSame(padded.decoder_visible, rows);
});

void t.test('what a row may and may not see', async () => {
  fc.assert(
    fc.property(texts, fc.nat(99), share, (examples, seed, decoderMask) => {
      const batch = collator({ maxLength: 36, decoderMask }).collate(examples, seeded(seed));
      const { visible, offsets, ids } = batch;
      assert.ok(visible);
      const words = wordsFor(36);
      assert.equal(visible.length, words * ids.length);
      for (let b = 0; b < sequenceCount(batch); b++) {
        const length = offsets[b + 1] - offsets[b];
        for (let i = 0; i < length; i++) {
          const sees = (j: number) => visibleAt(batch, offsets[b] + i, j);
          assert.equal(sees(0), i !== 0, 'column 0 in all rows but its own');
          assert.equal(sees(length - 1), i !== length - 1, "[SEP]'s column likewise");
          assert.equal(sees(i), false, 'never itself');
          let hidden = 0;
          for (let j = 0; j < words * 16; j++) {
            if (j >= length) assert.equal(sees(j), false, 'nothing beyond the end');
            else if (!sees(j)) hidden++;
            const id = batch.ids[offsets[b] + j];
            const partOfWord = j > 1 && j < length - 1 && toyVocabulary.isContinuation(id);
            if (partOfWord && i !== j && i !== j - 1) assert.equal(sees(j), sees(j - 1), 'whole words');
          }
          assert.ok(hidden <= maskCount(length, decoderMask) + 1);
        }
      }
    }),
    { numRuns: 60 },
  );
});

void t.test('a row hides exactly the count, and itself, where all words are single tokens', async (t) => {
  const text = Array.from({ length: 25 }, (_, i) => 5 + i);
  const batch = collator({ maxLength: 40 }).collate([text], seeded(1));
  for (let i = 0; i < 27; i++) {
    const hidden = Array.from({ length: 27 }, (_, j) => visibleAt(batch, i, j)).filter((seen) => !seen).length;
    t.ok(hidden === 14 || hidden === 15, `row ${i} hides ${hidden} of 27 at 0.5`);
  }
});

void t.test('labels: the encoder where masked, the decoder on all content, specials never', async () => {
  fc.assert(
    fc.property(texts, fc.nat(99), share, (examples, seed, encoderMask) => {
      const batch = collator({ encoderMask }).collate(examples, seeded(seed));
      const { offsets, ids, encoderIds, encoderLabels, decoderLabels } = batch;
      for (let b = 0; b < sequenceCount(batch); b++) {
        const [begin, end] = offsets.subarray(b, b + 2);
        assert.deepEqual([...ids.subarray(begin, end)], [CLS, ...examples[b].slice(0, 14), SEP], 'cut on the right');
        let chosen = 0;
        for (let n = begin; n < end; n++) {
          const edge = n === begin || n === end - 1;
          assert.equal(decoderLabels?.[n], edge ? IGNORE : ids[n]);
          if (encoderLabels[n] === IGNORE) {
            assert.equal(encoderIds[n], ids[n], 'unmasked, unchanged');
            continue;
          }
          chosen++;
          assert.equal(encoderLabels[n], ids[n]);
          assert.ok(!edge && ids[n] !== UNK);
        }
        assert.ok(chosen <= maskCount(end - begin, encoderMask));
      }
    }),
  );
});

void t.test('basic decoding masks once more, independently; none leaves the decoder out', async (t) => {
  const text = Array.from({ length: 200 }, (_, i) => 5 + (i % 25));
  const options = { maxLength: 256 };
  const batch = collator({ ...options, decoder: 'basic' }).collate([text], seeded(3));
  const { basicIds, basicLabels, visible, encoderLabels, ids } = batch;
  assert.ok(basicIds && basicLabels && !visible);
  const chosen = (labels: Int32Array) => [...labels.keys()].filter((n) => labels[n] !== IGNORE);
  t.equal(chosen(basicLabels).length, 101);
  t.equal(chosen(encoderLabels).length, 61);
  const both = chosen(basicLabels).filter((n) => encoderLabels[n] !== IGNORE).length;
  t.ok(both > 15 && both < 46, `${both} of 61 masked for both, 30.5 expected`);
  t.ok(chosen(basicLabels).every((n) => basicLabels[n] === ids[n]));
  const shown = chosen(basicLabels).filter((n) => basicIds[n] === MASK).length;
  t.ok(shown > 64 && shown < 96, `${shown} of 101 shown as [MASK]`);
  const plain = collator({ ...options, decoder: 'none' }).collate([text], seeded(3));
  t.notOk(plain.decoderLabels ?? plain.basicIds ?? plain.visible);
});

void t.test("the encoder's side is the same whatever the decoder", async () => {
  fc.assert(
    fc.property(texts, fc.nat(99), (examples, seed) => {
      const sides = (['enhanced', 'basic', 'none'] as const).map((decoder) => {
        const { encoderIds, encoderLabels } = collator({ decoder }).collate(examples, seeded(seed));
        return [encoderIds, encoderLabels];
      });
      assert.deepEqual(sides[1], sides[0]);
      assert.deepEqual(sides[2], sides[0]);
    }),
    { numRuns: 30 },
  );
});

void t.test('a batch depends on the seed and the examples alone, an example on its own number alone', async () => {
  fc.assert(
    fc.property(
      texts,
      fc.nat(99),
      fc.constantFrom('enhanced' as const, 'basic' as const),
      (examples, seed, decoder) => {
        const batch = collator({ decoder }).collate(examples, seeded(seed));
        assert.deepEqual(collator({ decoder }).collate(examples, seeded(seed)), batch, 'the same again');
        const last = examples.length - 1;
        const reversed = collator({ decoder }).collate([...examples].reverse(), (i) => new Random(seed, 0, last - i));
        for (let b = 0; b <= last; b++) assert.deepEqual(sequenceOf(reversed, last - b), sequenceOf(batch, b));
        const alone = collator({ decoder }).collate([examples[last]], () => new Random(seed, 0, last));
        assert.deepEqual(sequenceOf(alone, 0), sequenceOf(batch, last));
      },
    ),
    { numRuns: 60 },
  );
});

void t.test('another seed, epoch or example means other masks', async (t) => {
  const text = Array.from({ length: 100 }, (_, i) => 5 + (i % 25));
  const make = (...key: [number, ...number[]]) =>
    [...collator({ maxLength: 128 }).collate([text], () => new Random(...key)).encoderLabels].join();
  t.equal(new Set([make(1, 0, 0), make(2, 0, 0), make(1, 1, 0), make(1, 0, 1)]).size, 4);
});

void t.test("parity generators run on as the authors': the next batch goes on where this one ended", async (t) => {
  const generators = { python: new PythonRandom(7), torch: new TorchGenerator(7) };
  const plain = new TorchGenerator(7);
  collator().collate(authors.examples, generators);
  for (let i = 0; i < 3 * 2 * 14; i++) plain.uint32();
  t.equal(generators.torch.uint32(), plain.uint32());
});

void t.test('what cannot be collated is refused', async (t) => {
  for (const rate of [0, 1, -0.1, 1.5, NaN]) {
    t.throws(() => collator({ encoderMask: rate }), /encoderMask is .*, expected a share between 0 and 1/);
    t.throws(() => collator({ decoderMask: rate }), /decoderMask is .*, expected a share between 0 and 1/);
  }
  for (const maxLength of [2, 0, 12.5, 65536]) t.throws(() => collator({ maxLength }), /maxLength is/);
  const tokenizer = { ...toyVocabulary, mask: -1 };
  t.throws(() => collator({ tokenizer }), /\[MASK\] is not in the vocabulary of 40/);
  t.throws(() => collator().collate([], seeded(0)), /no examples/);
  t.throws(() => collator().collate([[5], []], seeded(0)), /example 1 of the batch has no tokens/);
  t.throws(
    () => collator().collate([[5, 40]], seeded(0)),
    /example 0 of the batch has the id 40 at 1, expected 0 \.\. 39/,
  );
});

void t.test('packing and padding are each other’s inverse', async () => {
  fc.assert(
    fc.property(
      texts,
      fc.nat(99),
      fc.constantFrom('enhanced' as const, 'basic' as const, 'none' as const),
      (e, s, d) => {
        const padded = toPadded(collator({ maxLength: 24, decoder: d }).collate(e, seeded(s)), PAD);
        assert.deepEqual(toPadded(fromPadded(padded), PAD), padded);
      },
    ),
    { numRuns: 30 },
  );
});

void t.test('padded batches of other shapes are refused', async (t) => {
  const good = (): PaddedBatch => toPadded(collator().collate(authors.examples, seeded(0)), PAD);
  const broken: [(padded: PaddedBatch) => unknown, RegExp][] = [
    [(p) => (p.input_ids = []), /input_ids must be a non-empty matrix/],
    [(p) => p.encoder_labels.pop(), /inputs\.json: encoder_labels has 1 entries, expected 2/],
    [(p) => p.encoder_input_ids[1].pop(), /encoder_input_ids\[1\] has 13 entries, expected 14/],
    [(p) => (p.attention_mask[1][0] = 0), /attention_mask\[1\] must be two or more 1s and then 0s/],
    [(p) => (p.attention_mask[1][13] = 1), /attention_mask\[1\]/],
    [(p) => p.decoder_visible?.[0][3].pop(), /decoder_visible\[0\]\[3\] has 13 entries/],
    [(p) => delete p.decoder_labels, /decoder_labels is missing/],
  ];
  for (const [breakIt, message] of broken) {
    const padded = good();
    breakIt(padded);
    t.throws(() => fromPadded(padded, 'inputs.json'), { message });
  }
});

for (const folder of ['tiny', 'odd']) {
  const path = `${process.cwd()}/../shared/golden/${folder}/inputs.json`;
  void t.test(`golden/${folder}`, { skip: existsSync(path) ? false : 'no ../shared/golden here' }, async (t) => {
    const inputs = JSON.parse(readFileSync(path, 'utf8')) as PaddedBatch & { lengths: number[] };
    const batch = fromPadded(inputs, path);
    t.equal(
      batch.offsets.at(-1),
      inputs.lengths.reduce((a, b) => a + b),
    );
    t.strictSame({ lengths: inputs.lengths, ...toPadded(batch, PAD) }, inputs);
  });
}
