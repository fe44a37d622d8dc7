// What RetroMAE sees of one sentence: the encoder's input, the decoder's rows, and the matrix M. Run it: node examples/04-masks.js
import { mkdirSync, writeFileSync } from 'node:fs';
import { Collator, IGNORE, matrixChart, Random, toPadded, WordPiece } from 'retromae';

const sentence = 'the committee shall report to the house within thirty days';
const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const tokenizer = WordPiece.fromVocab([...special, ...new Set(sentence.split(' '))]); // a vocabulary of whole words
const ids = tokenizer.encode(sentence);
const collator = new Collator({ tokenizer, maxLength: 32, encoderMask: 0.3, decoderMask: 0.5 });
const batch = collator.collate([ids], () => new Random(7));
const { input_ids, encoder_input_ids, encoder_labels, decoder_labels, decoder_visible } = toPadded(
  batch,
  tokenizer.pad,
);
const names = input_ids[0].map((id) => tokenizer.token(id));
const shown = (values, of) => values.map((value, i) => of(value).padEnd(names[i].length)).join(' ');

console.log(
  '1. The text, and what the encoder reads of it: some 30 % are masked. MLM predicts what is below the masks.',
);
console.log(shown(input_ids[0], (id) => tokenizer.token(id)));
console.log(shown(encoder_input_ids[0], (id) => (tokenizer.token(id) === '[MASK]' ? '?' : tokenizer.token(id))));
console.log(shown(encoder_labels[0], (label) => (label === IGNORE ? '' : tokenizer.token(label))));

console.log(
  '\n2. The decoder rebuilds every token (enhanced decoding), from the sentence vector and what its row of M lets it see:',
);
for (const [i, row] of decoder_visible[0].entries()) {
  if (decoder_labels[0][i] === IGNORE) continue;
  const visible = row.map((sees, j) => (sees ? names[j] : '·'.repeat(names[j].length)));
  console.log(`${names[i].padStart(10)} <- ${visible.join(' ')}`);
}

console.log('\n3. What holds of every row of M:');
const content = decoder_labels[0].flatMap((label, i) => (label === IGNORE ? [] : [i]));
const rows = content.map((i) => decoder_visible[0][i]);
console.log(`it sees the sentence vector, which stands at [CLS]: ${rows.every((row) => row[0] === 1)}`);
console.log(`it does not see itself: ${content.every((i) => decoder_visible[0][i][i] === 0)}`);
const hidden = rows.map((row) => content.filter((j) => row[j] === 0).length / content.length);
console.log(
  `it hides half of the others, and itself: ${(100 * Math.min(...hidden)).toFixed(0)} to ${(100 * Math.max(...hidden)).toFixed(0)} % of all`,
);
mkdirSync('runs', { recursive: true });
const subtitle =
  'Rows are what is rebuilt, columns what may be seen; the first is the sentence vector. Sampled anew for each row.';
const pick = content.map((i) => names[i]);
const columns = ['vector', ...names.slice(1)];
writeFileSync(
  'runs/masks.svg',
  matrixChart({ title: 'The visibility matrix M of one sentence', subtitle, rows: pick, columns, values: rows }),
);
console.log('drawn in runs/masks.svg');
