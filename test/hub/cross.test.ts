// Cross-encoders in folders: the scores of transformers and sentence-transformers, long pairs cut as they cut them; what is refused.
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { Random, setBackend } from '../../core/index.js';
import { packPairs } from '../../data/index.js';
import { crossFrom, isCross, loadCross, saveCross, saveModel, type LoadedCross } from '../../hub/index.js';
import { openBackend } from '../../kernels/index.js';
import { CrossEncoder, SafetensorsFile, writeSafetensors } from '../../nn/index.js';
import { CrossScorer, reranked } from '../../retrieval/index.js';
import { config, newModel, tokenizer } from '../retromae/tiny.js';

const backend = await openBackend('wasm', { threads: 1 });
setBackend(backend);
t.teardown(() => backend.close());
const place = join(process.cwd(), 'test', 'hub', 'cross-folders');
const dir = t.testdir({});
const folder = join(dir, 'model');

void t.test('the scores of transformers', async (t) => {
  const expected = JSON.parse(readFileSync(join(place, 'tiny.expected.json'), 'utf8')) as {
    pairs: [string, string][];
    scores: number[];
  };
  t.ok(await isCross(join(place, 'tiny')));
  const { model, tokenizer, maxLength } = await loadCross(join(place, 'tiny'));
  t.equal(maxLength, 13);
  const scorer = new CrossScorer(model, tokenizer, { maxLength });
  for (const [i, [query, passage]] of expected.pairs.entries()) {
    const [score] = await scorer.scores(query, [passage]);
    t.ok(Math.abs(score - expected.scores[i]) < 1e-5, `${query} | ${passage}: ${score} ${expected.scores[i]}`);
  }
  const texts = expected.pairs.map(([, passage]) => passage);
  const together = await scorer.scores('heat', texts);
  const small = await new CrossScorer(model, tokenizer, { maxLength, tokensPerBatch: 14 }).scores('heat', texts);
  t.ok(
    together.every((score, i) => Math.abs(score - small[i]) < 1e-6),
    'whatever shares a batch',
  );
});

void t.test('pairs lose tokens at the end of the longer text', async (t) => {
  const marks = { cls: 101, sep: 102 };
  const packed = packPairs(
    [
      [[1, 2, 3, 4, 5], [6]],
      [
        [1, 2, 3],
        [6, 7, 8, 9],
      ],
      [[], [5]],
    ],
    marks,
    8,
  );
  const rows = Array.from({ length: 3 }, (_, i) => [...packed.ids.subarray(packed.offsets[i], packed.offsets[i + 1])]);
  t.same(rows, [
    [101, 1, 2, 3, 4, 102, 6, 102],
    [101, 1, 2, 102, 6, 7, 8, 102],
    [101, 102, 5, 102],
  ]);
  t.same([...packed.types.subarray(0, 8)], [0, 0, 0, 0, 0, 0, 1, 1]);
  t.throws(() => packPairs([], marks, 4), /maxLength is 4, expected a whole number of at least 5/);
  fc.assert(
    fc.property(fc.nat(30), fc.nat(30), fc.integer({ min: 5, max: 40 }), (a, b, length) => {
      const { ids, types } = packPairs([[new Int32Array(a).fill(1), new Int32Array(b).fill(2)]], marks, length);
      const [first, second] = [ids.filter((id) => id === 1).length, ids.filter((id) => id === 2).length];
      const whole = a + b + 3 <= length;
      const room = length - 3;
      // Nothing is lost for nothing, and no text loses more than leaves it as long as the other.
      const fair = whole
        ? first === a && second === b
        : first + second === room && Math.min(first, second) >= Math.min(a, b, Math.floor(room / 2));
      return fair && ids.length === first + second + 3 && types.filter((type) => type === 1).length === second + 1;
    }),
  );
});

void t.test('as many tokens stay of each text as transformers leaves', async (t) => {
  // Rooms of odd sizes, and texts on either side of the longest pair, which tokenizers cut first.
  const rows = JSON.parse(readFileSync(join(place, 'longest-first.json'), 'utf8')) as number[][];
  t.equal(rows.length, 4 * 15 * 15);
  const wrong = rows.filter(([length, a, b, first, second]) => {
    const pair = [new Int32Array(a).fill(1), new Int32Array(b).fill(2)] as const;
    const { ids } = packPairs([pair], { cls: 101, sep: 102 }, length);
    return ids.filter((id) => id === 1).length !== first || ids.filter((id) => id === 2).length !== second;
  });
  t.same(wrong, []);
});

void t.test('a folder in shards, and an encoder in a folder of its own', async (t) => {
  const file = new SafetensorsFile(readFileSync(join(place, 'tiny', 'model.safetensors')), 'tiny');
  const names = [...file.tensors.keys()];
  const shards = join(dir, 'shards');
  cpSync(join(place, 'tiny'), shards, { recursive: true });
  rmSync(join(shards, 'model.safetensors'));
  const map: Record<string, string> = {};
  for (const part of [0, 1]) {
    const own = names.filter((_, i) => i % 2 === part);
    own.forEach((name) => (map[name] = `${part}.safetensors`));
    const chunks = writeSafetensors(own.map((name) => [name, file.float32(name)]));
    writeFileSync(join(shards, `${part}.safetensors`), Buffer.concat([...chunks]));
  }
  writeFileSync(join(shards, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }));
  const score = ({ model, tokenizer }: LoadedCross) => new CrossScorer(model, tokenizer).scores('heat', ['the wing']);
  t.same(await score(await loadCross(shards)), await score(await loadCross(join(place, 'tiny'))));
  const modules = join(dir, 'modules');
  cpSync(shards, join(modules, '0_Transformer'), { recursive: true });
  const type = 'sentence_transformers.models.Transformer';
  writeFileSync(join(modules, 'modules.json'), JSON.stringify([{ idx: 0, name: '0', path: '0_Transformer', type }]));
  const begun = await crossFrom(modules, new Random(9), { dropout: 0, recompute: false });
  t.same(await begun.bert.pooler.dense.weight.read(), file.float32('bert.pooler.dense.weight').data);
});

void t.test('what scores are put through before they are shown', async (t) => {
  const asking = async (change: object) => {
    const own = join(dir, 'asking');
    cpSync(join(place, 'tiny'), own, { recursive: true });
    const json = JSON.parse(readFileSync(join(place, 'tiny', 'config.json'), 'utf8')) as object;
    writeFileSync(join(own, 'config.json'), JSON.stringify({ ...json, ...change }));
    return (await loadCross(own)).activation;
  };
  const [identity, sigmoid] = ['linear.Identity', 'activation.Sigmoid'].map((name) => `torch.nn.modules.${name}`);
  const older = (name: unknown) => ({ sbert_ce_default_activation_function: name });
  const newer = (name: unknown) => ({ sentence_transformers: { activation_fn: name, version: '5.1.0' } });
  const cases: [object, number][] = [
    [{}, 2],
    [older(null), 2],
    [older(identity), 2],
    [newer(identity), 2],
    [{ sentence_transformers: { version: '4.0.0' } }, 2],
    [older(sigmoid), 0.8807970779778823],
    [newer('torch.nn.Sigmoid'), 0.8807970779778823],
    [{ ...older(sigmoid), ...newer(identity) }, 2],
  ];
  for (const [change, wanted] of cases)
    t.ok(Math.abs((await asking(change))(2) - wanted) < 1e-12, JSON.stringify(change));
  t.equal((await asking(older(sigmoid)))(-1000), 0, 'however far');
  await t.rejects(
    asking(older('torch.nn.modules.activation.Tanh')),
    /config\.json: sbert_ce_default_activation_function is "torch\.nn\.modules\.activation\.Tanh", expected torch\.nn\.modules\.linear\.Identity or/,
  );
  await t.rejects(asking(newer('mine.Sigmoid')), /sentence_transformers\.activation_fn is "mine\.Sigmoid", expected/);
  await t.rejects(asking(newer(3)), /sentence_transformers\.activation_fn is 3, expected a text/);
  await t.rejects(asking({ sentence_transformers: 'no' }), /sentence_transformers is "no", expected an object/);
});

void t.test('what was written is what is read, and training begins with an encoder', async (t) => {
  const model = new CrossEncoder(config, new Random(3));
  await saveCross(folder, model, tokenizer, { maxLength: 12 });
  const loaded = await loadCross(folder);
  const scores = (each: CrossEncoder) => new CrossScorer(each, tokenizer).scores('a b', ['c', 'd e f']);
  t.same(await scores(loaded.model), await scores(model));
  t.equal(loaded.maxLength, 12);
  const encoder = newModel(4);
  await saveModel(join(dir, 'encoder'), encoder, tokenizer, { maxLength: 12 });
  const begun = await crossFrom(join(dir, 'encoder'), new Random(9), { dropout: 0, recompute: false });
  const [ours, theirs] = [begun, encoder].map(({ bert }) => bert.encoder.layer[1].output.dense.weight.read());
  t.same(await ours, await theirs);
  t.notOk(await isCross(join(dir, 'encoder')));
  await t.rejects(loadCross(join(dir, 'encoder')), /architectures is .*, expected \["BertForSequenceClassification"\]/);
  t.notOk(await isCross(dir));
  const copy = join(dir, 'copy');
  const edited = (change: object) => {
    rmSync(copy, { recursive: true, force: true });
    cpSync(folder, copy, { recursive: true });
    const json = JSON.parse(readFileSync(join(copy, 'config.json'), 'utf8')) as object;
    writeFileSync(join(copy, 'config.json'), JSON.stringify({ ...json, ...change }));
    return loadCross(copy);
  };
  await t.rejects(edited({ id2label: { 0: 'a', 1: 'b' } }), /id2label has 2 labels, expected one, a score/);
  await t.rejects(edited({ id2label: undefined }), /id2label has 2 labels/);
  await t.rejects(edited({ num_labels: 3 }), /num_labels says 3 labels/);
  t.equal((await edited({ id2label: undefined, num_labels: 1 })).maxLength, 12);
  await t.rejects(edited({ vocab_size: 4 }), /the tokenizer has \d+ tokens, but vocab_size in config\.json is 4/);
  await t.rejects(edited({ hidden_size: 16 }), /copy|wants/);
  t.throws(() => new CrossEncoder({ ...config, type_vocab_size: 1 }, new Random(1)), /two token types/);
});

void t.test('the best hits in a new order, the others below them', async (t) => {
  const hits = ['a', 'b', 'c', 'd'].map((id, i) => ({ id, score: 9 - i }));
  const ids = (scores: number[]) => reranked(hits, scores).map(({ id }) => id);
  t.same(ids([1, 3, 2]), ['b', 'c', 'a', 'd']);
  t.same(ids([]), ['a', 'b', 'c', 'd']);
  const kept = reranked(hits, [1, 3, 2], 0.6).map(({ id, score }) => [id, Math.round(100 * score) / 100]);
  t.same(kept, [['b', 0.7], ['a', 0.6], ['c', 0.2], ['d', -0.8]], 'both from 0 to 1 among those that are reranked'); // prettier-ignore
  t.same(ids([1, 3, 2]), reranked(hits, [1, 3, 2], 0).map(({ id }) => id)); // prettier-ignore
  t.throws(() => reranked(hits, [1, 3, 2], 2), /weight = 2/);
  const all = reranked(hits, [-5, 7]);
  t.ok(all.every(({ score }, i) => i === 0 || score < all[i - 1].score));
});
