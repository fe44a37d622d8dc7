// A step of RetroMAE or MLM in jax-js on its wasm backend, as a peer program of `npm run bench -- step` (see README.md): forward and
// backward in one jit, clipping and AdamW in another. What it has no derivative for within jit, looking up rows, is
// done in JavaScript: words are looked up and their gradients scattered outside, the few rows that the encoder's mask fell
// on picked by a product.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { ADAMW, decays, dropoutMask, padded, transposed, weightsOf } from './bert.js';
import { serve } from './child.js';
import { start } from './jax-start.js';

const WORDS = 'bert.embeddings.word_embeddings.weight';
const main = createRequire(import.meta.url).resolve('@jax-js/jax');
const { version } = JSON.parse(readFileSync(new URL('../package.json', `file://${main}`), 'utf8'));

/** The loss as a function of (parameters, embedded words, the rest); every array is used up once, hence all the `ref`. */
function lossOf({ numpy: np, nn, lax }, config, { sequences, length, labels, decoder }) {
  const { hidden_size: hidden, num_attention_heads: heads, layer_norm_eps: eps } = config;
  const width = hidden / heads;
  const rows = sequences * length;
  return (p, words, { selection, labels: wanted, bias, masks, decoded }) => {
    const get = (name) => p[name].ref;
    const linear = (x, name) => np.matmul(x, get(`${name}.weight`)).add(get(`${name}.bias`));
    const norm = (x, name) => {
      const centered = x.ref.sub(x.mean(-1, { keepdims: true }));
      const variance = np.square(centered.ref).mean(-1, { keepdims: true });
      const normal = centered.div(np.sqrt(variance.add(eps)));
      return normal.mul(get(`${name}.weight`)).add(get(`${name}.bias`));
    };
    const gelu = (x) => x.ref.mul(lax.erf(x.mul(Math.SQRT1_2)).add(1)).mul(0.5);
    const drop = (x, name) => (masks[name] ? x.mul(masks[name].ref) : x);
    const inHeads = (x) => x.reshape([sequences, length, heads, width]).transpose([0, 2, 1, 3]);

    const positions = () =>
      get('bert.embeddings.position_embeddings.weight').slice([0, length]).reshape([1, length, hidden]);
    /** The words of the encoder's text, which come first, or of the decoder's context. */
    const embed = (part, mask) => {
      const type = get('bert.embeddings.token_type_embeddings.weight').slice([0, 1]).reshape([1, 1, hidden]);
      const own = words.ref.slice([part * rows, (part + 1) * rows]).reshape([sequences, length, hidden]);
      const embedded = own.add(positions().add(type)).reshape([rows, hidden]);
      return drop(norm(embedded, 'bert.embeddings.LayerNorm'), mask);
    };
    const layer = (x, context, name, hide) => {
      const project = (y, part) => inHeads(linear(y, `${name}.attention.self.${part}`));
      const [q, k, v] = [project(x.ref, 'query'), project(context.ref, 'key'), project(context, 'value')];
      let scores = np.matmul(q, k.transpose([0, 1, 3, 2])).mul(1 / Math.sqrt(width));
      if (hide) scores = scores.add(hide.ref);
      const seen = np.matmul(drop(nn.softmax(scores), `${name}.attention`), v).transpose([0, 2, 1, 3]);
      const mixed = linear(seen.reshape([rows, hidden]), `${name}.attention.output.dense`);
      const middle = norm(drop(mixed, `${name}.mixed`).add(x), `${name}.attention.output.LayerNorm`);
      const narrow = linear(gelu(linear(middle.ref, `${name}.intermediate.dense`)), `${name}.output.dense`);
      return norm(drop(narrow, `${name}.output`).add(middle), `${name}.output.LayerNorm`);
    };
    /** The mean cross-entropy of `count` rows; those with a label that is no word do not count. */
    const headLoss = (x, wanted, count) => {
      const head = norm(gelu(linear(x, 'cls.predictions.transform.dense')), 'cls.predictions.transform.LayerNorm');
      const logits = np.matmul(head, get(WORDS).transpose()).add(get('cls.predictions.bias'));
      const chosen = np
        .arange(config.vocab_size)
        .reshape([1, -1])
        .equal(wanted.ref.reshape([-1, 1]));
      return np
        .where(chosen, nn.logSoftmax(logits), 0)
        .sum()
        .mul(-1 / count);
    };

    let x = embed(0, 'embeddings');
    for (let i = 0; i < config.num_hidden_layers; i++) x = layer(x.ref, x, `bert.encoder.layer.${i}`, bias);
    const loss = headLoss(np.matmul(selection.ref, x.ref), wanted, labels.length);
    if (!decoder) {
      x.dispose();
      return loss;
    }
    const cls = x.reshape([sequences, length, hidden]).slice([], [0, 1]);
    const first = np.arange(length).equal(0).reshape([1, length, 1]);
    const text = embed(1, 'context').reshape([sequences, length, hidden]);
    const context = np.where(first, cls.ref, text).reshape([rows, hidden]);
    const queries = cls.add(positions()).reshape([rows, hidden]);
    return loss.add(headLoss(layer(queries, context, 'c_head', decoded.bias), decoded.labels, decoder.count));
  };
}

/** Clipping and AdamW of all parameters as one function. */
function updateOf({ numpy: np }) {
  const { lr, beta1, beta2, eps, decay, clip } = ADAMW;
  return (p, first, second, gradients, scattered, corrections) => {
    const g = { ...gradients, [WORDS]: gradients[WORDS].add(scattered) };
    const squares = Object.values(g).map((x) => np.square(x.ref).sum());
    const total = np.sqrt(squares.reduce((a, b) => a.add(b)));
    const scale = np.minimum(np.array(clip).div(total.add(1e-6)), 1);
    const out = [{}, {}, {}];
    for (const name of Object.keys(p)) {
      const clipped = g[name].mul(scale.ref);
      const m = first[name].mul(beta1).add(clipped.ref.mul(1 - beta1));
      const v = second[name].mul(beta2).add(np.square(clipped).mul(1 - beta2));
      const change = m.ref.mul(corrections.ref.slice(0)).div(np.sqrt(v.ref.mul(corrections.ref.slice(1))).add(eps));
      const kept = decays(name) ? p[name].mul(1 - lr * decay) : p[name];
      Object.assign(out[0], { [name]: kept.sub(change.mul(lr)) });
      Object.assign(out[1], { [name]: m });
      Object.assign(out[2], { [name]: v });
    }
    scale.dispose();
    corrections.dispose();
    return out;
  };
}

await serve(async (job, batches) => {
  const jax = await start(job.threads);
  const { numpy: np, tree } = jax;
  const { config } = job;
  const hidden = config.hidden_size;
  const array = (data, shape) => np.array(data).reshape(shape);
  let p = {};
  for (const [name, { shape, data }] of Object.entries(weightsOf(job)))
    p[name] =
      name.endsWith('dense.weight') || (name.includes('.self.') && name.endsWith('weight'))
        ? array(transposed(data, ...shape), [shape[1], shape[0]])
        : array(data, shape);
  let [first, second] = [0, 0].map(() => tree.map((x) => np.zerosLike(x.ref), p));
  const update = jax.jit(updateOf(jax));
  /** By the shape of the batch. */
  const compiled = new Map();
  const passOf = (batch) => {
    const key = [batch.sequences, batch.length, batch.labels.length, batch.decoder?.count].join();
    if (!compiled.has(key)) {
      const loss = lossOf(jax, config, batch);
      compiled.set(
        key,
        jax.jit((...args) => jax.valueAndGrad(loss, { argnums: [0, 1] })(...args)),
      );
    }
    return compiled.get(key);
  };
  const masksOf = ({ sequences, length, decoder }) => {
    const masks = {};
    const add = (name, rate, ...shape) => {
      if (rate > 0)
        masks[name] = array(
          dropoutMask(
            shape.reduce((n, m) => n * m),
            rate,
          ),
          shape,
        );
    };
    const rows = sequences * length;
    add('embeddings', config.hidden_dropout_prob, rows, hidden);
    const layers = Array.from({ length: config.num_hidden_layers }, (_, i) => `bert.encoder.layer.${i}`);
    if (decoder) {
      add('context', config.hidden_dropout_prob, rows, hidden);
      layers.push('c_head');
    }
    for (const name of layers) {
      add(
        `${name}.attention`,
        config.attention_probs_dropout_prob,
        sequences,
        config.num_attention_heads,
        length,
        length,
      );
      add(`${name}.mixed`, config.hidden_dropout_prob, rows, hidden);
      add(`${name}.output`, config.hidden_dropout_prob, rows, hidden);
    }
    return masks;
  };
  const ready = new Map(batches.map((batch) => [batch, padded(batch)]));
  let steps = 0;
  return {
    name: 'jax-js',
    version,
    threads: job.threads,
    step: async (packed) => {
      const batch = ready.get(packed);
      const { sequences, length, bias, rows, labels, decoder } = batch;
      const ids = decoder ? Int32Array.of(...batch.encoderIds, ...batch.ids) : batch.encoderIds;
      const table = await p[WORDS].ref.data();
      const words = new Float32Array(ids.length * hidden);
      ids.forEach((id, i) => words.set(table.subarray(id * hidden, (id + 1) * hidden), i * hidden));
      const selection = new Float32Array(rows.length * sequences * length);
      rows.forEach((row, i) => (selection[i * sequences * length + row] = 1));
      const [loss, [gradients, dWords]] = passOf(batch)(tree.ref(p), array(words, [ids.length, hidden]), {
        selection: array(selection, [rows.length, sequences * length]),
        labels: np.array(Int32Array.from(labels)),
        ...(bias && { bias: array(bias, [sequences, 1, 1, length]) }),
        ...(decoder && {
          decoded: { labels: np.array(decoder.labels), bias: array(decoder.bias, [sequences, 1, length, length]) },
        }),
        masks: masksOf(batch),
      });
      const scattered = new Float32Array(table.length);
      const d = await dWords.data();
      ids.forEach((id, i) => {
        for (let j = 0; j < hidden; j++) scattered[id * hidden + j] += d[i * hidden + j];
      });
      steps++;
      const corrections = Float32Array.of(1 / (1 - ADAMW.beta1 ** steps), 1 / (1 - ADAMW.beta2 ** steps));
      [p, first, second] = update(
        p,
        first,
        second,
        gradients,
        array(scattered, [config.vocab_size, hidden]),
        np.array(corrections),
      );
      await jax.blockUntilReady([p, first, second]);
      return { loss: (await loss.data())[0] };
    },
  };
});
