// RetroMAE from raw text to a retrieval model: read it from top to bottom to understand the method.
import { parseArgs } from 'node:util';
// prettier-ignore
import {
  AdamW, Batches, bertConfig, compareRuns, evaluateBm25, evaluateModel, heldOut, linearDecay, lossChart, metricInterval,
  objectives, openBackend, packText, PretrainModel, Progress, Random, saveModel, setBackend, sotu, stepRecord, stepTime,
  trainWordPiece, writeReport,
} from 'retromae';
// prettier-ignore
const { values: flags } = parseArgs({ options: {
  minutes: { type: 'string', default: '9' }, steps: { type: 'string' }, out: { type: 'string', default: 'runs/example' },
  backend: { type: 'string', default: 'auto' }, seed: { type: 'string', default: '42' }, help: { type: 'boolean' },
} });
const [minutes, seed] = [Number(flags.minutes), Number(flags.seed)];
const given = flags.steps && Number(flags.steps); // of each objective: with those of another run, its models again
if (flags.help || !(minutes > 0) || !(given === undefined || (Number.isInteger(given) && given > 0))) {
  console.log('node examples/pretrain.js [--minutes 9 | --steps N] [--out runs/example] [--backend auto] [--seed 42]');
  process.exit(flags.help ? 0 : 2);
}
const elapsed = () => performance.now() / 1000; // seconds since the start

// 1. Where to compute: our WebAssembly engine, or a GPU if there is one that is faster.
const backend = await openBackend(flags.backend);
setBackend(backend);
console.log(`Backend ${backend.name}: ${backend.description}`);

// 2. Text: the State of the Union addresses in short passages. One passage in eight is to be searched; a thousand of
//    these lose a sentence, which later must find its passage. No model sees these sentences in training.
const passages = await sotu({ characters: 360 });
const searched = passages.filter((_, i) => i % 8 === 0);
const task = heldOut(searched, { queries: 1000, minSentences: 2, seed });
const texts = [...task.corpus, ...passages.filter((_, i) => i % 8 !== 0)].map(({ text }) => text);

// 3. A vocabulary of word pieces, and the text as blocks of token ids, whole sentences, never across passages.
const maxLength = 80;
const tokenizer = await trainWordPiece(texts, { vocabSize: 4096 });
const blocks = texts.flatMap((text) => [...packText(text, tokenizer, { maxTokens: maxLength - 2 })]);
console.log(
  `${texts.length} passages, ${blocks.length} blocks, ${tokenizer.size} word pieces, ${task.queries.length} queries`,
);

// 4. The encoder is a BERT; narrow, so that minutes are enough, with initial weights that are wider for that, and
//    without dropout, for the text is hardly seen twice.
// prettier-ignore
const config = bertConfig({
  vocab_size: tokenizer.size, hidden_size: 128, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 512,
  max_position_embeddings: maxLength, pad_token_id: tokenizer.pad, initializer_range: 0.08,
  hidden_dropout_prob: 0, attention_probs_dropout_prob: 0,
});

// 5. Training. RetroMAE masks a text lightly for the encoder, whose [CLS] state is the sentence vector, and heavily for
//    a one-layer decoder that must rebuild the text from that vector. So the vector has to say what the text is about.
//    Enhanced decoding: every token is rebuilt, each from its own sample of visible tokens. MLM has no decoder at all.
const { mlm, retromae } = objectives;
function prepare(name, objective, options) {
  const model = new PretrainModel(objective, config, new Random(seed), options);
  const batches = new Batches(blocks, objective.collator(model.options, { tokenizer, maxLength }), 16, seed);
  return { name, model, batches, losses: (batch, step) => () => model.losses(batch, batches.dropout(step)) };
}

async function train({ name, model, batches, losses }, steps) {
  console.log(`\n${name}, ${steps} steps`);
  const lr = linearDecay(2e-3, steps, Math.round(steps / 10));
  const optimizer = new AdamW(model, { lr, weightDecay: 0.01, clip: 1 });
  const progress = new Progress(process.stderr, { total: steps });
  const records = [];
  for (let step = 0; step < steps; step++) {
    const before = elapsed();
    const batch = batches.at(step);
    const numbers = await optimizer.step(losses(batch, step)); // forward, backward, update; all else is freed
    if (!Number.isFinite(numbers.loss)) throw new Error(`${name}: the loss is ${numbers.loss} at step ${step}`);
    const cost = { tokens: batch.ids.length, seconds: elapsed() - before, elapsed: elapsed() };
    records.push(stepRecord(numbers, { step: step + 1, lr: lr(step), ...cost }));
    progress.update(records.at(-1));
  }
  progress.done();
  return { name, model, steps: records };
}

// 6. The same steps on the same texts for each objective, and what they bought: nDCG@10 on the held-out queries.
const evaluate = (model) => evaluateModel(model, tokenizer, task, { maxLength });
const table = [];
async function row(name, evaluation) {
  const interval = await metricInterval(evaluation, 'ndcg@10');
  table.push({ ...evaluation.mean, name, 'ndcg@10': interval });
  const [mean, low, high] = ['mean', 'low', 'high'].map((name) => interval[name].toFixed(4));
  console.log(`${name.padEnd(20)} nDCG@10 ${mean} [${low}, ${high}]`);
  return evaluation;
}
const scores = { BM25: await row('BM25', evaluateBm25(task)) };
scores.untrained = await row('untrained', await evaluate(new PretrainModel(mlm, config, new Random(seed))));
const jobs = [
  prepare('MLM', mlm, { encoderMask: 0.3 }),
  prepare('RetroMAE enhanced', retromae, { encoderMask: 0.3, decoderMask: 0.7, decoder: 'enhanced' }),
  prepare('RetroMAE basic', retromae, { encoderMask: 0.3, decoderMask: 0.7, decoder: 'basic' }),
];
// Other programs slow a machine down for seconds at a time, so a step is timed over more than that.
const seconds = given ? 0 : Math.min(10, 1.2 * minutes);
const measured = (job) => stepTime(job.model, (step) => [job.losses(job.batches.at(step), step)], { seconds });
for (const job of jobs) job.time = await measured(job);
const stepsFor = (some) => (950 * (60 * minutes - elapsed())) / some.reduce((sum, { time }) => sum + time, 0);
if ((given ?? stepsFor(jobs)) < 1500) jobs.pop(); // basic decoding only if time allows
const steps = given ?? Math.max(1, Math.floor(stepsFor(jobs)));
const runs = [];
for (const job of jobs) runs.push(await train(job, steps));
for (const { name, model } of runs) scores[name] = await row(name, await evaluate(model));
const { 'RetroMAE enhanced': own, ...others } = scores;
for (const [name, other] of Object.entries(others)) {
  const { mean, low, high } = await compareRuns(own, other, 'ndcg@10');
  console.log(`RetroMAE enhanced minus ${name}: ${mean.toFixed(4)} [${low.toFixed(4)}, ${high.toFixed(4)}]`);
}

// 7. Only the encoder is kept: a Hugging Face folder, and a page with the curves and the table.
await saveModel(flags.out, runs[1].model, tokenizer, { maxLength });
// prettier-ignore
await writeReport(flags.out, {
  title: 'RetroMAE on the State of the Union addresses', steps: runs[1].steps, probes: [], table,
  config: { ...config, minutes, seed, backend: backend.name },
  tableNote: `${task.queries.length} sentences, each cut from one of ${task.corpus.length} passages that it must find.`,
  figures: [{ name: 'objectives', svg: await lossChart(runs) }], commands: ['node examples/pretrain.js'],
});
console.log(`\nModel and report.html in ${flags.out}, after ${(elapsed() / 60).toFixed(1)} minutes`);
await backend.close();
