// What the JavaScript peers share: a BERT's weights by Hugging Face's names, padded batches, dropout's masks.
import { readFileSync } from 'node:fs';

export const IGNORE = -100;
export const ADAMW = { lr: 1e-4, beta1: 0.9, beta2: 0.999, eps: 1e-8, decay: 0.01, clip: 1 };

/** Whether AdamW decays the parameter. */
export const decays = (name) => !name.endsWith('bias') && !name.includes('LayerNorm');

/** Names and shapes of a BERT with its MLM head, for `retromae` with the decoder's layer. */
function shapesOf(config, objective) {
  const { hidden_size: d, intermediate_size: wide, vocab_size: vocab } = config;
  const shapes = {};
  const dense = (name, from, to) => Object.assign(shapes, { [`${name}.weight`]: [to, from], [`${name}.bias`]: [to] });
  const norm = (name) => Object.assign(shapes, { [`${name}.weight`]: [d], [`${name}.bias`]: [d] });
  shapes['bert.embeddings.word_embeddings.weight'] = [vocab, d];
  shapes['bert.embeddings.position_embeddings.weight'] = [config.max_position_embeddings, d];
  shapes['bert.embeddings.token_type_embeddings.weight'] = [config.type_vocab_size, d];
  norm('bert.embeddings.LayerNorm');
  const layers = Array.from({ length: config.num_hidden_layers }, (_, i) => `bert.encoder.layer.${i}`);
  if (objective === 'retromae') layers.push('c_head');
  for (const layer of layers) {
    for (const name of ['query', 'key', 'value']) dense(`${layer}.attention.self.${name}`, d, d);
    dense(`${layer}.attention.output.dense`, d, d);
    norm(`${layer}.attention.output.LayerNorm`);
    dense(`${layer}.intermediate.dense`, d, wide);
    dense(`${layer}.output.dense`, wide, d);
    norm(`${layer}.output.LayerNorm`);
  }
  dense('cls.predictions.transform.dense', d, d);
  norm('cls.predictions.transform.LayerNorm');
  shapes['cls.predictions.bias'] = [vocab];
  return shapes;
}

/** The job's weights, read or drawn: `{ name: { shape, data } }`. @throws if the file lacks one, or its shape differs */
export function weightsOf({ config, objective, weights }) {
  const read = weights === undefined ? draw(config.initializer_range) : reader(weights);
  return Object.fromEntries(
    Object.entries(shapesOf(config, objective)).map(([name, shape]) => [name, { shape, data: read(name, shape) }]),
  );
}

const sizeOf = (shape) => shape.reduce((product, n) => product * n, 1);

const draw = (deviation) => (name, shape) => {
  const data = new Float32Array(sizeOf(shape));
  if (name.endsWith('LayerNorm.weight')) return data.fill(1);
  if (name.endsWith('bias')) return data;
  const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  return data.map(() => deviation * normal());
};

function reader(path) {
  const file = readFileSync(path);
  const begin = 8 + Number(file.readBigUInt64LE());
  const header = JSON.parse(file.toString('utf8', 8, begin));
  return (name, shape) => {
    const found = header[name];
    if (found?.dtype !== 'F32' || String(found.shape) !== String(shape))
      throw new Error(`${path}: ${name} should be float32 [${shape}], but is ${JSON.stringify(found)}`);
    const [from, to] = found.data_offsets;
    return new Float32Array(file.buffer.slice(file.byteOffset + begin + from, file.byteOffset + begin + to));
  };
}

/** [rows, columns] to [columns, rows]. */
export function transposed(data, rows, columns) {
  const out = new Float32Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j];
  return out;
}

/**
 * A batch as [sequences, length] matrices, padded to the longest; the labelled positions as rows and their labels; and
 * what is added to all scores [sequences, 1, 1, length], null without padding. For `retromae`, `decoder` has the labels of
 * all positions, how many are not to be ignored, and what is added to its scores [sequences, 1, length, length].
 */
export function padded({ offsets, ids, encoderIds, encoderLabels, decoderLabels, visible, words }) {
  const sequences = offsets.length - 1;
  const lengths = Array.from({ length: sequences }, (_, b) => offsets[b + 1] - offsets[b]);
  const length = Math.max(...lengths);
  const matrix = (values, fill = 0) => {
    const out = new Int32Array(sequences * length).fill(fill);
    for (let b = 0; b < sequences; b++) out.set(values.slice(offsets[b], offsets[b + 1]), b * length);
    return out;
  };
  const rows = [];
  const labels = [];
  for (let b = 0; b < sequences; b++)
    for (let i = offsets[b]; i < offsets[b + 1]; i++)
      if (encoderLabels[i] !== IGNORE) {
        rows.push(b * length + i - offsets[b]);
        labels.push(encoderLabels[i]);
      }
  const attention = matrix(new Array(ids.length).fill(1));
  const full = lengths.every((n) => n === length);
  const bias = full ? null : Float32Array.from(attention, (seen) => (seen ? 0 : -1e30));
  const batch = { sequences, length, bias, attention, ids: matrix(ids), encoderIds: matrix(encoderIds), rows, labels };
  if (!decoderLabels) return batch;
  const hidden = new Float32Array(sequences * length * length).fill(-1e30);
  for (let b = 0; b < sequences; b++)
    for (let i = 0; i < lengths[b]; i++)
      for (let j = 0; j < lengths[b]; j++)
        if ((visible[(offsets[b] + i) * words + (j >> 4)] >> (j & 15)) & 1) hidden[(b * length + i) * length + j] = 0;
  const count = decoderLabels.filter((label) => label !== IGNORE).length;
  return { ...batch, decoder: { labels: matrix(decoderLabels, IGNORE), count, bias: hidden } };
}

let state = 1;
/** `size` numbers that are 0 with probability `rate` and else 1 / (1 - rate); two from each step of xorshift32. */
export function dropoutMask(size, rate) {
  const out = new Float32Array(size);
  const keep = 1 / (1 - rate);
  const limit = Math.round(rate * 65536);
  for (let i = 0; i < size; i += 2) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    out[i] = (state & 65535) < limit ? 0 : keep;
    if (i + 1 < size) out[i + 1] = state >>> 16 < limit ? 0 : keep;
  }
  return out;
}
