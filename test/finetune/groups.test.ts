// Batches of groups: how they are laid out, which passages are no negatives, and losses in chunks as those of the whole.
import t from 'tap';
import { backward, Ids, Random, scope, Sequences, setBackend, tensor } from '../../core/index.js';
import {
  betweenTexts,
  biEncoderLosses,
  clustersOf,
  GroupCollator,
  type BiEncoderOptions,
  type Group,
  type GroupBatch,
} from '../../finetune/index.js';
import { ReferenceBackend } from '../../kernels/index.js';
import {
  AdamW,
  BertForMaskedLM,
  parameters,
  pooledBert,
  StaticModel,
  step as takeStep,
  type TextModel,
} from '../../nn/index.js';
import { config, tokenizer } from '../retromae/tiny.js';

setBackend(new ReferenceBackend('float64'));

const words = (...texts: string[]) => texts.map((text) => tokenizer.encode(text));
/** Queries with two passages each; passage 1 is the positive of both the first and the third query. */
const groups: Group[] = [
  { query: words('a b')[0], passages: words('a b c', 'd e'), keys: [1, 2], isKnown: (key) => key === 1 },
  { query: words('d')[0], passages: words('d e f g', 'a'), keys: [3, 4], isKnown: (key) => key === 3 || key === 4 },
  { query: words('c b a')[0], passages: words('a b c', 'k l'), keys: [1, 5], isKnown: (key) => key === 1 },
];
const rules = { tokenizer, queryLength: 4, passageLength: 5 };
const batch = new GroupCollator<Group>(rules, (group) => group).collate(groups, () => new Random(1));

void t.test('texts side by side, cut to their lengths; false negatives by their places', async (t) => {
  t.same([...batch.group], [2]);
  const texts = Array.from({ length: 9 }, (_, b) => [...batch.ids.subarray(batch.offsets[b], batch.offsets[b + 1])]);
  const laid = (text: string, most: number) => [tokenizer.cls, ...tokenizer.encode(text).slice(0, most), tokenizer.sep];
  t.same(texts.slice(0, 3), [laid('a b', 2), laid('a b c', 3), laid('d e', 3)]);
  t.same(texts[4], laid('d e f g', 3));
  t.same(texts[6], laid('c b a', 2));
  const pairs = Array.from({ length: batch.ignored.length / 2 }, (_, i) => [
    ...batch.ignored.subarray(2 * i, 2 * i + 2),
  ]);
  t.same(
    pairs.sort(([a, b], [c, d]) => a - c || b - d),
    [
      [0, 4],
      [1, 3],
      [2, 0],
    ],
    'of query 0 the positive of query 2, of query 1 its own second passage, of query 2 the positive of query 0',
  );
});

/** The loss, written with loops: cosine / 0.1, both ways. */
function naive(h: number[][], temperature: number): number {
  const dot = (a: number[], b: number[]) => a.reduce((sum, x, i) => sum + x * b[i], 0);
  const cosine = (a: number[], b: number[]) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  const [queries, passages] = [[0, 3, 6].map((i) => h[i]), [1, 2, 4, 5, 7, 8].map((i) => h[i])];
  const out = [[4], [3], [0]];
  const nll = (scores: number[], target: number) => {
    const top = Math.max(...scores);
    return top + Math.log(scores.reduce((sum, s) => sum + Math.exp(s - top), 0)) - scores[target];
  };
  const there = queries.map((q, i) => {
    const open = [0, 1, 2, 3, 4, 5].filter((j) => !out[i].includes(j));
    return nll(
      open.map((j) => cosine(q, passages[j]) / temperature),
      open.indexOf(2 * i),
    );
  });
  const back = queries.map((_, j) => {
    const open = [0, 1, 2].filter((i) => !out[i].includes(2 * j));
    return nll(
      open.map((i) => cosine(queries[i], passages[2 * j]) / temperature),
      open.indexOf(j),
    );
  });
  return [...there, ...back].reduce((sum, x) => sum + x, 0) / 6;
}

void t.test('the loss of a batch is that of loops', async (t) => {
  const random = new Random(5);
  const h = Array.from({ length: 9 }, () => Array.from({ length: 4 }, () => random.normal()));
  const how = { similarity: 'cosine', temperature: 0.1, symmetric: true } as const;
  const { loss, retrieved } = betweenTexts(tensor(h), batch, how);
  t.ok(Math.abs((await loss.item()) - naive(h, 0.1)) < 1e-12);
  const found = await retrieved.item();
  t.ok(found >= 0 && found <= 1, String(found));
});

void t.test('passages above the positive by a margin are no negatives', async (t) => {
  // One query; its positive scores 0, a passage 0.5, another 2.
  const h = tensor([
    [1, 0],
    [0, 1],
    [0.5, 0],
    [2, 0],
  ]);
  const one: GroupBatch = { ...batch, group: Int32Array.of(3), ignored: new Int32Array() };
  const loss = (margin?: number) => betweenTexts(h, one, { similarity: 'dot', temperature: 1, margin }).loss.item();
  const nll = (...others: number[]) => Math.log([0, ...others].reduce((sum, s) => sum + Math.exp(s), 0));
  const close = async (found: Promise<number>, wanted: number) => t.ok(Math.abs((await found) - wanted) < 1e-9);
  await close(loss(), nll(0.5, 2));
  await close(loss(1), nll(0.5));
  await close(loss(0), nll());
  await close(loss(2), nll(0.5, 2));
});

const gradientsOf = async (model: object, work: () => ReturnType<typeof biEncoderLosses>) => {
  const optimizer = new AdamW(model, { lr: 0 });
  const found: Record<string, number[]> = {};
  const { loss } = await takeStep(optimizer, [work()], {
    reduce: (all) => {
      const reads = [...all].map(async ([name, parameter]) => {
        const { grad } = parameter;
        if (grad) found[name] = Array.from(await grad.read());
      });
      return Promise.all(reads).then(() => undefined);
    },
  });
  return { loss, found };
};

const models: Record<string, () => { model: object; text: TextModel }> = {
  static: () => {
    const model = new StaticModel({ words: tokenizer.size, dim: 6, unk: tokenizer.unk }, new Random(2));
    return { model, text: model };
  },
  'BERT, mean by word': () => {
    const model = new BertForMaskedLM({ ...config, initializer_range: 0.3 }, new Random(2));
    const weights = Float64Array.from({ length: config.vocab_size }, (_, id) => 0.5 + (id % 7) / 7);
    Object.assign(model, { word_weights: tensor(weights, [config.vocab_size, 1], { requiresGrad: true }) });
    return { model, text: pooledBert(model, 'mean') };
  },
};

for (const [name, make] of Object.entries(models))
  void t.test(`${name}: chunks of any size have the gradients of the whole batch`, async (t) => {
    const { model, text } = make();
    const options: BiEncoderOptions = {
      similarity: 'cosine',
      temperature: 0.2,
      symmetric: true,
      dims: [
        { dim: 6, weight: 1 },
        { dim: 3, weight: 0.5 },
      ],
    };
    const whole = await gradientsOf(model, () => biEncoderLosses(text, batch, options, 0));
    t.ok(Object.keys(whole.found).length > 0);
    if (name !== 'static')
      t.ok(
        whole.found.word_weights.some((value) => value !== 0),
        'the weights of words learn',
      );
    for (const chunk of [1, 2, 4, 9]) {
      const parts = await gradientsOf(model, () => biEncoderLosses(text, batch, options, chunk));
      t.ok(Math.abs(parts.loss - whole.loss) < 1e-12);
      t.same(Object.keys(parts.found), Object.keys(whole.found));
      for (const [parameter, wanted] of Object.entries(whole.found)) {
        const scale = Math.max(...wanted.map(Math.abs), 1e-6);
        const off = Math.max(...wanted.map((value, i) => Math.abs(value - parts.found[parameter][i])));
        t.ok(off <= 1e-9 * Math.max(1, scale), `${parameter} in chunks of ${chunk}: ${off}`);
      }
    }
  });

void t.test('a teacher: what is missing is told, and a student that scores as it does loses nothing', async (t) => {
  const h = tensor(Array.from({ length: 9 }, (_, i) => [Math.sin(i), Math.cos(2 * i), i / 9]));
  const distill = { loss: 'kl', temperature: 1, contrastWeight: 0 } as const;
  const options: BiEncoderOptions = { similarity: 'dot', temperature: 1, distill };
  t.throws(() => betweenTexts(h, batch, options), /the batch has no scores of a teacher/);
  const rows = (await h.read()) as Float64Array;
  const row = (i: number) => rows.subarray(3 * i, 3 * i + 3);
  const teacher = Float32Array.from([1, 2, 4, 5, 7, 8], (p) =>
    row(p).reduce((sum, x, i) => sum + x * row(p - (p % 3))[i], 0),
  );
  const losses = betweenTexts(h, { ...batch, teacher }, options);
  t.ok((await losses.loss.item()) < 1e-9, 'kl');
  const off = betweenTexts(
    h,
    { ...batch, teacher: teacher.map((x, i) => x + (i % 2)) },
    { ...options, distill: { ...distill, loss: 'margin-mse' } },
  );
  t.ok(Math.abs((await off.loss.item()) - 1) < 1e-6, 'margins that are off by 1');
});

void t.test('a static encoder is the mean of words; [UNK] stays as it is', async (t) => {
  const model = new StaticModel({ words: 9, dim: 2, unk: 1 }, new Random(1));
  const rows = (await model.embedding.weight.read()) as Float64Array;
  const row = (id: number) => [rows[2 * id], rows[2 * id + 1]];
  const ids = new Ids([7, 5, 6, 5, 8, 7, 8, 7, 1, 6, 8]);
  const sequences = Sequences.ofLengths([5, 2, 4]);
  const y = model.encode(ids, sequences);
  const mean = (...all: number[]) => [0, 1].map((i) => all.reduce((sum, id) => sum + row(id)[i], 0) / all.length);
  const close = (found: ArrayLike<number>, wanted: number[]) =>
    t.ok(
      wanted.every((value, i) => Math.abs(value - found[i]) < 1e-12),
      `${Array.from(found).join()} ${wanted.join()}`,
    );
  close(await y.read(), [...mean(5, 6, 5), 0, 0, ...mean(1, 6)]);
  close(await model.encode(ids, sequences, { skip: 2 }).read(), [...mean(6, 5), 0, 0, ...mean(6)]);
  scope(() => backward(y.mul(y).sum()));
  const gradient = await [...parameters(model).values()][0].grad!.read();
  t.same([gradient[2], gradient[3]], [0, 0], '[UNK]');
  t.ok(gradient[10] !== 0);
});

void t.test('documents that say nearly the same are one cluster, by the first of them', async (t) => {
  const random = new Random(4);
  const text = (length: number) => Array.from({ length }, () => random.below(5000));
  const first = text(200);
  const near = first.map((id, i) => (i === 50 || i === 150 ? 4999 - id : id));
  const half = [...first.slice(0, 100), ...text(100)];
  const documents = [text(200), first, text(30), near, half, [], [7], first.slice(), text(200), [7]];
  t.same([...clustersOf(documents)], [0, 1, 2, 1, 4, 5, 6, 1, 8, 6]);
});
