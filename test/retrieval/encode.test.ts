// Encoders: a vector is a function of its text alone, texts are taken window by window, and evaluation takes any encoder.
import t from 'tap';
import { Random, setBackend } from '../../core/index.js';
import type { RetrievalSet } from '../../data/index.js';
import { ReferenceBackend } from '../../kernels/index.js';
import { BertForMaskedLM, bertConfig } from '../../nn/index.js';
import { BertEncoder, encodeTexts, evaluateBm25, evaluateEncoder, evaluateModel } from '../../retrieval/index.js';
import { evaluateRun, type Encoder, type EncoderOptions } from '../../retrieval/index.js';
import { testBackends } from '../support/backends.js';

const WINDOW = 4096;
const letters = { cls: 1, sep: 2, encode: (text: string) => Array.from(text, (letter) => letter.charCodeAt(0) - 90) };
const encoderOf = (options: EncoderOptions = {}, tokenizer = letters) =>
  new BertEncoder(newModel(), tokenizer, options);

const newModel = (): BertForMaskedLM => {
  const dimensions = { hidden_size: 24, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 40 };
  const config = bertConfig({ vocab_size: 40, max_position_embeddings: 32, initializer_range: 0.3, ...dimensions });
  return new BertForMaskedLM(config, new Random(5));
};

const textOf = (i: number, longest: number): string =>
  Array.from({ length: (i * 7) % longest }, (_, j) => String.fromCharCode(97 + ((i * 3 + j * j) % 26))).join('');

const bits = (vectors: Float32Array): string => Buffer.from(vectors.slice().buffer).toString('hex');

for (const { name, open } of testBackends()) {
  void t.test(`${name}: a vector in company has the bits that it has alone`, async (t) => {
    const backend = await open();
    if (typeof backend === 'string') return void t.plan(0, backend);
    const former = setBackend(backend);
    t.teardown(async () => {
      setBackend(former);
      await backend.close();
    });
    const texts = Array.from({ length: 23 }, (_, i) => textOf(i, 40));
    for (const pooling of ['cls', 'mean', 'max', 'lasttoken', ['weightedmean', 'cls']] as const) {
      const encoder = encoderOf({ pooling });
      const together = await encoder.encode(texts, { tokensPerBatch: 90 });
      const { dim } = encoder;
      t.same([dim, together.length], [typeof pooling === 'string' ? 24 : 48, 23 * dim]);
      for (const i of [0, 1, 5, 16, 22])
        t.equal(
          bits(await encoder.encode([texts[i]])),
          bits(together.subarray(i * dim, (i + 1) * dim)),
          `${pooling.toString()}, text ${i}`,
        );
    }
  });
}

void t.test('the options', async (t) => {
  setBackend(new ReferenceBackend());
  const [text, cut] = ['abcdefgh', 'abc'];
  t.same([encoderOf().maxLength, encoderOf({ maxLength: 99 }).maxLength, encoderOf().dim], [32, 32, 24]);
  const short = encoderOf({ maxLength: 5 });
  t.equal(bits(await short.encode([text])), bits(await short.encode([cut])), 'longer texts lose their end');
  t.notSame(await encoderOf().encode([text]), await encoderOf().encode([cut]));
  const raw = await encoderOf({ steps: [] }).encode([text]);
  const length = Math.hypot(...raw);
  t.ok(Math.abs(length - 1) > 0.1, `length ${length}`);
  const unit = await encoderOf().encode([text]);
  t.ok(unit.every((value, i) => Math.abs(value - raw[i] / length) < 1e-6));
  t.equal((await encoderOf().encode([])).length, 0);
  t.same(await encoderOf({ pooling: 'cls' }).encode([text]), unit, 'as if not given');
  t.notSame(await encoderOf({ pooling: 'mean' }).encode([text]), unit);
  const prompted = encoderOf({ prompts: { query: 'xyz' } });
  t.same(await prompted.encode([text]), unit, 'documents have no prompt');
  t.same(await prompted.encode([text], { role: 'query' }), await encoderOf().encode([`xyz${text}`]));
  const unpooled = encoderOf({ prompts: { query: 'xyz' }, includePrompt: false, pooling: 'mean' });
  t.notSame(
    await unpooled.encode([text], { role: 'query' }),
    await encoderOf({ pooling: 'mean' }).encode([`xyz${text}`]),
  );
  const halved = encoderOf({ steps: [(x) => x.slice(0, 12).map((value) => value / 2)] });
  t.same([halved.dim, ...(await halved.encode([text]))], [12, ...raw.slice(0, 12).map((value) => value / 2)]);
  t.throws(() => encoderOf({ pooling: 'first' as 'cls' }), /pooling is "first"; it must be one of cls, max/);
  const dropping = encoderOf({ random: new Random(3) });
  const [first, second] = [await dropping.encode([text]), await dropping.encode([text])];
  t.notSame(first, second, 'dropout draws anew');
  t.same(await encoderOf({ random: new Random(3) }).encode([text]), first, 'from the generator alone');
  t.same(await encodeTexts(newModel(), letters, [text], { maxLength: 5 }), await short.encode([cut]));
  await t.rejects(encoderOf({ maxLength: 2 }).encode([text]), /maxLength is 2, expected a whole number of at least 3/);
});

void t.test('batches: texts of like length, as many as fit, one at least', async (t) => {
  setBackend(new ReferenceBackend());
  const progress: [number, number][] = [];
  const onProgress = (texts: number, tokens: number) => void progress.push([texts, tokens]);
  await encoderOf().encode(['abcdefghij', 'ab', 'abc', '', 'abcdef'], { tokensPerBatch: 10, onProgress });
  t.same(progress, [
    [2, 6],
    [3, 11],
    [4, 19],
    [5, 31],
  ]);
});

void t.test('texts are tokenised a window ahead, and keep their places beyond it', async (t) => {
  setBackend(new ReferenceBackend());
  let tokenised = 0;
  let done = 0;
  let ahead = 0;
  const counting = {
    ...letters,
    encode: (text: string) => {
      ahead = Math.max(ahead, ++tokenised - done);
      return letters.encode(text);
    },
  };
  const texts = Array.from({ length: WINDOW + 9 }, (_, i) => textOf(i, 3));
  const vectors = await encoderOf({}, counting).encode(texts, { onProgress: (count) => (done = count) });
  t.same([tokenised, done, ahead], [texts.length, texts.length, WINDOW]);
  for (const i of [3, WINDOW - 1, WINDOW, WINDOW + 8])
    t.equal(bits(await encoderOf().encode([texts[i]])), bits(vectors.subarray(i * 24, (i + 1) * 24)), `text ${i}`);
});

const set: RetrievalSet = {
  name: 'letters',
  corpus: [
    { id: 'a', text: 'aaa bbb' },
    { id: 'b', title: 'ccc', text: 'bbb' },
    { id: 'c', text: 'ddd' },
  ],
  queries: [
    { id: 'q', text: 'ccc' },
    { id: 'r', text: 'bbb' },
  ],
  qrels: new Map([
    ['q', new Map([['b', 1]])],
    ['r', new Map([['c', 1]])],
  ]),
  warnings: [],
};

/** How often a, b, c and d occur: three members are all that an encoder needs. */
const counts: Encoder = {
  dim: 4,
  maxLength: Infinity,
  encode: (texts) =>
    Promise.resolve(Float32Array.from(texts.flatMap((text) => [...'abcd'].map((each) => text.split(each).length - 1)))),
};

void t.test('evaluation takes any encoder, and returns the run that it scored', async (t) => {
  const evaluation = await evaluateEncoder(counts, set);
  t.same(
    [...evaluation.run].map(([query, hits]) => [query, hits.map(({ id, score }) => `${id} ${score}`)]),
    [
      ['q', ['b 9', 'c 0', 'a 0']],
      ['r', ['b 9', 'a 9', 'c 0']],
    ],
    'titles are searched',
  );
  t.equal(evaluation.mean['mrr@10'], (1 + 1 / 3) / 2);
  t.same(evaluateRun(evaluation.run, set.qrels), evaluation);
  const { run } = evaluateBm25(set);
  t.same(
    run.get('q')?.map(({ id }) => id),
    ['b'],
  );
});

void t.test('a model is evaluated as its encoder', async (t) => {
  setBackend(new ReferenceBackend());
  const letter = { ...letters, encode: (text: string) => letters.encode(text.replaceAll(' ', '')) };
  const progress: number[] = [];
  const onProgress = (texts: number) => void progress.push(texts);
  const own = await evaluateModel(newModel(), letter, set, { maxLength: 6, onProgress });
  t.same(own, await evaluateEncoder(encoderOf({ maxLength: 6 }, letter), set));
  t.same(progress, [3], 'of documents, not of queries');
});
