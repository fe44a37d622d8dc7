// RetroMAE's loss, written as one reads it in the paper (Xiao et al., 2022, arXiv 2205.12035), beside the library's: padded, every
// row computed, plain operations, attention head by head. Run it: node examples/06-retromae.js
// prettier-ignore
import {
  bertConfig, Collator, Ids, IGNORE, objectives, openBackend, PretrainModel, Random, setBackend, tensor, toPadded, trainWordPiece,
} from 'retromae';

const backend = await openBackend('reference', { dtype: 'float64' });
setBackend(backend);
const texts = ['the committee shall report to the house', 'the president may veto a bill', 'a treaty needs the senate'];
const tokenizer = await trainWordPiece(texts, { vocabSize: 120 });
// prettier-ignore
const config = bertConfig({
  vocab_size: tokenizer.size, hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 32,
  max_position_embeddings: 16, initializer_range: 0.2, pad_token_id: tokenizer.pad,
});
const model = new PretrainModel(objectives.retromae, config, new Random(1));
const collator = new Collator({ tokenizer, maxLength: 16, encoderMask: 0.3, decoderMask: 0.5 });
const batch = collator.collate(
  texts.map((text) => tokenizer.encode(text)),
  (i) => new Random(2, i),
);
const padded = toPadded(batch, tokenizer.pad); // [B, T] each, decoder_visible [B, T, T]
const [B, T, H, heads] = [texts.length, padded.input_ids[0].length, config.hidden_size, config.num_attention_heads];
const { embeddings, encoder } = model.bert;

// Embeddings: words + positions + types, then layer norm. [B, T, H]
const positions = embeddings.position_embeddings.forward(new Ids(Array.from({ length: T }, (_, p) => p))); // [T, H]
const words = (ids) => embeddings.word_embeddings.forward(new Ids(ids.flat())).reshape([B, T, H]);
const types = embeddings.token_type_embeddings.forward(new Ids([0])); // [1, H]
const embed = (ids) => embeddings.LayerNorm.forward(words(ids).add(positions).add(types));

// Attention of queries x [B, T, H] over a context [B, T, H], where `seen` is 1: softmax(Q K^T / sqrt(d) + M) V.
function attend({ query, key, value }, x, context, seen) {
  const split = (y) => y.reshape([B, T, heads, H / heads]).permute(0, 2, 1, 3); // [B, heads, T, H / heads]
  const [q, k, v] = [query.forward(x), key.forward(context), value.forward(context)].map(split);
  const M = tensor(seen.map((rows) => [rows.map((row) => row.map((sees) => (sees ? 0 : -1e9)))])); // [B, 1, T, T]
  const weights = q
    .matmul(k.transpose())
    .mul(1 / Math.sqrt(H / heads))
    .add(M)
    .softmax(); // [B, heads, T, T]
  return weights.matmul(v).permute(0, 2, 1, 3).reshape([B, T, H]);
}

// A layer of BERT: attention, residual, norm; feed-forward, residual, norm.
function layer({ attention: { self, output: first }, intermediate, output: second }, x, context, seen) {
  const middle = first.LayerNorm.forward(first.dense.forward(attend(self, x, context, seen)).add(x));
  return second.LayerNorm.forward(second.dense.forward(intermediate.dense.forward(middle).gelu()).add(middle));
}

// Cross-entropy of the labelled tokens, by the MLM head, whose last product is with the word table.
function loss(states, labels) {
  const logits = model.cls.logits(states.reshape([B * T, H]), embeddings.word_embeddings); // [B T, V]
  const shifted = logits.sub(logits.detach().max(-1, true));
  const logShares = shifted.sub(shifted.exp().sum(-1, true).log());
  const wanted = labels.flat();
  const count = wanted.filter((label) => label !== IGNORE).length;
  const chosen = wanted.map((label) =>
    Array.from({ length: config.vocab_size }, (_, word) => (word === label ? -1 / count : 0)),
  );
  return logShares.mul(tensor(chosen)).sum();
}

// 1. The encoder reads the text, masked lightly. h is the last hidden state of [CLS], L_enc the cross-entropy of what is masked.
const tokens = padded.attention_mask.map((row) => row.map(() => row)); // every row sees every token, none sees padding
let states = embed(padded.encoder_input_ids);
for (const parts of encoder.layer) states = layer(parts, states, states, tokens);
const h = states.slice(1, 0, 1); // [B, 1, H]
const encoderLoss = loss(states, padded.encoder_labels);

// 2. The decoder, one layer, rebuilds every token of the text. Its queries know the vector and where they are, H1 = h + p_i;
//    its context is the vector and the unmasked text, H2 = [h, e_1 + p_1, ...]; and row i sees what M lets it see, never itself.
const H1 = h.add(positions); // [B, T, H]
const H2 = h.concat(embed(padded.input_ids).slice(1, 1, T), 1); // [B, T, H]
const decoderLoss = loss(layer(model.c_head, H1, H2, padded.decoder_visible), padded.decoder_labels);

const written = await encoderLoss.add(decoderLoss).item();
const library = await model.losses(batch).loss.item();
console.log(
  `${B} texts of at most ${T} tokens, ${config.vocab_size} words; a guess at random costs ${Math.log(config.vocab_size).toFixed(2)} nats a token`,
);
console.log(
  `encoder ${(await encoderLoss.item()).toFixed(6)} + decoder ${(await decoderLoss.item()).toFixed(6)} = ${written.toFixed(6)}`,
);
console.log(
  `the library's loss            = ${library.toFixed(6)}, ${Math.abs(written - library) < 1e-6 ? 'the same to 1e-6' : 'NOT the same'}`,
);
await backend.close();
