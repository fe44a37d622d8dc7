// A BERT learns eight sentences by heart, and fills in what is masked. Run it: node examples/05-mlm.js
import {
  AdamW,
  Batches,
  bertConfig,
  Ids,
  linearDecay,
  objectives,
  openBackend,
  PretrainModel,
  Random,
  scope,
  Sequences,
  setBackend,
  WordPiece,
} from 'retromae';

const backend = await openBackend('wasm', { threads: 1 });
setBackend(backend);
const sentences = [
  'the cat sleeps on the warm roof',
  'a dog barks at the red moon',
  'the river carries old wood down',
  'seven birds sing before the rain',
  'my sister paints a blue door',
  'the baker sells bread and salt',
  'young trees bend in strong wind',
  'an engine needs oil and water',
];
const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const tokenizer = WordPiece.fromVocab([...special, ...new Set(sentences.join(' ').split(' '))]); // whole words
const examples = sentences.map((sentence) => tokenizer.encode(sentence));
const maxLength = Math.max(...examples.map(({ length }) => length)) + 2; // [CLS] and [SEP]

// A very small BERT: one layer, 32 numbers a token.
const { mlm } = objectives;
const config = bertConfig({
  ...{ vocab_size: tokenizer.size, hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2 },
  ...{ intermediate_size: 64, max_position_embeddings: maxLength, initializer_range: 0.1 },
});
const model = new PretrainModel(mlm, config, new Random(1), { encoderMask: 0.2 });
const batches = new Batches(examples, mlm.collator(model.options, { tokenizer, maxLength }), 8, 1);
const steps = 400;
const optimizer = new AdamW(model, { lr: linearDecay(1e-2, steps, 40), clip: 1 });
for (let step = 0; step < steps; step++) {
  const { loss, accuracy } = await optimizer.step(() => model.losses(batches.at(step)));
  if ((step + 1) % 100 === 0)
    console.log(
      `step ${step + 1}: loss ${loss.toFixed(2)} nats a masked token, guessed ${(100 * accuracy).toFixed(0)} %`,
    );
}

// Mask the third word of each sentence, and ask.
let right = 0;
for (const sentence of sentences) {
  const words = sentence.split(' ');
  const masked = words.map((word, i) => (i === 2 ? '[MASK]' : word)).join(' ');
  const ids = [tokenizer.cls, ...tokenizer.encode(masked), tokenizer.sep];
  const at = ids.indexOf(tokenizer.mask);
  const logits = scope(() => {
    const states = model.bert.forward(new Ids(ids), Sequences.ofLengths([ids.length])); // [tokens, 32]
    return model.cls.logits(states.gather([at]), model.bert.embeddings.word_embeddings); // [1, V]
  });
  const scores = await logits.read();
  const guess = tokenizer.token(scores.indexOf(Math.max(...scores)));
  right += guess === words[2] ? 1 : 0;
  console.log(`${masked.padEnd(42)} ${guess}`);
}
console.log(`${right} of ${sentences.length} right`);
await backend.close();
