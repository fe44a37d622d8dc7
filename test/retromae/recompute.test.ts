// RetroMAE with recomputed activations: the same bits of losses and gradients, dropout included, in less memory.
import t from 'tap';
import { backward, Random, scope, setBackend } from '../../core/index.js';
import { bertConfig, parameters } from '../../nn/index.js';
import { Collator } from '../../retromae/collator.js';
import { RetroMae, type RetroMaeOptions } from '../../retromae/model.js';
import { pretrainSettings } from '../../train/settings.js';
import { testBackends } from '../support/backends.js';
import { bitsOf, tokenizer } from './tiny.js';

const config = bertConfig({
  vocab_size: tokenizer.size,
  hidden_size: 16,
  num_hidden_layers: 4,
  num_attention_heads: 2,
  intermediate_size: 64,
  max_position_embeddings: 32,
});

const objectives: Partial<RetroMaeOptions>[] = [
  {},
  { decoder: 'basic' },
  { objective: 'dupmae' },
  { objective: 'mlm' },
];

for (const { name, open } of testBackends().filter(({ name }) => ['wasm', 'reference64'].includes(name)))
  void t.test(name, async (t) => {
    for (const options of objectives) {
      /** Everything that two micro-batches leave behind, and the most memory that they took. */
      const run = async (recompute: boolean) => {
        const backend = await open();
        if (typeof backend === 'string') throw new Error(backend);
        const former = setBackend(backend);
        const model = new RetroMae(config, new Random(1), { ...options, recompute });
        const { decoder } = model.options;
        const examples = [0, 1, 2].map((i) => Array.from({ length: 24 + i }, (_, j) => 5 + ((i + j) % 30)));
        const batch = new Collator({ tokenizer, maxLength: 32, decoder }).collate(examples, (i) => new Random(8, i));
        const random = new Random(9);
        const losses: number[] = [];
        for (let i = 0; i < 2; i++) {
          const { loss } = scope(() => {
            const { loss } = model.losses(batch, random);
            backward(loss, 0.5);
            return { loss: loss.detach() };
          });
          losses.push(await loss.item());
        }
        const taken = new Map([...parameters(model)].map(([key, x]) => [key, x.grad!]));
        const gradients = await bitsOf(taken);
        const { peakBytes } = backend.memory();
        setBackend(former);
        await backend.close();
        return { losses, gradients, drawn: random.state(), peakBytes };
      };
      const [without, with_] = [await run(false), await run(true)];
      const what = JSON.stringify(options);
      t.same(with_.losses, without.losses, `losses ${what}`);
      // Names alone: a report of all bits that differ would take minutes.
      const differ = Object.keys(without.gradients).filter((key) => with_.gradients[key] !== without.gradients[key]);
      t.same(differ, [], `gradients ${what}`);
      t.same(with_.drawn, without.drawn, `generator ${what}`);
      t.ok(with_.peakBytes < 0.75 * without.peakBytes, `${with_.peakBytes} of ${without.peakBytes} bytes ${what}`);
    }
  });

void t.test('the setting of a run', async (t) => {
  t.equal(pretrainSettings({ recompute: true }).recompute, true);
  const wrong = JSON.parse('{ "recompute": "yes" }') as object;
  t.throws(() => pretrainSettings(wrong), /--recompute is "yes"; it must be true or false/);
});
