// Contrastive learning: two parts of a document must find each other among all others. Run it: node examples/07-finetune.js
//
// InfoNCE (van den Oord et al., 2018, arXiv 1807.03748): of B pairs the similarities are a matrix [B, B], and each row is to have
// its largest on the diagonal; the loss is the cross-entropy of that. It trains words here, the simplest encoder that there is.
import { mkdirSync, writeFileSync } from 'node:fs';
// prettier-ignore
import {
  AdamW, bagOfWords, Batches, biEncoderLosses, evaluateBm25, evaluateEncoder, heldOut, Ids, matrixChart, ModelEncoder, noGrad,
  openBackend, packSentences, pairCollator, Random, Sequences, setBackend, sotu, trainWordPiece,
} from 'retromae';

const backend = await openBackend('auto');
setBackend(backend);
const passages = (await sotu({ characters: 800 })).filter((_, i) => i % 8 === 0);
const task = heldOut(passages, { queries: 200, minSentences: 3, seed: 1 }); // a sentence each, which must find its passage
const texts = task.corpus.map(({ text }) => text);
const tokenizer = await trainWordPiece(texts, { vocabSize: 4096 });
const examples = texts.flatMap((text, documentId) =>
  Array.from(packSentences(text, tokenizer, { maxTokens: 200 }), (block) => ({ ...block, documentId })),
);

// 1. A pair: a sentence and the rest of its passage, or two crops; each with a share of its tokens left out.
const drawing = { pairs: 'cloze:0.5,crop:0.5', cropLeast: 0.1, cropMost: 0.5, keepSentence: 0.1 };
const collator = pairCollator(tokenizer, { ...drawing, tokenDrop: 0.3, passageLength: 256 });
const batches = new Batches(examples, collator, 256, 1);
const { ids, offsets } = batches.at(0); // texts 2i and 2i + 1 are a pair
console.log('a query and its passage, as they are trained on:');
for (const text of [0, 1])
  console.log(
    `  ${tokenizer.decode(ids.subarray(offsets[text], offsets[text + 1]), { skipSpecial: true }).slice(0, 110)}`,
  );

// 2. The model: random directions, as long as a word is rare. That is a bag of words, before any training.
const model = await bagOfWords(tokenizer, examples, 256, new Random(1));
const encoder = new ModelEncoder(model, tokenizer);
const measure = async () => (await evaluateEncoder(encoder, task)).mean['ndcg@10'];

/** Cosines of the first pairs of a batch, each query with each passage. */
async function similarities(pairs) {
  const end = offsets[2 * pairs];
  const sequences = new Sequences(offsets.slice(0, 2 * pairs + 1));
  const h = noGrad(() => model.encode(new Ids(ids.subarray(0, end)), sequences).normalize());
  const [values, width] = [await h.read(), model.dim];
  const row = (text) => values.subarray(text * width, (text + 1) * width);
  const cosine = (a, b) => row(a).reduce((sum, value, i) => sum + value * row(b)[i], 0);
  const numbers = Array.from({ length: pairs }, (_, i) => i);
  return numbers.map((i) => numbers.map((j) => cosine(2 * i, 2 * j + 1)));
}

async function draw(name, title) {
  const values = (await similarities(12)).map((row) => row.map((value) => Math.max(0, value)));
  const [rows, columns] = ['query', 'passage'].map((what) => values.map((_, i) => `${what} ${i + 1}`));
  const subtitle = 'Cosines of queries and passages; pairs stand on the diagonal.';
  mkdirSync('runs', { recursive: true });
  writeFileSync(`runs/${name}.svg`, matrixChart({ title, subtitle, rows, columns, values }));
}

const before = await measure();
await draw('pairs-before', 'Before training');

// 3. Training. The loss compares each query with all passages of the batch, and each passage with all queries.
const steps = 40;
const optimizer = new AdamW(model, { lr: 6e-3, clip: 1 });
const how = { similarity: 'cosine', temperature: 0.05, symmetric: true };
for (let step = 0; step < steps; step++) {
  const { loss, retrieved } = await optimizer.step(biEncoderLosses(model, batches.at(step), how, 0));
  if (step === 0 || (step + 1) % 20 === 0)
    console.log(`step ${step + 1}: loss ${loss.toFixed(2)}, ${(100 * retrieved).toFixed(0)} % of the passages found`);
}

// 4. What it bought, on sentences that no step has seen.
const after = await measure();
await draw('pairs-after', 'After training');
console.log(
  `nDCG@10 before ${before.toFixed(3)}, after ${after.toFixed(3)}; BM25 ${evaluateBm25(task).mean['ndcg@10'].toFixed(3)}`,
);
console.log(`drawn in runs/pairs-before.svg and runs/pairs-after.svg`);
await backend.close();
