// Writes a BERT encoder as an ONNX model, of the operators that an export from PyTorch is made of (opset 17).

import { transposed } from './bert.js';

/** Protocol buffers: a message is the bytes of its fields. */
function varint(n) {
  const bytes = [];
  for (let rest = BigInt.asUintN(64, BigInt(n)); ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
}
const integer = (field, n) => Buffer.concat([varint(field << 3), varint(n)]);
const bytes = (field, data) => Buffer.concat([varint((field << 3) | 2), varint(data.length), data]);
const text = (field, string) => bytes(field, Buffer.from(string));
const message = (field, ...parts) => bytes(field, Buffer.concat(parts));
function float(field, x) {
  const data = Buffer.alloc(4);
  data.writeFloatLE(x);
  return Buffer.concat([varint((field << 3) | 5), data]);
}

const FLOAT = 1;
const INT64 = 7;

/** The graph under construction; every method returns the name of what it adds. */
class Graph {
  #nodes = [];
  #initializers = [];
  #count = 0;

  constant(shape, data, name = `constant${this.#count++}`) {
    const raw = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    const type = data instanceof Float32Array ? FLOAT : INT64;
    const dims = shape.map((n) => integer(1, n));
    this.#initializers.push(message(5, ...dims, integer(2, type), text(8, name), bytes(9, raw)));
    return name;
  }

  scalar(x) {
    return this.constant([], Float32Array.of(x));
  }

  integers(...numbers) {
    return this.constant([numbers.length], BigInt64Array.from(numbers, BigInt));
  }

  /** An attribute is an integer, an array of them, or as a string a float. */
  node(type, inputs, attributes = {}, output = `value${this.#count++}`) {
    const list = Object.entries(attributes).map(([name, value]) => {
      if (typeof value === 'string') return message(5, text(1, name), float(2, Number(value)), integer(20, 1));
      if (typeof value === 'number') return message(5, text(1, name), integer(3, value), integer(20, 2));
      return message(5, text(1, name), ...value.map((n) => integer(8, n)), integer(20, 7));
    });
    const ends = [...inputs.map((name) => text(1, name)), text(2, output)];
    this.#nodes.push(message(1, ...ends, text(3, output), text(4, type), ...list));
    return output;
  }

  /** The whole model; inputs and outputs are `{ name: [type, ...dimensions] }`, where a string is a free dimension. */
  model(inputs, outputs) {
    const info =
      (field) =>
      ([name, [type, ...dimensions]]) => {
        const shape = dimensions.map((d) => message(1, typeof d === 'string' ? text(2, d) : integer(1, d)));
        return message(field, text(1, name), message(2, message(1, integer(1, type), message(2, ...shape))));
      };
    const ends = [...Object.entries(inputs).map(info(11)), ...Object.entries(outputs).map(info(12))];
    const graph = message(7, ...this.#nodes, text(2, 'bert'), ...this.#initializers, ...ends);
    return Buffer.concat([integer(1, 8), text(2, 'retromae bench'), graph, message(8, text(1, ''), integer(2, 17))]);
  }
}

/**
 * The encoder: int64 `input_ids` and `attention_mask` [batch, sequence] to `cls`, the last hidden states of [CLS].
 * @param weights of `weightsOf`
 * @param clsOnly whether the last layer computes those alone
 */
export function encoderModel(config, weights, clsOnly) {
  const graph = new Graph();
  const { hidden_size: hidden, num_attention_heads: heads, layer_norm_eps: eps } = config;
  const width = hidden / heads;
  const stored = (name) => graph.constant(weights[name].shape, weights[name].data, name);
  const node = graph.node.bind(graph);
  const dense = (x, name) => {
    const { shape, data } = weights[`${name}.weight`];
    const matrix = graph.constant([shape[1], shape[0]], transposed(data, ...shape), `${name}.weight`);
    return node('Add', [node('MatMul', [x, matrix]), stored(`${name}.bias`)]);
  };
  const norm = (x, name) =>
    node('LayerNormalization', [x, stored(`${name}.weight`), stored(`${name}.bias`)], {
      axis: -1,
      epsilon: String(eps),
    });

  const split = graph.integers(0, 0, heads, width);
  const whole = graph.integers(0, 0, hidden);
  const [one, half, root, scale] = [1, 0.5, Math.SQRT2, Math.sqrt(width)].map((x) => graph.scalar(x));
  const first = graph.integers(0);

  const gelu = (x) => node('Mul', [node('Mul', [x, node('Add', [node('Erf', [node('Div', [x, root])]), one])]), half]);
  const inHeads = (x, name, perm) => node('Transpose', [node('Reshape', [dense(x, name), split])], { perm });

  const mask = node('Unsqueeze', [node('Cast', ['attention_mask'], { to: FLOAT }), graph.integers(1, 2)]);
  const bias = node('Mul', [node('Sub', [one, mask]), graph.scalar(-3.4028234663852886e38)]);

  const length = node('Slice', [node('Shape', ['input_ids']), graph.integers(1), graph.integers(2)]);
  const position = node('Slice', [stored('bert.embeddings.position_embeddings.weight'), first, length, first]);
  const word = node('Gather', [stored('bert.embeddings.word_embeddings.weight'), 'input_ids']);
  // Everything is of the first type.
  const types = weights['bert.embeddings.token_type_embeddings.weight'].data.subarray(0, hidden);
  const typed = node('Add', [word, graph.constant([hidden], types)]);
  let x = norm(node('Add', [typed, position]), 'bert.embeddings.LayerNorm');

  for (let i = 0; i < config.num_hidden_layers; i++) {
    const name = `bert.encoder.layer.${i}`;
    const last = clsOnly && i === config.num_hidden_layers - 1;
    const from = last ? node('Slice', [x, first, graph.integers(1), graph.integers(1)]) : x;
    const q = inHeads(from, `${name}.attention.self.query`, [0, 2, 1, 3]);
    const k = inHeads(x, `${name}.attention.self.key`, [0, 2, 3, 1]);
    const v = inHeads(x, `${name}.attention.self.value`, [0, 2, 1, 3]);
    const scores = node('Add', [node('Div', [node('MatMul', [q, k]), scale]), bias]);
    const seen = node('Transpose', [node('MatMul', [node('Softmax', [scores], { axis: -1 }), v])], {
      perm: [0, 2, 1, 3],
    });
    const mixed = dense(node('Reshape', [seen, whole]), `${name}.attention.output.dense`);
    const middle = norm(node('Add', [mixed, from]), `${name}.attention.output.LayerNorm`);
    const narrow = dense(gelu(dense(middle, `${name}.intermediate.dense`)), `${name}.output.dense`);
    x = norm(node('Add', [narrow, middle]), `${name}.output.LayerNorm`);
  }
  node('Gather', [x, graph.constant([], BigInt64Array.of(0n))], { axis: 1 }, 'cls');
  const ids = [INT64, 'batch', 'sequence'];
  return graph.model({ input_ids: ids, attention_mask: ids }, { cls: [FLOAT, 'batch', hidden] });
}
