// The model's options and what it refuses; losses without labels; and that only rows are left out that no loss reads.
import t from 'tap';
import {
  backward,
  Ids,
  noGrad,
  Random,
  scope,
  Sequences,
  setBackend,
  HostArray,
  type Tensor,
} from '../../core/index.js';
import { ReferenceBackend } from '../../kernels/reference.js';
import { parameters, AdamW } from '../../nn/index.js';
import { IGNORE, type DecoderBatch } from '../../retromae/batch.js';
import { Collator, type DecoderTargets } from '../../retromae/collator.js';
import { objectiveNamed, RetroMae, type RetroMaeOptions } from '../../retromae/model.js';
import { testBackends } from '../support/backends.js';
import { config, newModel, tokenizer } from './tiny.js';

const float64 = new ReferenceBackend('float64');
setBackend(float64);

const collated = (decoder: DecoderTargets, lengths: number[] = [6, 11, 3]): DecoderBatch =>
  new Collator({ tokenizer, maxLength: 16, decoder }).collate(
    lengths.map((length, i) => Array.from({ length }, (_, j) => 5 + ((11 * i + 7 * j) % 30))),
    (i) => new Random(3, i),
  );

/** Everything the objective wants to know, as numbers. */
async function lossesOf(model: RetroMae, batch: DecoderBatch): Promise<Record<string, number>> {
  const { h, ...losses } = noGrad(() => scope(() => model.losses(batch)));
  const numbers: Record<string, number> = {};
  for (const [name, value] of Object.entries<Tensor>(losses)) numbers[name] = await value.item();
  return numbers;
}

const close = (a: number, b: number) => Math.abs(a - b) < 1e-12;

void t.test("options are the authors' where nothing is said", async (t) => {
  const masks = { encoderMask: 0.3, decoderMask: 0.5 };
  const options = { ...masks, decoder: 'enhanced', decoderLayers: 1, query: 'A' };
  t.same(objectiveNamed('retromae').complete({}), options);
  t.same(objectiveNamed('dupmae').complete({}), { ...masks, query: 'B', bowWeight: 0.1 });
  t.same(newModel(1, { objective: 'dupmae', query: 'A' }).options, { ...masks, query: 'A', bowWeight: 0.1 });
});

void t.test('options that contradict each other are refused', async (t) => {
  const make = (options: Partial<RetroMaeOptions>) => () => newModel(1, options);
  for (const decoderLayers of [0, 4, 1.5, NaN])
    t.throws(
      make({ decoder: 'basic', decoderLayers }),
      /retromae: decoderLayers is .*; it must be an integer of 1 to 3/,
    );
  t.throws(
    make({ decoderLayers: 2 }),
    /decoderLayers is 2; it must be 1, as enhanced decoding has one layer; basic decoding may have more/,
  );
});

void t.test('a decoder has as many layers as asked for, by the name that checkpoints have', async (t) => {
  const layers = (options: Partial<RetroMaeOptions>) => {
    const names = [...parameters(newModel(1, options)).keys()];
    const decoder = names.filter((name) => name.startsWith('c_head'));
    t.equal(decoder.length % 16, 0);
    return [...new Set(decoder.map((name) => /^c_head(_more\.\d)?/.exec(name)![0]))];
  };
  t.same(layers({}), ['c_head']);
  t.same(layers({ objective: 'dupmae' }), ['c_head']);
  t.same(layers({ decoder: 'basic', decoderLayers: 3 }), ['c_head', 'c_head_more.0', 'c_head_more.1']);
  t.same(layers({ objective: 'mlm' }), []);
});

void t.test('the encoder of a seed is the same under every objective', async (t) => {
  const first = await parameters(newModel(1)).get('bert.encoder.layer.1.output.dense.weight')!.read();
  for (const options of [{ objective: 'mlm' }, { objective: 'dupmae' }, { decoder: 'basic' }] as const) {
    const other = parameters(newModel(1, options)).get('bert.encoder.layer.1.output.dense.weight')!;
    t.same(await other.read(), first);
  }
});

void t.test('a batch without what the objective needs', async (t) => {
  const none = collated('none');
  t.throws(() => newModel(1).losses(none), /no enhanced decoder targets. Collate with decoder: "enhanced"/);
  t.throws(
    () => newModel(1, { decoder: 'basic' }).losses(none),
    /no basic decoder targets. Collate with decoder: "basic"/,
  );
  t.same(Object.keys(await lossesOf(newModel(1, { objective: 'mlm' }), none)), ['loss', 'encoder', 'accuracy']);
});

void t.test('the loss is the sum of its parts', async (t) => {
  for (const options of [
    {},
    { decoder: 'basic', decoderLayers: 2 },
    { objective: 'dupmae' },
    { objective: 'dupmae', bowWeight: 3 },
  ] as const) {
    const {
      loss,
      encoder,
      decoder,
      bow = 0,
      accuracy,
      decoderAccuracy,
    } = await lossesOf(newModel(1, options), collated('decoder' in options ? 'basic' : 'enhanced'));
    t.ok(close(loss, encoder + decoder + ('bowWeight' in options ? 3 : 0.1) * bow));
    t.equal(bow > 0, 'objective' in options);
    for (const share of [accuracy, decoderAccuracy]) t.ok(share >= 0 && share <= 1);
  }
});

/** Mean cross-entropy of labelled rows, from hidden states of all rows: nothing left out, nothing fused. */
async function meanLoss(model: RetroMae, hidden: Tensor, labels: Int32Array): Promise<number> {
  const { vocab_size: words } = model.config;
  const logits = await model.cls.logits(hidden, model.bert.embeddings.word_embeddings).read();
  let [sum, count] = [0, 0];
  labels.forEach((label, row) => {
    if (label === IGNORE) return;
    const own = [...logits.subarray(row * words, row * words + words)];
    sum += Math.log(own.reduce((total, x) => total + Math.exp(x), 0)) - own[label];
    count++;
  });
  return sum / count;
}

void t.test('losses of needed rows are those of all rows', async (t) => {
  const batch = collated('enhanced');
  const basic = collated('basic');
  const sequences = new Sequences(batch.offsets);
  const all = { queries: sequences, keys: sequences };
  const firsts = batch.offsets.slice(0, -1);
  for (const query of ['A', 'B'] as const) {
    const model = newModel(1, { query });
    const { embeddings } = model.bert;
    const hidden = model.bert.forward(new Ids(batch.encoderIds), sequences);
    const sentence = hidden.gather(firsts).gather(sequences.ofRow);
    const queries =
      query === 'A'
        ? sentence.add(embeddings.position_embeddings.forward(sequences.positions))
        : embeddings.place(hidden.gather(firsts), sequences.ofRow, sequences.positions);
    const context = (ids: Int32Array) => {
      const first = Float64Array.from(ids, (_, row) => (firsts.includes(row) ? 1 : 0));
      const isFirst = new Ids(Int32Array.from(first, (x, row) => (x ? row : ids.length + row)));
      return hidden.concat(embeddings.forward(new Ids(ids), sequences)).gather(isFirst);
    };
    const labels = batch.decoderLabels!;
    const pass = { ...all, visible: new HostArray(batch.visible!, [labels.length, 1]) };
    const decoded = model.c_head!.forward(queries, context(batch.ids), pass);
    const losses = await lossesOf(model, batch);
    t.ok(close(losses.encoder, await meanLoss(model, hidden, batch.encoderLabels)), 'encoder');
    t.ok(close(losses.decoder, await meanLoss(model, decoded, labels)), `enhanced decoding, query ${query}`);
    const dupmae = await lossesOf(newModel(1, { query, objective: 'dupmae' }), batch);
    t.ok(close(dupmae.encoder, losses.encoder) && close(dupmae.decoder, losses.decoder), 'DupMAE needs all rows');

    const twice = newModel(1, { decoder: 'basic', decoderLayers: 2 });
    const start = context(basic.basicIds!);
    const middle = twice.c_head!.forward(start, start, all);
    const end = twice.c_head_more![0].forward(middle, middle, all);
    const both = await lossesOf(twice, basic);
    t.ok(close(both.decoder, await meanLoss(twice, end, basic.basicLabels!)), 'basic decoding in 2 layers');
  }
});

void t.test('the bag of words counts a word once', async (t) => {
  const model = newModel(1, { objective: 'dupmae' });
  const once = collated('enhanced', [4]);
  const ids = Int32Array.of(once.ids[0], 7, 9, 7, 7, once.ids[5]);
  const { bow } = await lossesOf(model, { ...once, ids });
  const sequences = new Sequences(once.offsets);
  const logits = await noGrad(() =>
    scope(() =>
      model.cls.logits(model.bert.forward(new Ids(once.encoderIds), sequences), model.bert.embeddings.word_embeddings),
    ),
  ).read();
  const words = model.config.vocab_size;
  const top = Array.from({ length: words }, (_, w) =>
    Math.max(...[1, 2, 3, 4, 5].map((row) => logits[row * words + w])),
  );
  const total = Math.log(top.reduce((sum, x) => sum + Math.exp(x), 0));
  t.ok(close(bow, (2 * total - top[7] - top[9]) / 4), 'each word weighs 1 / 4, though one is there three times');
});

/** Batches in which there is nothing to predict. */
const unlabelled = {
  'no masked token': (batch: DecoderBatch) => ({ ...batch, encoderLabels: batch.encoderLabels.map(() => IGNORE) }),
  'no token for the decoder': (batch: DecoderBatch) => ({
    ...batch,
    ...(batch.decoderLabels && { decoderLabels: batch.decoderLabels.map(() => IGNORE) }),
    ...(batch.basicLabels && { basicLabels: batch.basicLabels.map(() => IGNORE) }),
  }),
  'no text between [CLS] and [SEP]': (batch: DecoderBatch) => ({
    ...batch,
    offsets: Int32Array.of(0, 2, 4),
    ids: Int32Array.of(2, 3, 2, 3),
    encoderIds: Int32Array.of(2, 3, 2, 3),
    encoderLabels: new Int32Array(4).fill(IGNORE),
    ...(batch.visible && { visible: Uint16Array.of(2, 1, 2, 1), decoderLabels: new Int32Array(4).fill(IGNORE) }),
    ...(batch.basicIds && { basicIds: Int32Array.of(2, 3, 2, 3), basicLabels: new Int32Array(4).fill(IGNORE) }),
  }),
};

for (const { name, open } of testBackends())
  void t.test(`${name}: batches with nothing to predict can be trained on`, async (t) => {
    const backend = await open();
    if (typeof backend === 'string') return void t.plan(0, backend);
    setBackend(backend);
    t.teardown(() => setBackend(float64));
    for (const options of [
      {},
      { decoder: 'basic', decoderLayers: 2 },
      { objective: 'dupmae' },
      { objective: 'mlm' },
    ] as const) {
      const model = newModel(1, options);
      const optimizer = new AdamW(model, { lr: 1e-3, clip: 1 });
      for (const [what, change] of Object.entries(unlabelled)) {
        const batch = change(collated('decoder' in options ? 'basic' : 'enhanced'));
        const losses = await optimizer.step(() => model.losses(batch, new Random(1)));
        t.ok(Object.values(losses).every(Number.isFinite), `${JSON.stringify(options)}: ${what}`);
      }
      for (const [parameter, x] of parameters(model)) if (!(await x.read()).every(Number.isFinite)) t.fail(parameter);
    }
    await backend.close();
  });

void t.test('all parameters but those of no use get a gradient', async (t) => {
  for (const options of [
    {},
    { decoder: 'basic', decoderLayers: 3 },
    { objective: 'dupmae' },
    { objective: 'mlm' },
  ] as const) {
    const model = new RetroMae(config, new Random(1), options);
    scope(() => backward(model.losses(collated('decoder' in options ? 'basic' : 'enhanced')).loss));
    for (const [name, { grad }] of parameters(model)) {
      const largest = grad ? Math.max(...Array.from(await grad.read(), Math.abs)) : 0;
      // Adding a number to all scores of a row changes no softmax, so key biases have none.
      t.equal(largest > 1e-9, !name.endsWith('key.bias'), `${name}: ${largest}`);
    }
  }
});
