// What RetroMAE is, as statements on losses: who sees whom, what a batch may not change, and what the sentence vector is for.
import t from 'tap';
import { Ids, noGrad, Random, scope, Sequences, setBackend, type Tensor } from '../../core/index.js';
import { openBackend } from '../../kernels/open.js';
import { ReferenceBackend } from '../../kernels/reference.js';
import { AdamW, bertConfig } from '../../nn/index.js';
import { fromPadded, IGNORE, toPadded, visibleAt, type DecoderBatch, type PaddedBatch } from '../../retromae/batch.js';
import { decodeEnhanced } from '../../retromae/decoding.js';
import { predict } from '../../retromae/encoding.js';
import { Collator, type DecoderTargets } from '../../retromae/collator.js';
import { RetroMae, type RetroMaeOptions } from '../../retromae/model.js';
import { newModel, tokenizer } from './tiny.js';

const float64 = new ReferenceBackend('float64');
setBackend(float64);

const texts = [6, 14, 2, 9].map((length, i) => Array.from({ length }, (_, j) => 5 + ((11 * i + 7 * j * j) % 30)));

/** A batch of some of the texts; a text's masks are its own. */
function batchOf(which: number[], decoder: DecoderTargets = 'enhanced'): DecoderBatch {
  const collator = new Collator({ tokenizer, maxLength: 16, decoder });
  return collator.collate(
    which.map((i) => texts[i]),
    (b) => new Random(4, which[b]),
  );
}

async function lossesOf(model: RetroMae, batch: DecoderBatch): Promise<Record<string, number>> {
  const { h, ...losses } = noGrad(() => scope(() => model.losses(batch)));
  const numbers: Record<string, number> = {};
  for (const [name, value] of Object.entries<Tensor>(losses)) numbers[name] = await value.item();
  return numbers;
}

const objectives: [Partial<RetroMaeOptions>, DecoderTargets][] = [
  [{}, 'enhanced'],
  [{ query: 'B' }, 'enhanced'],
  [{ decoder: 'basic', decoderLayers: 2 }, 'basic'],
  [{ objective: 'dupmae' }, 'enhanced'],
  [{ objective: 'mlm' }, 'none'],
];

void t.test('the loss of a row changes with the tokens that it may see, and with no others', async (t) => {
  const batch = batchOf([0, 1]);
  const model = newModel(1);
  const decoderLabels = batch.decoderLabels!;
  const sequences = new Sequences(batch.offsets);
  let [seen, hidden] = [0, 0];
  for (const row of [1, 4, 9, 16]) {
    const only = { ...batch, decoderLabels: decoderLabels.map((label, i) => (i === row ? label : IGNORE)) };
    const { decoder } = await lossesOf(model, only);
    const own = sequences.ofRow.values[row];
    for (let other = 0; other < batch.ids.length; other++) {
      const position = sequences.positions.values[other];
      // The context's column 0 is the sentence vector: the id there is not read.
      const visible = position > 0 && sequences.ofRow.values[other] === own && visibleAt(batch, row, position);
      const ids = batch.ids.map((id, i) => (i === other ? (id + 1) % 30 : id));
      const changed = (await lossesOf(model, { ...only, ids })).decoder !== decoder;
      if (changed !== visible) t.fail(`row ${row}, token ${other}: changed ${changed}, visible ${visible}`);
      if (visible) seen++;
      else hidden++;
    }
    t.notOk(visibleAt(batch, row, sequences.positions.values[row]), 'a row never sees itself');
    t.ok(visibleAt(batch, row, 0), 'it sees the sentence vector');
  }
  t.ok(seen > 15 && hidden > 50, `${seen} tokens seen, ${hidden} hidden`);
});

void t.test('the decoder knows the encoder by the sentence vector alone', async (t) => {
  const batch = batchOf([0, 1]);
  const model = newModel(1);
  const { encoder, decoder } = await lossesOf(model, batch);
  const encoderIds = batch.encoderIds.map((id, i) => (i === 3 ? (id + 1) % 30 : id));
  const other = await lossesOf(model, { ...batch, encoderIds });
  t.ok(other.encoder !== encoder && other.decoder !== decoder, 'another text for the encoder is another vector');
  const unlabelled = { ...batch, encoderLabels: batch.encoderLabels.map(() => IGNORE) };
  t.equal((await lossesOf(model, unlabelled)).decoder, decoder, "the encoder's labels are nothing to it");
});

const close = (a: Record<string, number>, b: Record<string, number>) =>
  Object.keys(a).every((name) => Math.abs(a[name] - b[name]) < 1e-12);

void t.test('the order of a batch does not matter', async (t) => {
  for (const [options, decoder] of objectives) {
    const model = newModel(1, options);
    const one = await lossesOf(model, batchOf([0, 1, 2, 3], decoder));
    const other = await lossesOf(model, batchOf([2, 0, 3, 1], decoder));
    t.ok(close(one, other), JSON.stringify(options));
  }
});

/** Losses of a batch from those of its sequences: means over labels of all, but for the bag of words, of sequences. */
async function together(model: RetroMae, batches: DecoderBatch[]): Promise<Record<string, number>> {
  const sums: Record<string, number> = {};
  const counts: Record<string, number> = {};
  const count = (labels: Int32Array | undefined) => labels?.filter((label) => label !== IGNORE).length ?? 0;
  for (const batch of batches) {
    const losses = await lossesOf(model, batch);
    const masked = count(batch.encoderLabels);
    const rebuilt = count(batch.decoderLabels ?? batch.basicLabels);
    const weights = { encoder: masked, accuracy: masked, decoder: rebuilt, decoderAccuracy: rebuilt, bow: 1 };
    for (const [name, weight] of Object.entries(weights)) {
      if (!(name in losses)) continue;
      sums[name] = (sums[name] ?? 0) + weight * losses[name];
      counts[name] = (counts[name] ?? 0) + weight;
    }
  }
  const means = Object.fromEntries(Object.keys(sums).map((name) => [name, sums[name] / counts[name]]));
  const { encoder, decoder = 0, bow = 0 } = means;
  return { ...means, loss: encoder + decoder + (model.options.bowWeight ?? 0) * bow };
}

void t.test('a packed batch is its sequences, each computed alone', async (t) => {
  for (const [options, decoder] of objectives) {
    const model = newModel(1, options);
    const packed = await lossesOf(model, batchOf([0, 1, 2, 3], decoder));
    const alone = await together(
      model,
      [0, 1, 2, 3].map((i) => batchOf([i], decoder)),
    );
    t.ok(close(packed, alone), JSON.stringify(options));
  }
});

void t.test('padding changes nothing, and neither does the room for longer sequences', async (t) => {
  const batch = batchOf([0, 2, 1]);
  const padded = toPadded(batch, 0);
  const width = padded.input_ids[0].length + 20;
  const widen = (fill: number) => (row: number[]) =>
    Array.from({ length: width }, (_, position) => row[position] ?? fill);
  const wider: PaddedBatch = {
    input_ids: padded.input_ids.map(widen(0)),
    attention_mask: padded.attention_mask.map(widen(0)),
    encoder_input_ids: padded.encoder_input_ids.map(widen(0)),
    encoder_labels: padded.encoder_labels.map(widen(IGNORE)),
    decoder_labels: padded.decoder_labels!.map(widen(IGNORE)),
    decoder_visible: padded.decoder_visible!.map((matrix) =>
      Array.from({ length: width }, (_, row) => widen(0)(matrix[row] ?? [])),
    ),
  };
  const model = newModel(1);
  const losses = await lossesOf(model, batch);
  t.same(await lossesOf(model, fromPadded(padded)), losses);
  t.same(await lossesOf(model, fromPadded(wider)), losses);
});

void t.test('dropout is a function of its generator', async (t) => {
  const model = newModel(1);
  const batch = batchOf([0, 1]);
  const loss = (random?: Random) => noGrad(() => scope(() => model.losses(batch, random)).loss).item();
  t.equal(await loss(new Random(1)), await loss(new Random(1)));
  t.not(await loss(new Random(1)), await loss(new Random(2)));
  t.not(await loss(new Random(1)), await loss());
});

void t.test('after some training the decoder needs the sentence vector, and that of its own sentence', async (t) => {
  const backend = await openBackend('wasm');
  setBackend(backend);
  t.teardown(() => setBackend(float64));
  const config = bertConfig({
    vocab_size: tokenizer.size,
    hidden_size: 32,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    intermediate_size: 64,
    max_position_embeddings: 16,
    hidden_dropout_prob: 0,
    attention_probs_dropout_prob: 0,
    initializer_range: 0.1,
  });
  const model = new RetroMae(config, new Random(1));
  const optimizer = new AdamW(model, { lr: 3e-3, clip: 1 });
  // Sentences that are one word many times: what a row predicts is in the vector, and hardly in the tenth that it sees.
  const corpus = Array.from({ length: 16 }, (_, i) => new Array<number>(8).fill(5 + i));
  const collator = new Collator({ tokenizer, maxLength: 16, decoderMask: 0.9 });
  const batchAt = (step: number) => collator.collate(corpus, (i) => new Random(2, step, i));
  let first = 0;
  let last = 0;
  for (let step = 0; step < 60; step++) {
    last = (await optimizer.step(() => model.losses(batchAt(step)))).decoder;
    first ||= last;
  }
  t.ok(last < first / 2, `the decoder's loss fell from ${first.toFixed(2)} to ${last.toFixed(2)}`);
  const batch = batchAt(1000);
  const sequences = new Sequences(batch.offsets);
  const decoderLoss = (change: (own: Tensor) => Tensor) =>
    noGrad(() =>
      scope(() => {
        const h = change(model.encode(new Ids(batch.encoderIds), sequences));
        const { states, labels } = decodeEnhanced(model, model.c_head!, batch, { h, sequences }, { query: 'A' });
        return predict(model, states, labels).loss;
      }),
    ).item();
  const own = await decoderLoss((h) => h);
  const none = await decoderLoss((h) => h.mul(0));
  const others = await decoderLoss((h) => h.gather(Int32Array.from({ length: 16 }, (_, b) => (b + 1) % 16)));
  t.ok(Math.abs(own - (await lossesOf(model, batch)).decoder) < 1e-5, 'the vector is what encode() gives');
  t.ok(none > own + 0.5, `without a vector ${none.toFixed(2)}, with it ${own.toFixed(2)}`);
  t.ok(others > own + 0.5, `with another sentence's ${others.toFixed(2)}`);
  await backend.close();
});
