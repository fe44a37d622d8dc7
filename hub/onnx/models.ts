// The models that a folder can hold as ONNX: an encoder, with heads where they are asked for, a cross-encoder, a static table.
import type { Tensor } from '../../core/index.js';
import {
  allTensors,
  type BertForMaskedLM,
  type CrossEncoder,
  type Representation,
  type StaticModel,
} from '../../nn/index.js';
import { BertGraph, type Weights } from './bert.js';
import { Graph, typeNumber } from './graph.js';
import { numbersOf, type Precision } from './numbers.js';

const [BATCH, SEQUENCE] = ['batch_size', 'sequence_length'];

/** Weights of a module by their names in files. */
async function weightsOf(module: object): Promise<Weights> {
  const weights = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [name, x] of allTensors(module)) weights.set(name, { shape: x.shape, data: await float32(x) });
  return weights;
}

const float32 = async (x: Tensor): Promise<Float32Array> => {
  const data = await x.read();
  return data instanceof Float32Array ? data : Float32Array.from(data);
};

/** What stands beside the hidden states. */
export interface EncoderHeads {
  /** `logits` [batch, sequence, vocabulary] of the masked-language-model head. */
  readonly mlm?: boolean;
  /** DupMAE's representation: `dense` [batch, H / 2], and of each text its `words` and their `weights` [batch, k]. */
  readonly representation?: Representation;
}

/**
 * An encoder: `last_hidden_state` [batch, sequence, H] of `input_ids`, `attention_mask` and `token_type_ids`, int64
 * [batch, sequence]. Positions that the mask hides change nothing.
 */
export async function encoderGraph(
  { bert, cls, config }: BertForMaskedLM,
  precision: Precision,
  { mlm = false, representation }: EncoderHeads = {},
): Promise<Graph> {
  const graph = new Graph('bert');
  const numbers = numbersOf(graph, precision);
  const wants = {
    bert,
    ...((mlm || representation) && { cls }),
    ...(representation && { cls_projection: representation }),
  };
  const model = new BertGraph(graph, config, await weightsOf(wants), numbers);
  const give = (name: string, value: string, ...extents: (number | string)[]) =>
    graph.output(name, graph.op('Cast', [value], { to: typeNumber('float32') }), 'float32', [BATCH, ...extents]);
  const hidden = model.encoder();
  give('last_hidden_state', hidden, SEQUENCE, config.hidden_size);
  if (!mlm && !representation) return graph;
  const logits = model.predictions(hidden);
  if (mlm) give('logits', logits, SEQUENCE, config.vocab_size);
  if (representation) {
    const { dense, k } = representation;
    give('dense', model.projected(hidden), dense);
    const weights = model.wordWeights(logits, representation.activation);
    give('word_weights', weights, config.vocab_size);
    const [greatest, words] = graph.ops('TopK', [weights, graph.integers(k)], 2, { axis: -1, largest: 1, sorted: 1 });
    give('weights', greatest, k);
    graph.output('words', words, 'int64', [BATCH, k]);
  }
  return graph;
}

/** A cross-encoder: `logits` [batch, 1] of pairs, the score before any activation. */
export async function crossGraph({ bert, classifier, config }: CrossEncoder, precision: Precision): Promise<Graph> {
  const graph = new Graph('bert-cross-encoder');
  const model = new BertGraph(graph, config, await weightsOf({ bert, classifier }), numbersOf(graph, precision));
  const score = graph.op('Cast', [model.score(model.encoder())], { to: typeNumber('float32') });
  graph.output('logits', score, 'float32', [BATCH, 1]);
  return graph;
}

/**
 * A static encoder as model2vec's: `embeddings` [batch, D], the means of the rows of each text's tokens, of all ids
 * end to end, `input_ids` int64 [tokens], and of where each text begins, `offsets` int64 [batch]. Zeros of a text of none.
 * @param isScaled whether means are brought to length 1
 */
export async function staticGraph(
  { embedding, dim }: StaticModel,
  precision: Precision,
  { isScaled }: { readonly isScaled: boolean },
): Promise<Graph> {
  const graph = new Graph('static-encoder');
  const numbers = numbersOf(graph, precision);
  const ids = graph.input('input_ids', 'int64', ['tokens']);
  const offsets = graph.input('offsets', 'int64', [BATCH]);
  const { shape } = embedding.weight;
  const real = { to: typeNumber('float32') };
  const rows = graph.op(
    'Cast',
    [numbers.rows('embedding.weight', { shape, data: await float32(embedding.weight) }, ids)],
    real,
  );
  const number = (value: number) => graph.constant(`number_${value}`, 'float32', [], Float32Array.of(value));
  const whole = (value: number) => graph.constant(`whole_${value}`, 'int64', [], BigInt64Array.of(BigInt(value)));
  // Token i is of the text whose offset is the last that is not above i: [tokens, batch], 1 where it is.
  const length = graph.op('Gather', [graph.op('Shape', [ids]), whole(0)]);
  const place = graph.op('Unsqueeze', [graph.op('Range', [whole(0), length, whole(1)]), graph.integers(1)]);
  const begun = graph.op(
    'Cast',
    [graph.op('GreaterOrEqual', [place, graph.op('Unsqueeze', [offsets, graph.integers(0)])])],
    real,
  );
  const text = graph.op('ReduceSum', [begun, graph.integers(1)], { keepdims: 1 });
  const count = graph.op('Gather', [graph.op('Shape', [offsets]), whole(0)]);
  const numbered = graph.op(
    'Cast',
    [graph.op('Range', [whole(1), graph.op('Add', [count, whole(1)]), whole(1)])],
    real,
  );
  const isOf = graph.op(
    'Cast',
    [graph.op('Equal', [text, graph.op('Unsqueeze', [numbered, graph.integers(0)])])],
    real,
  );
  const sums = graph.op('MatMul', [graph.op('Transpose', [isOf], { perm: [1, 0] }), rows]);
  const sizes = graph.op('Unsqueeze', [
    graph.op('ReduceSum', [isOf, graph.integers(0)], { keepdims: 0 }),
    graph.integers(1),
  ]);
  let mean = graph.op('Div', [sums, graph.op('Max', [sizes, number(1)])]);
  if (isScaled) {
    const norm = graph.op('ReduceL2', [mean], { axes: [1], keepdims: 1 });
    mean = graph.op('Div', [mean, graph.op('Max', [norm, number(1e-12)])]);
  }
  graph.output('embeddings', mean, 'float32', [BATCH, dim]);
  return graph;
}
