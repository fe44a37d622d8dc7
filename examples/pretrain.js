// RetroMAE from raw text to a retrieval model: read it from top to bottom to understand the method.
//   node examples/pretrain.js [--minutes 9] [--out runs/example] [--backend auto] [--seed 42]
import { parseArgs } from 'node:util';
import {
  AdamW, Batches, bertConfig, Collator, compareRuns, evaluateBm25, evaluateModel, heldOut, linearDecay, lossChart, metricInterval,
  openBackend, packText, Progress, Random, RetroMae, saveModel, setBackend, sotu, stepsWithin, trainWordPiece, writeReport,
} from 'retromae'; // prettier-ignore

const { values: flags } = parseArgs({
  options: {
    minutes: { type: 'string', default: '9' },
    out: { type: 'string', default: 'runs/example' },
    backend: { type: 'string', default: 'auto' },
    seed: { type: 'string', default: '42' },
    help: { type: 'boolean', default: false },
  },
});
const minutes = Number(flags.minutes);
const seed = Number(flags.seed);
if (flags.help || !(minutes > 0)) {
  console.log('node examples/pretrain.js [--minutes 9] [--out runs/example] [--backend auto] [--seed 42]');
  process.exit(flags.help ? 0 : 2);
}
const started = performance.now();
const elapsed = () => (performance.now() - started) / 60_000;

// 1. Where to compute: our WebAssembly engine, or a GPU if there is one that is faster.
const backend = await openBackend(flags.backend);
setBackend(backend);
console.log(`Backend ${backend.name}: ${backend.description}`);

// 2. Text: the State of the Union addresses. From one passage in four, some lose a sentence; later, that sentence must
//    find its passage. No model sees these sentences in training.
const passages = await sotu();
const task = heldOut(passages.filter((_, i) => i % 4 === 0), { queries: 500, seed });
const texts = [...task.corpus, ...passages.filter((_, i) => i % 4 !== 0)].map(({ text }) => text);

// 3. A vocabulary of word pieces, and the text as blocks of token ids, whole sentences, never across passages.
const maxLength = 128;
const tokenizer = await trainWordPiece(texts, { vocabSize: 8192 });
const blocks = texts.flatMap((text) => [...packText(text, tokenizer, { maxTokens: maxLength - 2 })]);
console.log(`${texts.length} passages, ${blocks.length} blocks, ${tokenizer.size} word pieces; ${task.queries.length} held-out queries`);

// 4. The encoder is a BERT; small, so that minutes are enough.
const config = bertConfig({
  vocab_size: tokenizer.size, hidden_size: 192, num_hidden_layers: 3, num_attention_heads: 3, intermediate_size: 768,
  max_position_embeddings: maxLength, pad_token_id: tokenizer.pad,
}); // prettier-ignore

// 5. Training. RetroMAE masks a text lightly for the encoder, whose [CLS] state is the sentence vector, and heavily for
//    a one-layer decoder that must rebuild the text from that vector. So the vector has to say what the text is about.
//    Enhanced decoding: every token is rebuilt, each from its own sample of visible tokens. MLM has no decoder at all.
async function train(name, time, objective) {
  const model = new RetroMae(config, new Random(seed), objective);
  const decoder = objective.objective === 'mlm' ? 'none' : objective.decoder;
  const collator = new Collator({ tokenizer, maxLength, encoderMask: 0.3, decoderMask: 0.5, decoder });
  const batches = new Batches({ length: blocks.length, at: (i) => blocks[i] }, collator, 16, seed);
  const losses = (step) => () => model.losses(batches.at(step), batches.dropout(step));

  const { steps: count, each } = await stepsWithin(time, model, (step) => [losses(step)]);
  console.log(`\n${name}: ${count} steps of ${each.toFixed(0)} ms`);
  const optimizer = new AdamW(model, { lr: linearDecay(1e-3, count, Math.round(count / 10)), weightDecay: 0.01, clip: 1 });
  const progress = new Progress(process.stderr, { total: count });
  const records = [];
  for (let step = 0; step < count; step++) {
    const [lr, before] = [optimizer.lr, performance.now()];
    const numbers = await optimizer.step(losses(step)); // forward, backward, update; everything else is freed
    if (!Number.isFinite(numbers.loss)) throw new Error(`${name}: the loss is ${numbers.loss} at step ${step}`);
    const seconds = (performance.now() - before) / 1000;
    const tokens = batches.at(step).ids.length;
    records.push({ step: step + 1, ...numbers, lr, tokens, seconds, tokensPerSecond: tokens / seconds, elapsed: elapsed() * 60 });
    progress.update(records.at(-1));
  }
  progress.done();
  return { name, model, steps: records };
}

// 6. The same time for each objective, and what it bought: nDCG@10 on the held-out queries, with 95 % intervals.
const evaluate = (model) => evaluateModel(model, tokenizer, task, { maxLength });
const table = [];
async function row(name, evaluation) {
  const interval = await metricInterval(evaluation, 'ndcg@10');
  const { mean, low, high } = interval;
  table.push({ ...evaluation.mean, name, 'ndcg@10': interval });
  console.log(`${name.padEnd(20)} nDCG@10 ${mean.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`);
  return evaluation;
}
const bm25 = await row('BM25', evaluateBm25(task));
await row('untrained', await evaluate(new RetroMae(config, new Random(seed))));
const share = Math.max(0.05, (minutes - elapsed()) * 0.31);
const runs = {
  mlm: await train('MLM', share, { objective: 'mlm' }),
  basic: await train('RetroMAE basic', share, { decoder: 'basic' }),
  enhanced: await train('RetroMAE enhanced', share, { decoder: 'enhanced' }),
};
console.log();
const mlm = await row('MLM', await evaluate(runs.mlm.model));
await row('RetroMAE basic', await evaluate(runs.basic.model));
const enhanced = await row('RetroMAE enhanced', await evaluate(runs.enhanced.model));
for (const [name, other] of Object.entries({ MLM: mlm, BM25: bm25 })) {
  const { mean, low, high } = await compareRuns(enhanced, other, 'ndcg@10');
  console.log(`RetroMAE enhanced against ${name}: ${mean.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`);
}

// 7. Only the encoder is kept: a Hugging Face folder, and a page with the curves and the table.
await saveModel(flags.out, runs.enhanced.model, tokenizer, { maxLength });
await writeReport(flags.out, {
  title: 'RetroMAE on the State of the Union addresses',
  config: { ...config, minutes, seed, backend: backend.description },
  steps: runs.enhanced.steps, probes: [], table,
  tableNote: `${task.queries.length} sentences, each cut from one of ${task.corpus.length} passages that it must find.`,
  figures: [{ name: 'objectives', svg: await lossChart(Object.values(runs)) }],
  commands: ['node examples/pretrain.js'],
}); // prettier-ignore
console.log(`\nModel and report.html in ${flags.out}, after ${elapsed().toFixed(1)} minutes`);
await backend.close();
