// From raw text to a retriever: words, RetroMAE, contrast, BM25. Read it from top to bottom to understand the method.
import { parseArgs } from 'node:util';
// prettier-ignore
import {
  AdamW, bagOfWords, Batches, bertConfig, biEncoderLosses, compareRuns, evaluateFusion, heldOut, initWords, linearDecay,
  lossChart, metricInterval, ModelEncoder, objectives, openBackend, packSentences, pairCollator, pooledBert, PretrainModel,
  Progress, Random, saveModel, setBackend, sotu, stepRecord, stepTime, trainWordPiece, writeReport,
} from 'retromae';
// prettier-ignore
const { values: flags } = parseArgs({ options: {
  minutes: { type: 'string', default: '9' }, steps: { type: 'string' }, out: { type: 'string', default: 'runs/example' },
  backend: { type: 'string', default: 'auto' }, seed: { type: 'string', default: '42' }, help: { type: 'boolean' },
} });
const [minutes, seed] = [Number(flags.minutes), Number(flags.seed)];
const given = flags.steps && Number(flags.steps); // of every stage: with those of another run, its models again
if (flags.help || !(minutes > 0) || !(given === undefined || (Number.isInteger(given) && given > 0))) {
  console.log('node examples/pretrain.js [--minutes 9 | --steps N] [--out runs/example] [--backend auto] [--seed 42]');
  process.exit(flags.help ? 0 : 2);
}
const elapsed = () => performance.now() / 1000; // seconds since the start

// 1. Where to compute: our WebAssembly engine, or a GPU if there is one that is faster.
const backend = await openBackend(flags.backend);
setBackend(backend);
console.log(`Backend ${backend.name}: ${backend.description}`);

// 2. Text: the State of the Union addresses in passages. One in eight is to be searched; most of these lose a sentence,
//    which later must find its passage. No model sees these sentences in training.
const passages = await sotu({ characters: 1500 });
const searched = passages.filter((_, i) => i % 8 === 0);
const task = heldOut(searched, { queries: 1000, minSentences: 2, seed });
const texts = [...task.corpus, ...passages.filter((_, i) => i % 8 !== 0)].map(({ text }) => text);

// 3. A vocabulary of word pieces, and the text as blocks of token ids, whole sentences, never across passages.
const maxLength = 320;
const tokenizer = await trainWordPiece(texts, { vocabSize: 8192 });
const blocks = texts.flatMap((text, documentId) =>
  [...packSentences(text, tokenizer, { maxTokens: maxLength - 2 })].map((block) => ({ ...block, documentId })),
);
console.log(`${blocks.length} blocks, ${tokenizer.size} word pieces, ${task.queries.length} queries`);

// 4. How anything is trained: steps that fit into a share of the time, each forward, backward, update.
const runs = [];
async function train(name, model, losses, { share, rate }) {
  const seconds = 60 * minutes * share;
  const each = given ? 0 : await stepTime(model, (step) => [losses(step)], { seconds: 0.05 * seconds });
  const steps = given ?? Math.max(1, Math.floor((950 * seconds) / each));
  console.log(`\n${name}, ${steps} steps`);
  const lr = linearDecay(rate, steps, Math.round(steps / 20));
  const optimizer = new AdamW(model, { lr, weightDecay: 0, clip: 1 });
  const progress = new Progress(process.stderr, { total: steps });
  const run = { name, steps: [] };
  for (let step = 0; step < steps; step++) {
    const before = elapsed();
    const numbers = await optimizer.step(losses(step));
    if (!Number.isFinite(numbers.loss)) throw new Error(`${name}: the loss is ${numbers.loss} at step ${step}`);
    const cost = { seconds: elapsed() - before, elapsed: elapsed() };
    run.steps.push(stepRecord(numbers, { step: step + 1, lr: lr(step), ...cost }));
    progress.update(run.steps.at(-1));
  }
  progress.done();
  runs.push(run);
}

// 5. What it bought: nDCG@10 of the vectors, and of BM25 and the vectors together, on the held-out queries.
const [table, scores] = [[], {}];
async function row(name, evaluation) {
  const interval = await metricInterval(evaluation, 'ndcg@10');
  table.push({ ...evaluation.mean, name, 'ndcg@10': interval });
  const [mean, low, high] = ['mean', 'low', 'high'].map((name) => interval[name].toFixed(3));
  console.log(`${name.padEnd(28)} nDCG@10 ${mean} [${low}, ${high}]`);
  scores[name] = evaluation;
}
async function measure(name, model) {
  const encoder = new ModelEncoder(model, tokenizer, { maxLength });
  const { own, bm25, fused } = await evaluateFusion(encoder, task, { fusion: { method: 'weighted', weight: 0.6 } });
  if (table.length === 0) await row('BM25', bm25);
  await row(name, own);
  return () => row(`BM25 + ${name}`, fused);
}

// 6. Words alone: a vector a word, at first random and as long as the word is rare; a text is their mean. They learn by
//    contrast: two parts of a passage are to find each other among those of other passages; half of the tokens are left out.
function contrast(model, size) {
  const rules = { pairs: 'cloze,crop', cropLeast: 0.1, cropMost: 0.5, keepSentence: 0.1, tokenDrop: 0.5 };
  const batches = new Batches(blocks, pairCollator(tokenizer, { ...rules, passageLength: maxLength }), size, seed);
  const options = { similarity: 'cosine', temperature: 0.05, symmetric: true };
  return (step) => biEncoderLosses(model, batches.at(step), options, 0);
}
const width = 128;
const words = await bagOfWords(tokenizer, blocks, width, new Random(seed));
await measure('words, untrained', words);
await train('words', words, contrast(words, 1024), { share: 0.12, rate: 6e-3 });
const fusedWords = await measure('words', words);

// 7. A BERT with random weights; MLM, or RetroMAE: a text, lightly masked, becomes one vector, from which and from a heavily
//    masked copy a one-layer decoder must rebuild it. So the vector has to say what the text is about. Then contrast.
const config = bertConfig({
  ...{ vocab_size: tokenizer.size, hidden_size: width, num_hidden_layers: 2, num_attention_heads: 4 },
  ...{ intermediate_size: 4 * width, max_position_embeddings: maxLength, pad_token_id: tokenizer.pad },
  ...{ hidden_dropout_prob: 0, attention_probs_dropout_prob: 0, initializer_range: 0.08 },
});
const { mlm, retromae } = objectives;
let last;
for (const [name, objective, options] of [
  ['random', mlm, {}],
  ['MLM', mlm, { encoderMask: 0.3 }],
  ['RetroMAE', retromae, { encoderMask: 0.3, decoderMask: 0.5, decoder: 'enhanced' }],
]) {
  const model = new PretrainModel(objective, config, new Random(seed), options);
  if (process.env.FROM === 'words') await initWords(model, words, new Random(seed));
  const encoder = pooledBert(model, process.env.FROM === 'words' ? 'mean' : process.env.POOL ?? 'mean');
  const batches = new Batches(blocks, objective.collator(model.options, { tokenizer, maxLength }), 16, seed);
  const losses = (step) => () => model.losses(batches.at(step), batches.dropout(step));
  if (name !== 'random') await train(name, model, losses, { share: 0.22, rate: 1e-3 });
  await measure(name, encoder);
  await train(`${name} → contrast`, model, contrast(encoder, 256), { share: 0.12, rate: 1e-3 });
  last = { model, fused: await measure(`${name} → contrast`, encoder) };
}
console.log();
await fusedWords();
await last.fused();
