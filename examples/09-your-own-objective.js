// A pre-training method of your own, in one file: the vector of a text must tell, through one layer, which words the text has.
// Run it: node examples/09-your-own-objective.js
// prettier-ignore
import {
  AdamW, Batches, bertConfig, defineObjective, encodeMasked, Ids, IGNORE, labelled, Linear, linearDecay, objectives, openBackend,
  option, packText, predict, PretrainModel, Random, rules, setBackend, sotu, trainWordPiece,
} from 'retromae';

// 1. The method: L = L_mlm + weight L_gist, L_gist being the cross-entropy of every token of the text, predicted from W h alone.
//    No decoder, no order, no context: all that is known of a word is the vector h of its text.
const { mlm } = objectives;
const gist = defineObjective({
  name: 'gist',
  title: 'Gist',
  options: { ...mlm.options, weight: option(0.5, rules.notNegative, 'weight of what the vector tells') },
  scalars: { ...mlm.scalars, gist: { unit: 'nats', label: 'gist', tag: 'loss/gist' } },
  collator: (options, texts) => mlm.collator(options, texts), // mlm's batch is all that is needed
  head: ({ hidden_size: width, initializer_range }, random) => ({
    gist: new Linear(width, width, random, initializer_range), // W [H, H], trained beside the encoder, thrown away after
  }),
  losses: (encoder, head, batch, { weight }, random) => {
    const { hidden, h, masked, labels, sequences } = encodeMasked(encoder, batch, { random }); // h [B, H]
    const own = predict(encoder, hidden.gather(masked), labels);
    const isEnd = (row) => batch.offsets.includes(row) || batch.offsets.includes(row + 1); // [CLS] and [SEP]
    const words = labelled(batch.ids.map((id, row) => (isEnd(row) ? IGNORE : id)));
    const texts = new Ids(words.rows.map((row) => sequences.ofRow.values[row])); // the text of each word
    const theirs = predict(encoder, head.gist.forward(h).gather(texts), words.labels);
    const loss = own.loss.add(theirs.loss.mul(weight));
    return { loss, h, encoder: own.loss, accuracy: own.accuracy, gist: theirs.loss };
  },
  samples: [{}, { weight: 2 }],
});

// 2. Forty blocks of text, learnt by heart in a few seconds.
const backend = await openBackend('auto');
setBackend(backend);
const texts = (await sotu({ characters: 360 })).slice(0, 100).map(({ text }) => text);
const [maxLength, steps] = [80, 200];
const tokenizer = await trainWordPiece(texts, { vocabSize: 1000 });
const blocks = texts.flatMap((text) => [...packText(text, tokenizer, { maxTokens: maxLength - 2 })]).slice(0, 40);
const config = bertConfig({
  ...{ vocab_size: tokenizer.size, hidden_size: 64, num_hidden_layers: 1, num_attention_heads: 2 },
  ...{ intermediate_size: 256, max_position_embeddings: maxLength, initializer_range: 0.08 },
});
const model = new PretrainModel(gist, config, new Random(1), { weight: 1 });
const batches = new Batches(blocks, gist.collator(model.options, { tokenizer, maxLength }), 16, 1);
const optimizer = new AdamW(model, { lr: linearDecay(5e-3, steps, 20), clip: 1 });

// 3. What a word costs who knows nothing but how frequent words are: the vector has to be cheaper than that.
const counts = new Map();
for (const block of blocks) for (const id of block) counts.set(id, (counts.get(id) ?? 0) + 1);
const total = [...counts.values()].reduce((a, b) => a + b);
const unigram = -[...counts.values()].reduce((sum, count) => sum + (count / total) * Math.log(count / total), 0);
console.log(
  `${blocks.length} blocks, ${tokenizer.size} words; by frequency alone a word costs ${unigram.toFixed(2)} nats`,
);
let recent = [];
for (let step = 0; step < steps; step++) {
  const { gist: cost } = await optimizer.step(() => model.losses(batches.at(step)));
  recent = [...recent, cost].slice(-20);
  if ((step + 1) % 50 === 0) console.log(`step ${step + 1}: told by the vector ${mean(recent).toFixed(2)} nats`);
}
console.log(
  mean(recent) < unigram ? 'the vector tells more than frequency does' : 'the vector tells no more than frequency',
);
await backend.close();

function mean(values) {
  return values.reduce((a, b) => a + b, 0) / values.length;
}
