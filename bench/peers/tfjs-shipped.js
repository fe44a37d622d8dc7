// The loss of MLM as a user of TensorFlow.js writes it: its own operations, batched products, derivatives by its tape.
// The one concession to the wasm backend is that rows are picked by a product with one-hot rows: it lacks a kernel for
// the derivative of `gather`.
import { createRequire } from 'node:module';

/** Registers the derivatives, which the core comes without. */
export const registerGradients = () => createRequire(import.meta.url)('@tensorflow/tfjs');

/** Loss and gradients; dense weights are [in, out], and query, key and value apart. */
export function differentiate(tf, p, config, batch) {
  const names = Object.keys(p);
  const loss = (...tensors) =>
    lossOf(tf, Object.fromEntries(names.map((name, i) => [name, tensors[i]])), config, batch);
  const { value, grads } = tf.valueAndGrads(loss)(Object.values(p));
  return { loss: value, gradients: Object.fromEntries(names.map((name, i) => [name, grads[i]])) };
}

function lossOf(tf, p, config, { sequences, length, bias, encoderIds, rows, labels }) {
  const { hidden_size: hidden, num_attention_heads: heads, layer_norm_eps: eps } = config;
  const width = hidden / heads;
  const words = p['bert.embeddings.word_embeddings.weight'];
  const linear = (x, name) => tf.add(tf.matMul(x, p[`${name}.weight`]), p[`${name}.bias`]);
  const norm = (x, name) => {
    const { mean, variance } = tf.moments(x, -1, true);
    const normal = tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, eps)));
    return tf.add(tf.mul(normal, p[`${name}.weight`]), p[`${name}.bias`]);
  };
  const gelu = (x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
  const drop = (x) => tf.dropout(x, config.hidden_dropout_prob);
  const oneHot = (ids, depth) => tf.oneHot(tf.tensor1d(ids, 'int32'), depth);
  const pick = (table, ids) => tf.matMul(oneHot(ids, table.shape[0]), table);
  const inHeads = (x) => tf.transpose(tf.reshape(x, [sequences, length, heads, width]), [0, 2, 1, 3]);
  const hide = (scores) => (bias ? tf.add(scores, tf.tensor(bias, [sequences, 1, 1, length])) : scores);

  const position = tf.slice(p['bert.embeddings.position_embeddings.weight'], [0, 0], [length, hidden]);
  const type = tf.slice(p['bert.embeddings.token_type_embeddings.weight'], [0, 0], [1, hidden]);
  const word = tf.reshape(pick(words, encoderIds), [sequences, length, hidden]);
  const embedded = tf.reshape(tf.add(word, tf.add(position, type)), [sequences * length, hidden]);
  let x = drop(norm(embedded, 'bert.embeddings.LayerNorm'));
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const name = `bert.encoder.layer.${i}`;
    const [q, k, v] = ['query', 'key', 'value'].map((n) => inHeads(linear(x, `${name}.attention.self.${n}`)));
    const scores = tf.div(tf.matMul(q, k, false, true), Math.sqrt(width));
    const weights = tf.dropout(tf.softmax(hide(scores)), config.attention_probs_dropout_prob);
    const seen = tf.reshape(tf.transpose(tf.matMul(weights, v), [0, 2, 1, 3]), [sequences * length, hidden]);
    const mixed = linear(seen, `${name}.attention.output.dense`);
    const middle = norm(tf.add(drop(mixed), x), `${name}.attention.output.LayerNorm`);
    const narrow = linear(gelu(linear(middle, `${name}.intermediate.dense`)), `${name}.output.dense`);
    x = norm(tf.add(drop(narrow), middle), `${name}.output.LayerNorm`);
  }
  const transform = 'cls.predictions.transform';
  const head = norm(gelu(linear(pick(x, rows), `${transform}.dense`)), `${transform}.LayerNorm`);
  const logits = tf.add(tf.matMul(head, words, false, true), p['cls.predictions.bias']);
  return tf.losses.softmaxCrossEntropy(oneHot(labels, words.shape[0]), logits);
}
