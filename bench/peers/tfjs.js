// A step of MLM in TensorFlow.js on its wasm backend, as a peer program of `npm run bench -- step` (see README.md).
// The derivatives are written by hand, of kernels that the backend has a fast path for: products of two plain matrices
// (batched or transposed ones fall back to a loop 20 to 50 times slower), hence attention head by head, the smaller
// side of a product transposed, and sums over rows as products with ones. Variants: best; single with one thread, as
// small products cost more to share among threads than to compute; shipped (tfjs-shipped.js) without any of this.
import { dirname } from 'node:path';
import { ADAMW, decays, dropoutMask, padded, transposed, weightsOf } from './bert.js';
import { serve } from './child.js';
import { differentiate, registerGradients } from './tfjs-shipped.js';
import { start } from './tfjs-threads.js';

let tf;
let step = 0;

/** [rows, n]' x [rows, m], by transposing whichever is smaller. */
function gradientOfWeight(x, dy) {
  return x.shape[1] <= dy.shape[1] ? tf.matMul(tf.transpose(x), dy) : tf.transpose(tf.matMul(tf.transpose(dy), x));
}

const columnSums = (x) => tf.reshape(tf.matMul(tf.ones([1, x.shape[0]]), x), [x.shape[1]]);

/** Both ways of y = x W + b; W is [in, out]. */
const linear = (p, name) => ({
  forward: (x) => tf.fused.matMul({ a: x, b: p[`${name}.weight`], bias: p[`${name}.bias`] }),
  backward(x, dy, gradients) {
    gradients[`${name}.weight`] = gradientOfWeight(x, dy);
    gradients[`${name}.bias`] = columnSums(dy);
    return tf.matMul(dy, tf.transpose(p[`${name}.weight`]));
  },
});

const layerNorm = (p, name, eps) => ({
  forward(x) {
    const centered = tf.sub(x, tf.mean(x, 1, true));
    const scale = tf.rsqrt(tf.add(tf.mean(tf.square(centered), 1, true), eps));
    const normal = tf.mul(centered, scale);
    return { y: tf.add(tf.mul(normal, p[`${name}.weight`]), p[`${name}.bias`]), normal, scale };
  },
  backward({ normal, scale }, dy, gradients) {
    gradients[`${name}.weight`] = columnSums(tf.mul(dy, normal));
    gradients[`${name}.bias`] = columnSums(dy);
    const d = tf.mul(dy, p[`${name}.weight`]);
    const along = tf.mul(normal, tf.mean(tf.mul(d, normal), 1, true));
    return tf.mul(tf.sub(tf.sub(d, tf.mean(d, 1, true)), along), scale);
  },
});

/** The exact GELU of x, and the share of x in it, which its derivative needs. */
function gelu(x) {
  const share = tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5);
  return { y: tf.mul(x, share), share };
}

function geluBackward(x, share, dy) {
  const density = tf.mul(tf.exp(tf.mul(tf.square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  return tf.mul(dy, tf.add(share, tf.mul(x, density)));
}

/** A mask of dropout, or none at rate 0. */
const maskOf = (shape, rate) =>
  rate > 0
    ? tf.tensor(
        dropoutMask(
          shape.reduce((n, m) => n * m),
          rate,
        ),
        shape,
      )
    : null;
const drop = (x, mask) => (mask ? tf.mul(x, mask) : x);

/** The matrices of [n, rows, columns], copied in JavaScript: `slice` copies the whole tensor out for each. */
function matrices(x) {
  const [n, rows, columns] = x.shape;
  const data = x.dataSync();
  const size = rows * columns;
  return Array.from({ length: n }, (_, i) => tf.tensor2d(data.subarray(i * size, (i + 1) * size), [rows, columns]));
}

/** The products of two lists of matrices, as one [n, rows, columns]. */
function products(a, b) {
  const out = a.map((x, i) => tf.matMul(x, b[i]));
  const [rows, columns] = out[0].shape;
  return tf.reshape(tf.concat(out), [a.length, rows, columns]);
}

function attention({ sequences, length }, heads, hidden, rate) {
  const width = hidden / heads;
  /** [rows, parts * hidden] to [parts * sequences * heads, length, width]. */
  const split = (x, parts) =>
    tf.reshape(tf.transpose(tf.reshape(x, [sequences, length, parts * heads, width]), [0, 2, 1, 3]), [
      sequences * parts * heads,
      length,
      width,
    ]);
  const flipped = (x) => tf.transpose(x, [0, 2, 1]);
  /** [count, length, width] to [rows, hidden]. */
  const merge = (x) =>
    tf.reshape(tf.transpose(tf.reshape(x, [sequences, heads, length, width]), [0, 2, 1, 3]), [-1, hidden]);
  /** Three of the matrices of all heads, by the order in which `split` has them. */
  const queryKeyValue = (all) =>
    [0, 1, 2].map((part) => all.filter((_, i) => Math.floor((i % (3 * heads)) / heads) === part));
  return {
    forward(qkv, bias) {
      const separate = split(qkv, 3);
      const [q, , v] = queryKeyValue(matrices(separate));
      const [, kT] = queryKeyValue(matrices(flipped(separate)));
      let scores = tf.mul(products(q, kT), 1 / Math.sqrt(width));
      if (bias) scores = tf.reshape(tf.add(tf.reshape(scores, [sequences, heads, length, length]), bias), scores.shape);
      const weights = tf.softmax(scores);
      const mask = maskOf(weights.shape, rate);
      return { y: merge(products(matrices(drop(weights, mask)), v)), weights, mask, qkv };
    },
    backward({ weights, mask, qkv }, dy) {
      const separate = split(qkv, 3);
      const [, k] = queryKeyValue(matrices(separate));
      const [qT, , vT] = queryKeyValue(matrices(flipped(separate)));
      const dOut = split(dy, 1);
      const dV = flipped(products(matrices(flipped(dOut)), matrices(drop(weights, mask))));
      const dWeights = drop(products(matrices(dOut), vT), mask);
      const along = tf.sum(tf.mul(dWeights, weights), 2, true);
      const dScores = tf.mul(tf.mul(tf.sub(dWeights, along), weights), 1 / Math.sqrt(width));
      const d = matrices(dScores);
      const dQ = products(d, k);
      const dK = flipped(products(qT, d));
      return tf.concat([dQ, dK, dV].map(merge), 1);
    },
  };
}

/** One layer: `forward` returns y and what `backward` needs; that returns the gradient of x and adds the others. */
function layerOf(p, i, config, batch, bias) {
  const name = `bert.encoder.layer.${i}`;
  const { layer_norm_eps: eps, hidden_dropout_prob: rate, hidden_size: hidden } = config;
  const attend = attention(batch, config.num_attention_heads, hidden, config.attention_probs_dropout_prob);
  const qkv = linear(p, `${name}.attention.self`);
  const mixed = linear(p, `${name}.attention.output.dense`);
  const norm = layerNorm(p, `${name}.attention.output.LayerNorm`, eps);
  const wide = linear(p, `${name}.intermediate.dense`);
  const narrow = linear(p, `${name}.output.dense`);
  const lastNorm = layerNorm(p, `${name}.output.LayerNorm`, eps);
  return {
    forward: (x) => {
      const seen = attend.forward(qkv.forward(x), bias);
      const mask = maskOf(x.shape, rate);
      const middle = norm.forward(tf.add(drop(mixed.forward(seen.y), mask), x));
      const before = wide.forward(middle.y);
      const active = gelu(before);
      const lastMask = maskOf(x.shape, rate);
      const last = lastNorm.forward(tf.add(drop(narrow.forward(active.y), lastMask), middle.y));
      return { y: last.y, x, seen, mask, middle, before, active, lastMask, last };
    },
    backward({ x, seen, mask, middle, before, active, lastMask, last }, dy) {
      const gradients = {};
      const dLast = lastNorm.backward(last, dy, gradients);
      const dActive = narrow.backward(active.y, drop(dLast, lastMask), gradients);
      const dBefore = geluBackward(before, active.share, dActive);
      const dMiddle = tf.add(dLast, wide.backward(middle.y, dBefore, gradients));
      const dMixed = norm.backward(middle, dMiddle, gradients);
      const dSeen = attend.backward(seen, mixed.backward(seen.y, drop(dMixed, mask), gradients));
      return { dx: tf.add(dMixed, qkv.backward(x, dSeen, gradients)), gradients };
    },
  };
}

function embeddings(p, config, { sequences, length, encoderIds }) {
  const [words, positions, types] = ['word', 'position', 'token_type'].map(
    (n) => `bert.embeddings.${n}_embeddings.weight`,
  );
  const { hidden_size: hidden, hidden_dropout_prob: rate } = config;
  const norm = layerNorm(p, 'bert.embeddings.LayerNorm', config.layer_norm_eps);
  return {
    forward() {
      const place = tf.add(tf.slice(p[positions], [0, 0], [length, hidden]), tf.slice(p[types], [0, 0], [1, hidden]));
      const word = tf.reshape(tf.gather(p[words], tf.tensor1d(encoderIds, 'int32')), [sequences, length, hidden]);
      const normed = norm.forward(tf.reshape(tf.add(word, place), [-1, hidden]));
      const mask = maskOf(normed.y.shape, rate);
      return { y: drop(normed.y, mask), normed, mask };
    },
    /** The gradient of the words is added to the one that the head has given. */
    backward({ normed, mask }, dy, ofWords) {
      const gradients = {};
      const d = norm.backward(normed, drop(dy, mask), gradients);
      const scattered = tf.scatterND(tf.tensor2d(encoderIds, [encoderIds.length, 1], 'int32'), d, p[words].shape);
      gradients[words] = tf.add(ofWords, scattered);
      const place = tf.reshape(columnSums(tf.reshape(d, [sequences, length * hidden])), [length, hidden]);
      gradients[positions] = tf.pad(place, [
        [0, p[positions].shape[0] - length],
        [0, 0],
      ]);
      const type = tf.reshape(columnSums(place), [1, hidden]);
      gradients[types] = tf.pad(type, [
        [0, p[types].shape[0] - 1],
        [0, 0],
      ]);
      return gradients;
    },
  };
}

/** The head on the labelled rows and the cross-entropy: the loss, the gradient of the hidden states and the others. */
function headLoss(p, config, hidden, { rows, labels }) {
  const name = 'cls.predictions';
  const table = p['bert.embeddings.word_embeddings.weight'];
  const dense = linear(p, `${name}.transform.dense`);
  const norm = layerNorm(p, `${name}.transform.LayerNorm`, config.layer_norm_eps);
  const picked = tf.gather(hidden, tf.tensor1d(rows, 'int32'));
  const before = dense.forward(picked);
  const active = gelu(before);
  const normed = norm.forward(active.y);
  const logits = tf.fused.matMul({ a: normed.y, b: tf.transpose(table), bias: p[`${name}.bias`] });
  const chances = tf.softmax(logits);
  const at = tf.tensor2d(
    labels.flatMap((label, i) => [i, label]),
    [labels.length, 2],
    'int32',
  );
  const chance = tf.gatherND(chances, at);
  const loss = tf.mean(tf.neg(tf.log(tf.maximum(chance, 1e-37))));
  const gradients = {};
  const dLogits = tf.div(tf.tensorScatterUpdate(chances, at, tf.sub(chance, 1)), labels.length);
  gradients[`${name}.bias`] = columnSums(dLogits);
  const ofWords = gradientOfWeight(dLogits, normed.y);
  const dActive = norm.backward(normed, tf.matMul(dLogits, table), gradients);
  const dPicked = dense.backward(picked, geluBackward(before, active.share, dActive), gradients);
  const at1 = tf.tensor2d(rows, [rows.length, 1], 'int32');
  return { loss, dHidden: tf.scatterND(at1, dPicked, hidden.shape), ofWords, gradients };
}

/** Loss and gradients; what a layer needs for its way back lives until then. */
function backpropagate(p, config, batch) {
  const bias = batch.bias && tf.tensor(batch.bias, [batch.sequences, 1, 1, batch.length]);
  const embed = embeddings(p, config, batch);
  const layers = Array.from({ length: config.num_hidden_layers }, (_, i) => layerOf(p, i, config, batch, bias));
  const embedded = tf.tidy(() => embed.forward());
  const passes = [];
  let x = embedded.y;
  for (const layer of layers) {
    passes.push(tf.tidy(() => layer.forward(x)));
    x = passes.at(-1).y;
  }
  const head = tf.tidy(() => headLoss(p, config, x, batch));
  const gradients = { ...head.gradients };
  let dy = head.dHidden;
  for (const layer of layers.toReversed()) {
    const pass = passes.pop();
    const back = tf.tidy(() => layer.backward(pass, dy));
    Object.assign(gradients, back.gradients);
    // Its x belongs to whoever made it.
    tf.dispose([{ ...pass, x: [] }, dy]);
    dy = back.dx;
  }
  Object.assign(
    gradients,
    tf.tidy(() => embed.backward(embedded, dy, head.ofWords)),
  );
  tf.dispose([embedded, dy, head.ofWords, bias ?? []]);
  return { loss: head.loss, gradients };
}

/** Clipping and AdamW. The moments are kept without their factors (1 - beta), which go into the rate. */
function update(p, moments, gradients) {
  step++;
  const { lr, beta1, beta2, eps, decay, clip } = ADAMW;
  const squares = Object.values(gradients).map((g) => tf.tidy(() => tf.sum(tf.sum(tf.square(g), -1)).dataSync()[0]));
  const norm = Math.sqrt(squares.reduce((sum, s) => sum + s, 0));
  const scale = norm > clip ? clip / (norm + 1e-6) : 1;
  const toVariance = Math.sqrt((1 - beta2) / (1 - beta2 ** step));
  const rate = (lr * (1 - beta1)) / (1 - beta1 ** step) / toVariance;
  for (const name of Object.keys(p)) {
    const old = [p[name], moments[name].first, moments[name].second, gradients[name]];
    const [parameter, first, second] = tf.tidy(() => {
      const g = scale < 1 ? tf.mul(gradients[name], scale) : gradients[name];
      const first = tf.add(tf.mul(moments[name].first, beta1), g);
      const second = tf.add(tf.mul(moments[name].second, beta2), tf.square(g));
      const change = tf.mul(tf.div(first, tf.add(tf.sqrt(second), eps / toVariance)), rate);
      const kept = decays(name) ? tf.mul(p[name], 1 - lr * decay) : p[name];
      return [tf.sub(kept, change), first, second];
    });
    tf.dispose(old);
    p[name] = parameter;
    moments[name] = { first, second };
  }
}

/** As tensors: dense weights [in, out], and query, key and value side by side unless they shall be `apart`. */
function parametersOf(job, apart) {
  const p = {};
  const weights = weightsOf(job);
  const asStored = (name) => tf.tensor(weights[name].data, weights[name].shape);
  const flipped = (name) => {
    const { data, shape } = weights[name];
    return tf.tensor2d(transposed(data, ...shape), [shape[1], shape[0]]);
  };
  for (const name of Object.keys(weights)) {
    const self = /^(.*\.attention\.self)\.query\.(weight|bias)$/.exec(name);
    if (self && !apart) {
      const parts = ['query', 'key', 'value'].map((part) => `${self[1]}.${part}.${self[2]}`);
      const isBias = self[2] === 'bias';
      p[`${self[1]}.${self[2]}`] = tf.concat(parts.map(isBias ? asStored : flipped), isBias ? 0 : 1);
    } else if (apart || !name.includes('.attention.self.'))
      p[name] = /(dense|query|key|value)\.weight$/.test(name) ? flipped(name) : asStored(name);
  }
  return p;
}

await serve(async (job, batches) => {
  // In the job's own folder, which is removed even if this program is killed.
  const started = await start(job.variant === 'single' ? 1 : job.threads, dirname(job.batches));
  tf = started.tf;
  const ready = new Map(batches.map((batch) => [batch, padded(batch)]));
  const shipped = job.variant === 'shipped';
  if (shipped) registerGradients();
  const p = parametersOf(job, shipped);
  const moments = {};
  for (const name of Object.keys(p)) moments[name] = { first: tf.zerosLike(p[name]), second: tf.zerosLike(p[name]) };
  return {
    name: 'TensorFlow.js',
    version: tf.version_core,
    threads: started.threads,
    step: async (batch) => {
      const own = ready.get(batch);
      const { loss, gradients } = shipped ? differentiate(tf, p, job.config, own) : backpropagate(p, job.config, own);
      update(p, moments, gradients);
      const value = loss.dataSync()[0];
      loss.dispose();
      return { loss: value };
    },
  };
});
