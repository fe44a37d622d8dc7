// DupMAE's representation: PyTorch's vectors (its gradients: test/golden), and what is kept of a passage.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Ids, Random, Sequences, setBackend, tensor } from '../../core/index.js';
import { openBackend, ReferenceBackend, type Backend } from '../../kernels/index.js';
import { BertForMaskedLM, bertConfig, configFromHuggingFace, loadWeights, parameters } from '../../nn/index.js';
import { Representation, SafetensorsFile, wordActivations } from '../../nn/index.js';

const float64 = new ReferenceBackend('float64');
setBackend(float64);

const golden = join('..', 'shared', 'golden', 'objectives');

type Padded = Readonly<Record<`${'query' | 'passage'}_${'input_ids' | 'attention_mask'}`, number[][]>>;
const json = (...path: string[]): unknown => JSON.parse(readFileSync(join(...path), 'utf8'));
const tensors = (...path: string[]) => new SafetensorsFile(readFileSync(join(...path)), join(...path));

/** Padded texts without their padding. */
function packed(ids: number[][], mask: number[][]): [Ids, Sequences] {
  const texts = ids.map((row, b) => row.filter((_, i) => mask[b][i] === 1));
  return [new Ids(texts.flat()), Sequences.ofLengths(texts.map((text) => text.length))];
}

/** A case of the golden numbers: what it wants, and what we make of it. */
function read(name: string, activation: (typeof wordActivations)[number]) {
  const folder = join(golden, name, 'dupmae_representation');
  const { objective, ...shape } = json(folder, 'config.json') as { objective: { k: number; group: number } };
  const config = configFromHuggingFace(shape, folder);
  const inputs = json(folder, 'inputs.json') as Padded;
  const cls_projection = new Representation(config, new Random(1), { k: objective.k, activation });
  const { bert, cls } = new BertForMaskedLM(config, new Random(1));
  const model = { config, bert, cls, cls_projection };
  loadWeights({ bert, cls, cls_projection }, tensors(golden, name, 'weights.safetensors'));
  const queries = () => cls_projection.vectors(model, ...packed(inputs.query_input_ids, inputs.query_attention_mask));
  const passages = () =>
    cls_projection.vectors(model, ...packed(inputs.passage_input_ids, inputs.passage_attention_mask));
  const scores = () => queries().matmul(cls_projection.kept(passages()).transpose());
  return {
    cls_projection,
    expected: tensors(folder, 'expected.safetensors'),
    queries,
    passages,
    scores,
  };
}

/** Largest difference, relative to the largest number. */
const off = (ours: ArrayLike<number>, theirs: ArrayLike<number>): number => {
  const size = Array.from(theirs).reduce((top, x) => Math.max(top, Math.abs(x)), 1e-9);
  return Math.max(...Array.from(theirs, (x, i) => Math.abs(x - ours[i]))) / size;
};

const openers: [string, () => Promise<Backend>, number][] = [
  ['float64', () => openBackend('reference', { dtype: 'float64' }), 1e-6],
  ['wasm', () => openBackend('wasm', { threads: 1 }), 1e-4],
];

for (const [backend, open, limit] of openers)
  for (const name of ['tiny', 'odd'])
    for (const activation of wordActivations)
      void t.test(`golden ${name}, ${activation}, ${backend}`, async (t) => {
        if (!existsSync(golden)) return void t.plan(0, `there is no ${golden}`);
        const opened = await open();
        setBackend(opened);
        t.teardown(async () => {
          setBackend(float64);
          await opened.close();
        });
        const { cls_projection, expected, queries, passages, scores } = read(name, activation);
        const { dense, width, k } = cls_projection;
        const theirs = (what: string) => expected.float32(`${activation}.${what}`).data;
        const near = async (ours: ArrayLike<number>, what: string) =>
          void t.ok(off(ours, theirs(what)) < limit, `${what}: ${off(ours, theirs(what))}`);
        await near(await queries().slice(1, 0, dense).read(), 'q_cls');
        await near(await queries().slice(1, dense, width).read(), 'q_words');
        await near(await passages().slice(1, 0, dense).read(), 'p_cls');
        await near(await passages().slice(1, dense, width).read(), 'p_words');
        await near(await scores().read(), 'scores');
        const top = cls_projection.top(passages());
        const [ids, values] = [await top.ids.read(), await top.values.read()];
        const rising = Array.from({ length: ids.length / k }, (_, row) =>
          Array.from({ length: k }, (_, i) => [ids[row * k + i], values[row * k + i]]).sort(([a], [b]) => a - b),
        ).flat();
        t.same(
          rising.map(([id]) => id),
          Array.from(theirs('top_indices')),
        );
        await near(
          rising.map(([, value]) => value),
          'top_values',
        );
      });

const small = bertConfig({
  vocab_size: 7,
  hidden_size: 5,
  num_hidden_layers: 1,
  num_attention_heads: 1,
  intermediate_size: 6,
  max_position_embeddings: 8,
});

void t.test(
  'of a passage the k greatest words stay, of equal ones the first, and all of its dense numbers',
  async (t) => {
    const own = new Representation(small, new Random(1), { k: 3, activation: 'raw' });
    t.same([own.dense, own.width], [2, 9]);
    t.same([...parameters({ cls_projection: own }).keys()], ['cls_projection.weight']);
    const vectors = tensor([[-9, 8, 0.5, 3, 0.5, -1, 0.5, 2, 0]]);
    t.same(Array.from(await own.kept(vectors).read()), [-9, 8, 0.5, 3, 0, 0, 0, 2, 0]);
  },
);

void t.test('k is at most the words that there are', async (t) => {
  const made = (k: number) => () => new Representation(small, new Random(1), { k, activation: 'raw' });
  for (const k of [0, 8, 1.5, NaN])
    t.throws(made(k), new RegExp(`representation: k is ${k}; it must be a whole number from 1 to 7, the words`));
  t.doesNotThrow(made(7));
});
