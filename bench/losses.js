// The losses of ten steps of every objective of 0.1, to the last bit: run it on two checkouts and compare what it prints.
//   node bench/losses.js [--backend wasm] [--threads 2]
import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
// prettier-ignore
import {
  AdamW, Batches, bertConfig, Collator, linearDecay, openBackend, packText, Random, RetroMae, setBackend, sotu,
  trainWordPiece,
} from 'retromae';

const STEPS = 10;
const { values } = parseArgs({
  options: { backend: { type: 'string', default: 'wasm' }, threads: { type: 'string', default: '2' } },
});
const backend = await openBackend(values.backend, { threads: values.backend === 'wasm' ? +values.threads : undefined });
setBackend(backend);
console.log(`${backend.name}: ${backend.description}`);

const maxLength = 64;
const texts = (await sotu({ characters: 300 })).slice(0, 400).map(({ text }) => text);
const tokenizer = await trainWordPiece(texts, { vocabSize: 1000 });
const blocks = texts.flatMap((text) => [...packText(text, tokenizer, { maxTokens: maxLength - 2 })]);
const config = bertConfig({
  ...{ vocab_size: tokenizer.size, hidden_size: 48, num_hidden_layers: 2, num_attention_heads: 3 },
  ...{ intermediate_size: 100, max_position_embeddings: maxLength, pad_token_id: tokenizer.pad },
});
const objectives = {
  mlm: { objective: 'mlm' },
  'retromae, enhanced A': { decoder: 'enhanced' },
  'retromae, enhanced B': { decoder: 'enhanced', query: 'B' },
  'retromae, basic 1': { decoder: 'basic' },
  'retromae, basic 2': { decoder: 'basic', decoderLayers: 2 },
  'retromae, basic 3, recomputed': { decoder: 'basic', decoderLayers: 3, recompute: true },
  dupmae: { objective: 'dupmae' },
};

const everything = createHash('sha256');
for (const [name, options] of Object.entries(objectives)) {
  const model = new RetroMae(config, new Random(42), options);
  const decoder = options.objective === 'mlm' ? 'none' : (options.decoder ?? 'enhanced');
  const batches = new Batches(blocks, new Collator({ tokenizer, maxLength, decoder }), 8, 42);
  const optimizer = new AdamW(model, { lr: linearDecay(1e-3, STEPS, 2), weightDecay: 0.01, clip: 1 });
  console.log(`\n${name}`);
  for (let step = 0; step < STEPS; step++) {
    const numbers = await optimizer.step(() => model.losses(batches.at(step), batches.dropout(step)));
    const line = Object.entries(numbers).map(([scalar, value]) => `${scalar} ${value}`);
    everything.update(line.join());
    console.log(`  ${String(step + 1).padStart(2)}  ${line.join('  ')}`);
  }
}
console.log(`\nsha256 of all numbers: ${everything.digest('hex')}`);
await backend.close();
