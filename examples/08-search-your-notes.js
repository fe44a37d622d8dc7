// Search your own notes: a folder of Markdown or text files, words trained on them in seconds, BM25 beside them.
//
//   node examples/08-search-your-notes.js FOLDER              asks for questions in the terminal
//   node examples/08-search-your-notes.js FOLDER "question"   answers one
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
// prettier-ignore
import {
  AdamW, bagOfWords, Batches, biEncoderLosses, Bm25, fuse, FUSION_WEIGHT, indexTexts, ModelEncoder, openBackend,
  packSentences, pairCollator, Random, searchBoth, setBackend, trainWordPiece,
} from 'retromae';

const [folder, question] = process.argv.slice(2);
if (!folder || !existsSync(folder)) {
  console.error(
    `${folder ? `${folder}: is not there. ` : ''}node examples/08-search-your-notes.js FOLDER ["question"]`,
  );
  process.exit(2);
}

// 1. Notes are paragraphs of files; each knows where it stands.
const notes = readdirSync(folder, { recursive: true })
  .filter((file) => /\.(md|txt)$/.test(file))
  .sort()
  .flatMap((file) => {
    const paragraphs = readFileSync(join(folder, file), 'utf8').split(/\n\s*\n/);
    const places = paragraphs.map((text, i) => ({ id: `${file}, paragraph ${i + 1}`, file, text: text.trim() }));
    return places.filter(({ text }) => text.length > 40);
  });
if (notes.length < 2) {
  console.error(`${folder}: has no notes: no .md or .txt file with two paragraphs of more than 40 characters.`);
  process.exit(1);
}

// 2. Words, trained on these notes: two parts of a paragraph must find each other. Paragraphs of one file are no negatives.
const backend = await openBackend('auto');
setBackend(backend);
const files = [...new Set(notes.map(({ file }) => file))];
const texts = notes.map(({ text }) => text);
const tokenizer = await trainWordPiece(texts, { vocabSize: 8192 });
const examples = notes.flatMap(({ text, file }) =>
  Array.from(packSentences(text, tokenizer, { maxTokens: 200 }), (block) => ({
    ...block,
    documentId: files.indexOf(file),
  })),
);
const model = await bagOfWords(tokenizer, examples, 256, new Random(1));
const drawing = { pairs: 'cloze:0.5,crop:0.5', cropLeast: 0.1, cropMost: 0.5, keepSentence: 0.1, tokenDrop: 0.3 };
const collator = pairCollator(tokenizer, { ...drawing, passageLength: 256 });
const batches = new Batches(examples, collator, Math.min(256, examples.length), 1);
const optimizer = new AdamW(model, { lr: 6e-3, clip: 1 });
const how = { similarity: 'cosine', temperature: 0.05, symmetric: true };
const steps = Math.min(100, 20 * batches.perEpoch); // 20 passes at most
for (let step = 0; step < steps; step++) await optimizer.step(biEncoderLosses(model, batches.at(step), how, 0));
console.log(
  `${notes.length} paragraphs of ${files.length} files, ${tokenizer.size} words, ${steps} steps of training.`,
);

// 3. Two ways to find, fused: BM25 by the words themselves, vectors by what they are about.
const encoder = new ModelEncoder(model, tokenizer);
const index = await indexTexts(
  encoder,
  notes.map(({ id }) => id),
  texts,
);
const bm25 = new Bm25(notes);
async function answer(query) {
  const vectors = await encoder.encode([query], { role: 'query' });
  const [sides] = searchBoth(bm25, index, { texts: [query], vectors }, 50);
  for (const { id, score } of fuse(sides, { method: 'weighted', weight: FUSION_WEIGHT }).slice(0, 5)) {
    const { text } = notes.find((note) => note.id === id);
    console.log(`${score.toFixed(2)}  ${id}\n      ${text.replace(/\s+/g, ' ').slice(0, 100)}`);
  }
}

if (question) await answer(question);
else {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  terminal.setPrompt('\nquestion (Ctrl-D ends): ');
  terminal.prompt();
  for await (const line of terminal) {
    if (line.trim()) await answer(line);
    terminal.prompt();
  }
}
await backend.close();
