// DupMAE's representation: the golden numbers of PyTorch, and what is kept of a passage.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Ids, Random, Sequences, setBackend, tensor } from '../../core/index.js';
import { openBackend, ReferenceBackend, type Backend } from '../../kernels/index.js';
import { AdamW, BertForMaskedLM, bertConfig, configFromHuggingFace, loadWeights, parameters } from '../../nn/index.js';
import { Representation, SafetensorsFile, wordActivations, type Losses } from '../../nn/index.js';
import { infoNce } from '../../retromae/index.js';
import { gradientsOf } from '../golden/check.js';
import { differences } from '../retromae/proof.js';

const float64 = new ReferenceBackend('float64');
setBackend(float64);

const golden = join('..', 'shared', 'golden', 'objectives');

type Padded = Readonly<Record<`${'query' | 'passage'}_${'input_ids' | 'attention_mask'}`, number[][]>>;
interface Wanted {
  readonly contrastive: number;
  readonly adamw_loss_per_step: readonly number[];
  readonly adamw_loss_after: number;
}

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
  const wanted = (json(folder, 'losses.json') as Record<string, Wanted>)[activation];
  const cls_projection = new Representation(config, new Random(1), { k: objective.k, activation });
  const { bert, cls } = new BertForMaskedLM(config, new Random(1));
  const model = { config, bert, cls, cls_projection };
  loadWeights({ bert, cls, cls_projection }, tensors(golden, name, 'weights.safetensors'));
  const queries = () => cls_projection.vectors(model, ...packed(inputs.query_input_ids, inputs.query_attention_mask));
  const passages = () =>
    cls_projection.vectors(model, ...packed(inputs.passage_input_ids, inputs.passage_attention_mask));
  const scores = () => queries().matmul(cls_projection.kept(passages()).transpose());
  const losses = (): Losses => {
    const S = scores();
    return {
      loss: infoNce(
        S,
        Array.from({ length: S.shape[0] }, (_, i) => objective.group * i),
      ).loss,
    };
  };
  return {
    cls_projection,
    expected: tensors(folder, 'expected.safetensors'),
    model,
    queries,
    passages,
    scores,
    losses,
    wanted,
  };
}

/** Largest difference, relative to the largest number. */
const off = (ours: ArrayLike<number>, theirs: ArrayLike<number>): number => {
  const size = Array.from(theirs).reduce((top, x) => Math.max(top, Math.abs(x)), 1e-9);
  return Math.max(...Array.from(theirs, (x, i) => Math.abs(x - ours[i]))) / size;
};

const openers: [string, () => Promise<Backend>, { loss: number; gradient: number; steps: number }][] = [
  ['float64', () => openBackend('reference', { dtype: 'float64' }), { loss: 1e-9, gradient: 1e-6, steps: 1e-7 }],
  ['wasm', () => openBackend('wasm', { threads: 1 }), { loss: 1e-5, gradient: 1e-4, steps: 1e-4 }],
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
        const { cls_projection, expected, model, queries, passages, scores, losses, wanted } = read(name, activation);
        const { dense, width, k } = cls_projection;
        const theirs = (what: string) => expected.float32(`${activation}.${what}`).data;
        const near = async (ours: ArrayLike<number>, what: string) =>
          void t.ok(off(ours, theirs(what)) < limit.gradient, `${what}: ${off(ours, theirs(what))}`);
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
        const found = await gradientsOf(model, losses);
        const bound = (value: number, limit: number) => limit * Math.max(1, Math.abs(value));
        t.ok(
          Math.abs(found.losses.loss - wanted.contrastive) < bound(wanted.contrastive, limit.loss),
          `loss ${found.losses.loss}, wanted ${wanted.contrastive}`,
        );
        const prefix = `${activation}.grad.`;
        const names = [...expected.tensors.keys()].filter((each) => each.startsWith(prefix));
        const gradients = names.map((each) => [each.slice(prefix.length), Array.from(expected.float32(each).data)]);
        const outcome = (all: readonly (readonly unknown[])[]) => ({
          numbers: {},
          gradients: Object.fromEntries(all) as Record<string, number[]>,
          h: undefined,
        });
        const ours = outcome([...found.gradients].map(([each, values]) => [each, Array.from(values)]));
        t.ok(names.includes(`${prefix}cls_projection.weight`));
        t.same(differences(ours, outcome(gradients), { loss: 0, gradient: limit.gradient }), []);
        const optimizer = new AdamW(model, { lr: 1e-3, weightDecay: 0.01, decay: 'matrices' });
        const taken: number[] = [];
        for (let i = 0; i < wanted.adamw_loss_per_step.length; i++) taken.push((await optimizer.step(losses)).loss);
        taken.push(await losses().loss.item());
        for (const [i, value] of [...wanted.adamw_loss_per_step, wanted.adamw_loss_after].entries())
          t.ok(Math.abs(taken[i] - value) < bound(value, limit.steps), `step ${i}: ${taken[i]}, wanted ${value}`);
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
