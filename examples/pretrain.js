// From raw text to a search that beats BM25, and what RetroMAE adds: read it from top to bottom to understand the method.
import { parseArgs } from 'node:util';
// prettier-ignore
import {
  AdamW, bagOfWords, Batches, bertConfig, biEncoderLosses, compareRuns, evaluateFusion, FUSION_WEIGHT, heldOut, linearDecay,
  lossChart, metricInterval, ModelEncoder, objectives, openBackend, packSentences, pairCollator, pooledBert,
  PretrainModel, Progress, Random, saveModel, saveStatic, setBackend, sotu, stepRecord, stepTime, trainWordPiece, writeReport,
} from 'retromae';
const text = (preset) => ({ type: 'string', default: preset });
const options = { minutes: text('9'), out: text('runs/example'), backend: text('auto'), seed: text('42') };
const { values: flags } = parseArgs({ options: { ...options, help: { type: 'boolean' } } });
const [minutes, seed] = [Number(flags.minutes), Number(flags.seed)];
if (flags.help || !(minutes > 0)) {
  console.log('node examples/pretrain.js [--minutes 9] [--out runs/example] [--backend auto] [--seed 42]');
  process.exit(flags.help ? 0 : 2);
}
const elapsed = () => performance.now() / 1000; // seconds since the start

// 1. Where to compute: our WebAssembly engine, or a GPU if there is one that is faster.
const backend = await openBackend(flags.backend);
setBackend(backend);

// 2. Text: the State of the Union addresses in passages. One in eight is to be searched; a thousand of these lose a sentence,
//    which later must find its passage. No model sees these sentences in training.
const passages = await sotu({ characters: 1500 });
const searched = passages.filter((_, i) => i % 8 === 0);
const task = heldOut(searched, { queries: 1000, minSentences: 2, seed });
const texts = [...task.corpus, ...passages.filter((_, i) => i % 8 !== 0)].map(({ text }) => text);

// 3. A vocabulary of word pieces, and tokens: short blocks for pre-training, and whole passages, which are searched later.
const [short, long] = [80, 320];
const tokenizer = await trainWordPiece(texts, { vocabSize: 4096 });
const tokens = (text, most) => [...packSentences(text, tokenizer, { maxTokens: most - 2 })];
const blocks = texts.flatMap((text) => tokens(text, short));
const wholes = texts.flatMap((text, documentId) => tokens(text, long).map((part) => ({ ...part, documentId })));
console.log(`${backend.name}: ${texts.length} passages, ${tokenizer.size} word pieces, ${task.queries.length} queries`);

// 4. Contrast: of a passage two parts are drawn (a sentence and the rest, or two crops), and each must find the other among all
//    of the batch. Words alone learn by it in a minute: a text's vector is the mean of its words' vectors.
const cosine = { similarity: 'cosine', temperature: 0.05, symmetric: true };
const drawn = { pairs: 'cloze:0.5,crop:0.5', cropLeast: 0.1, cropMost: 0.4, keepSentence: 0.1, passageLength: long };
function contrast(name, text, trained, { size, lr, tokenDrop }) {
  const batches = new Batches(wholes, pairCollator(tokenizer, { ...drawn, tokenDrop }), size, seed);
  return { name, text, trained, lr, batches, losses: (batch) => biEncoderLosses(text, batch, cosine, 0) };
}
const bag = await bagOfWords(tokenizer, wholes, 512, new Random(seed)); // random directions, as long as a word is rare
const words = contrast('words', bag, bag, { size: 512, lr: 6e-3, tokenDrop: 0.5 });

// 5. RetroMAE masks a text lightly for the encoder, whose [CLS] state is the sentence vector, and heavily for a one-layer
//    decoder that must rebuild the text from that vector: so it has to say what the text is about. Enhanced decoding: every
//    token is rebuilt, each from its own sample of visible tokens. MLM has no decoder. A narrow BERT wants wide initial weights.
// prettier-ignore
const config = bertConfig({
  vocab_size: tokenizer.size, hidden_size: 128, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 512,
  max_position_embeddings: long, pad_token_id: tokenizer.pad, initializer_range: 0.08,
});
function pretraining(name, objective, options) {
  const model = new PretrainModel(objective, config, new Random(seed), options); // the same encoder at first
  const batches = new Batches(blocks, objective.collator(model.options, { tokenizer, maxLength: short }), 16, seed);
  return { name, trained: model, lr: 2e-3, batches, losses: (batch) => () => model.losses(batch) };
}
const mlm = pretraining('MLM', objectives.mlm, { encoderMask: 0.3 });
const retromae = pretraining('RetroMAE', objectives.retromae, { encoderMask: 0.3, decoderMask: 0.7 });
const tune = ({ name, trained: { bert }, trained: model }) =>
  contrast(`${name}, contrast`, pooledBert(model), { bert }, { size: 64, lr: 1e-3, tokenDrop: 0.1 });

// 6. The same time for MLM and RetroMAE before, the same steps of contrast after. How long a step takes is measured first.
const jobs = [words, mlm, retromae, tune(pretraining('nothing', objectives.mlm)), tune(mlm), tune(retromae)];
const shares = [0.14, 0.23, 0.23, 0.13, 0.13, 0.13]; // of the time that is left
for (const job of jobs.slice(0, 4))
  job.time = await stepTime(job.trained, (step) => [job.losses(job.batches.at(step))], { seconds: minutes / 2 });
const left = 0.92 * 1000 * (60 * minutes - elapsed()); // milliseconds
const stepsOf = (i) => Math.max(1, Math.round((left * shares[i]) / jobs[Math.min(i, 3)].time));
async function train({ name, trained, lr: peak, batches, losses }, steps) {
  console.log(`\n${name}, ${steps} steps`);
  const lr = linearDecay(peak, steps, Math.round(steps / 10));
  const optimizer = new AdamW(trained, { lr, weightDecay: 0.01, clip: 1 });
  const progress = new Progress(process.stderr, { total: steps });
  const records = [];
  for (let step = 0; step < steps; step++) {
    const before = elapsed();
    const batch = batches.at(step);
    const numbers = await optimizer.step(losses(batch)); // forward, backward, update; all else is freed
    const cost = { tokens: batch.ids.length, seconds: elapsed() - before, elapsed: elapsed() };
    records.push(stepRecord(numbers, { step: step + 1, lr: lr(step), ...cost }));
    progress.update(records.at(-1));
  }
  progress.done();
  return { name, steps: records };
}
for (const [i, job] of jobs.entries()) job.run = await train(job, stepsOf(i));

// 7. What it bought: nDCG@10 on the held-out queries, alone and fused with BM25 at a weight that was found elsewhere.
const [table, scores] = [[], {}];
const shown = ({ mean, low, high }) => `${mean.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
for (const { name, text } of [words, ...jobs.slice(3)]) {
  const encoder = new ModelEncoder(text, tokenizer, { maxLength: long });
  const found = await evaluateFusion(encoder, task, { fusion: { method: 'weighted', weight: FUSION_WEIGHT } });
  Object.assign(scores, { BM25: found.bm25, [name]: found.own, [`${name} + BM25`]: found.fused });
}
const minus = async (one, other) => shown(await compareRuns(scores[one], scores[other], 'ndcg@10'));
for (const [name, evaluation] of Object.entries(scores)) {
  table.push({ ...evaluation.mean, name, 'ndcg@10': await metricInterval(evaluation, 'ndcg@10') });
  console.log(`${name.padEnd(25)} ${shown(table.at(-1)['ndcg@10'])}, minus BM25 ${await minus(name, 'BM25')}`);
}
for (const other of ['MLM, contrast', 'nothing, contrast'])
  console.log(`RetroMAE, contrast minus ${other}: ${await minus('RetroMAE, contrast', other)}`);

// 8. What is kept: RetroMAE's encoder and the words, as folders that sentence-transformers opens too; and a page.
await saveModel(flags.out, retromae.trained, tokenizer, { maxLength: long });
await saveStatic(`${flags.out}/words`, bag, tokenizer);
// prettier-ignore
await writeReport(flags.out, {
  title: 'RetroMAE on the State of the Union addresses', steps: retromae.run.steps, probes: [], table,
  config: { ...config, minutes, seed, backend: backend.name }, commands: ['node examples/pretrain.js'],
  figures: [{ name: 'objectives', svg: await lossChart([mlm.run, retromae.run]) }],
  tableNote: `${task.queries.length} sentences, each cut from one of ${task.corpus.length} passages that it must find.`,
});
console.log(`\nModel, words and report.html in ${flags.out}, after ${(elapsed() / 60).toFixed(1)} minutes`);
await backend.close();
