// The heap under the wasm backend stands still: blocks of one step are those of the next, whatever the threads do.
import t from 'tap';
import { Random, setBackend } from '../../core/index.js';
import { openBackend } from '../../kernels/open.js';
import { AdamW, bertConfig } from '../../nn/index.js';
import { Collator } from '../../retromae/collator.js';
import { RetroMae } from '../../retromae/model.js';
import { tokenizer } from '../retromae/tiny.js';

const config = bertConfig({
  vocab_size: tokenizer.size,
  hidden_size: 32,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  intermediate_size: 128,
  max_position_embeddings: 128,
});

/** How far the heap reaches after each of `steps` training steps, less where it began. */
async function reached(steps: number, lengths: (step: number) => number[], recompute: boolean): Promise<number[]> {
  const backend = await openBackend('wasm', { threads: 2 });
  const former = setBackend(backend);
  const before = backend.memory().heapBytes!;
  const model = new RetroMae(config, new Random(1), { recompute });
  const optimizer = new AdamW(model, { lr: 1e-3, clip: 1 });
  const collator = new Collator({ tokenizer, maxLength: 128, decoder: 'enhanced' });
  const result: number[] = [];
  for (let step = 0; step < steps; step++) {
    const examples = lengths(step).map((length) => Array.from({ length }, (_, j) => 5 + ((step + j) % 30)));
    const batch = collator.collate(examples, (i) => new Random(8, i));
    await optimizer.step(() => model.losses(batch, new Random(9, step)));
    result.push(backend.memory().heapBytes! - before);
  }
  setBackend(former);
  await backend.close();
  return result;
}

void t.test('batches of one shape take no fresh memory after the second step', async (t) => {
  for (const recompute of [false, true]) {
    const heap = await reached(8, () => [100, 90, 80, 70], recompute);
    t.ok(heap[0] > 1e6, `${heap[0]} bytes`);
    t.same(heap.slice(2), Array(6).fill(heap[1]), `recompute: ${recompute}`);
  }
});

void t.test('batches of changing lengths stay close to what the longest take', async (t) => {
  const [longest] = await reached(1, () => [126, 126, 126, 126], false);
  const random = new Random(3);
  const lengths = () => [0, 1, 2, 3].map(() => 20 + random.below(107));
  const heap = await reached(150, lengths, false);
  t.ok(heap[149] < 1.25 * longest, `${heap[149]} bytes; ${longest} for a step of the longest alone`);
});
