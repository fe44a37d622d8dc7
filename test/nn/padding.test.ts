// The row of [PAD] gets no gradient from looking it up, as PyTorch's padding_idx has it, but the tied output table does.
import t from 'tap';
import { backward, Ids, Random, scope, Sequences, setBackend } from '../../core/index.js';
import { bertConfig, BertForMaskedLM } from '../../nn/index.js';
import { testBackends } from '../support/backends.js';

const PAD = 2;
const WIDTH = 4;
const VOCABULARY = 9;
const dimensions = { hidden_size: WIDTH, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 6 };
const configOf = (pad: number | null) =>
  bertConfig({ vocab_size: VOCABULARY, max_position_embeddings: 8, pad_token_id: pad, ...dimensions });

/** More rows than the table has, or fewer: then the gradient of the table is kept as rows. */
const batches = { dense: [5, PAD, 3, PAD, 5, 1, 0, 8, PAD, 4], rows: [5, PAD, 3] };

/** The gradient of the word table, of a loss without the head or with it. */
async function gradientOf(pad: number | null, ids: readonly number[], tied: boolean): Promise<number[]> {
  const model = new BertForMaskedLM(configOf(pad), new Random(1));
  const { word_embeddings: table } = model.bert.embeddings;
  const sequences = Sequences.ofLengths(ids.length > 8 ? [6, ids.length - 6] : [ids.length]);
  scope(() => {
    const hidden = model.bert.forward(new Ids(ids), sequences);
    const labels = new Ids(ids.map((_, i) => i % VOCABULARY));
    backward(tied ? model.cls.loss(model.cls.transform(hidden), table, labels).loss : hidden.exp().sum());
  });
  return [...(await table.weight.grad!.read())];
}

const rowOf = (gradient: readonly number[], id: number) => gradient.slice(id * WIDTH, (id + 1) * WIDTH);
const isZero = (row: readonly number[]) => row.every((value) => value === 0);

for (const { name, open } of testBackends())
  void t.test(name, async (t) => {
    const backend = await open();
    if (typeof backend === 'string') return void t.plan(0, backend);
    const former = setBackend(backend);
    t.teardown(() => setBackend(former));
    for (const [what, ids] of Object.entries(batches)) {
      const [free, padded] = [await gradientOf(null, ids, false), await gradientOf(PAD, ids, false)];
      t.notOk(isZero(rowOf(free, PAD)), `${what}: there is one to leave out`);
      t.ok(isZero(rowOf(padded, PAD)), `${what}: none from looking it up`);
      t.same(padded.toSpliced(PAD * WIDTH, WIDTH), free.toSpliced(PAD * WIDTH, WIDTH), `${what}: all others as ever`);
      // What the head gives is what is left, and is the difference of the two where nothing is looked up.
      const [whole, tied] = [await gradientOf(null, ids, true), await gradientOf(PAD, ids, true)];
      t.notOk(isZero(rowOf(tied, PAD)), `${what}: the tied table has its own`);
      t.notSame(rowOf(tied, PAD), rowOf(whole, PAD), what);
    }
    await backend.close();
  });

void t.test('ids without padding are the very same', async (t) => {
  const ids = new Ids([1, 3]);
  t.equal(ids.padded(PAD), ids);
  t.equal(ids.padded(null), ids);
});
