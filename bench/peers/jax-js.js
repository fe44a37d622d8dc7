// A step of MLM in jax-js on its wasm backend, as a peer program of `npm run bench -- step` (see README.md): forward and
// backward in one jit, clipping and AdamW in another. What it has no derivative for within jit, looking up rows, is
// done in JavaScript: words are looked up and their gradients scattered outside, labelled rows picked by a product.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { ADAMW, decays, dropoutMask, padded, transposed, weightsOf } from './bert.js';
import { serve } from './child.js';
import { start } from './jax-start.js';

const WORDS = 'bert.embeddings.word_embeddings.weight';
const main = createRequire(import.meta.url).resolve('@jax-js/jax');
const { version } = JSON.parse(readFileSync(new URL('../package.json', `file://${main}`), 'utf8'));

/** The loss as a function of (parameters, embedded words, the rest); every array is used up once, hence all the `ref`. */
function lossOf({ numpy: np, nn, lax }, config, { sequences, length, labels }) {
  const { hidden_size: hidden, num_attention_heads: heads, layer_norm_eps: eps } = config;
  const width = hidden / heads;
  return (p, words, { selection, labels: wanted, bias, masks }) => {
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

    const position = get('bert.embeddings.position_embeddings.weight').slice([0, length]);
    const type = get('bert.embeddings.token_type_embeddings.weight').slice([0, 1]);
    const place = position.add(type).reshape([1, length, hidden]);
    const embedded = words
      .reshape([sequences, length, hidden])
      .add(place)
      .reshape([sequences * length, hidden]);
    let x = drop(norm(embedded, 'bert.embeddings.LayerNorm'), 'embeddings');
    for (let i = 0; i < config.num_hidden_layers; i++) {
      const name = `bert.encoder.layer.${i}`;
      const [q, k, v] = ['query', 'key', 'value'].map((n) => inHeads(linear(x.ref, `${name}.attention.self.${n}`)));
      let scores = np.matmul(q, k.transpose([0, 1, 3, 2])).mul(1 / Math.sqrt(width));
      if (bias) scores = scores.add(bias.ref);
      const seen = np.matmul(drop(nn.softmax(scores), `${i}.attention`), v).transpose([0, 2, 1, 3]);
      const mixed = linear(seen.reshape([sequences * length, hidden]), `${name}.attention.output.dense`);
      const middle = norm(drop(mixed, `${i}.mixed`).add(x), `${name}.attention.output.LayerNorm`);
      const narrow = linear(gelu(linear(middle.ref, `${name}.intermediate.dense`)), `${name}.output.dense`);
      x = norm(drop(narrow, `${i}.output`).add(middle), `${name}.output.LayerNorm`);
    }
    const picked = np.matmul(selection.ref, x);
    const head = norm(gelu(linear(picked, 'cls.predictions.transform.dense')), 'cls.predictions.transform.LayerNorm');
    const logits = np.matmul(head, get(WORDS).transpose()).add(get('cls.predictions.bias'));
    const chosen = np
      .arange(config.vocab_size)
      .reshape([1, -1])
      .equal(wanted.ref.reshape([-1, 1]));
    return np
      .where(chosen, nn.logSoftmax(logits), 0)
      .sum()
      .mul(-1 / labels.length);
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
    const key = [batch.sequences, batch.length, batch.labels.length].join();
    if (!compiled.has(key)) {
      const loss = lossOf(jax, config, batch);
      compiled.set(
        key,
        jax.jit((...args) => jax.valueAndGrad(loss, { argnums: [0, 1] })(...args)),
      );
    }
    return compiled.get(key);
  };
  const masksOf = ({ sequences, length }) => {
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
    for (let i = 0; i < config.num_hidden_layers; i++) {
      add(`${i}.attention`, config.attention_probs_dropout_prob, sequences, config.num_attention_heads, length, length);
      add(`${i}.mixed`, config.hidden_dropout_prob, rows, hidden);
      add(`${i}.output`, config.hidden_dropout_prob, rows, hidden);
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
      const { sequences, length, encoderIds, rows, labels } = batch;
      const table = await p[WORDS].ref.data();
      const words = new Float32Array(encoderIds.length * hidden);
      encoderIds.forEach((id, i) => words.set(table.subarray(id * hidden, (id + 1) * hidden), i * hidden));
      const selection = new Float32Array(rows.length * sequences * length);
      rows.forEach((row, i) => (selection[i * sequences * length + row] = 1));
      const [loss, [gradients, dWords]] = passOf(batch)(tree.ref(p), array(words, [sequences * length, hidden]), {
        selection: array(selection, [rows.length, sequences * length]),
        labels: np.array(Int32Array.from(labels)),
        ...(batch.bias && { bias: array(batch.bias, [sequences, 1, 1, length]) }),
        masks: masksOf(batch),
      });
      const scattered = new Float32Array(table.length);
      const d = await dWords.data();
      encoderIds.forEach((id, i) => {
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
