// BERT as a graph: what transformers.js, onnxruntime and the like run. After Devlin et al., 2019, and Hugging Face's names.
import type { BertConfig } from '../../nn/index.js';
import { typeNumber, type Graph } from './graph.js';
import type { Numbers, Weight } from './numbers.js';

/** Weights by their names in model.safetensors. */
export type Weights = ReadonlyMap<string, Weight>;

const [BATCH, SEQUENCE] = ['batch_size', 'sequence_length'];
/** The most negative half: a score of it gets the weight 0. */
const HIDDEN = -65504;

/** Adds the parts of one model to a graph. Values are [batch, sequence, width] where nothing else is said. */
export class BertGraph {
  constructor(
    private readonly graph: Graph,
    private readonly config: BertConfig,
    private readonly weights: Weights,
    private readonly numbers: Numbers,
  ) {}

  /** Hidden states of the last layer, of the inputs `input_ids`, `attention_mask` and `token_type_ids`. */
  encoder(): string {
    const { graph, config } = this;
    const [ids, mask, types] = ['input_ids', 'attention_mask', 'token_type_ids'].map((name) =>
      graph.input(name, 'int64', [BATCH, SEQUENCE]),
    );
    const table = (name: string, places: string) =>
      this.numbers.rows(`${EMBEDDINGS}.${name}.weight`, this.weight(`${EMBEDDINGS}.${name}.weight`), places);
    const length = graph.op('Gather', [graph.op('Shape', [ids]), graph.constant('one', 'int64', [], ONE)]);
    const zero = graph.constant('zero', 'int64', [], ZERO);
    const places = graph.op('Range', [zero, length, graph.constant('one', 'int64', [], ONE)]);
    const words = this.add(table('word_embeddings', ids), table('token_type_embeddings', types));
    let hidden = this.norm(this.add(words, table('position_embeddings', places)), `${EMBEDDINGS}.LayerNorm`);
    const shown = graph.op('Cast', [graph.op('Unsqueeze', [mask, graph.integers(1, 2)])], {
      to: typeNumber(this.numbers.real),
    });
    const penalty = graph.op('Mul', [graph.op('Sub', [this.number(1), shown]), this.number(HIDDEN)]);
    for (let i = 0; i < config.num_hidden_layers; i++) hidden = this.layer(hidden, penalty, `bert.encoder.layer.${i}`);
    return hidden;
  }

  /** Logits of the masked-language-model head, [batch, sequence, vocabulary]. */
  predictions(hidden: string): string {
    const { graph } = this;
    const transform = this.gelu(this.dense(hidden, `${HEAD}.transform.dense`));
    const normed = this.norm(transform, `${HEAD}.transform.LayerNorm`);
    // In whole numbers and halves the table of the words is there already; it is turned when the model is opened.
    const name = `${EMBEDDINGS}.word_embeddings.weight`;
    const table = this.weight(name);
    const product = graph.has(name)
      ? graph.op('MatMul', [normed, graph.op('Transpose', [name], { perm: [1, 0] })])
      : this.numbers.product(normed, `${HEAD}.decoder.weight`, table);
    return this.add(product, this.constant(`${HEAD}.bias`));
  }

  /** The score of a cross-encoder before its activation, [batch, 1]. */
  score(hidden: string): string {
    const pooled = this.graph.op('Tanh', [this.dense(this.first(hidden), 'bert.pooler.dense')]);
    return this.dense(pooled, 'classifier');
  }

  /** DupMAE's dense numbers, [batch, floor(width / 2)]. */
  projected(hidden: string): string {
    const name = 'cls_projection.weight';
    return this.numbers.product(this.first(hidden), name, this.weight(name));
  }

  /** The greatest logit of each word over a text but [CLS], as DupMAE weighs it, [batch, vocabulary]. */
  wordWeights(logits: string, activation: 'raw' | 'log1p_relu'): string {
    const { graph } = this;
    // Positions that the mask hides, and [CLS], are pressed down below all others.
    const shown = graph.op('Cast', ['attention_mask'], { to: typeNumber(this.numbers.real) });
    const places = graph.op('Cast', [graph.op('CumSum', ['attention_mask', graph.constant('one', 'int64', [], ONE)])], {
      to: typeNumber(this.numbers.real),
    });
    const isFirst = graph.op('Cast', [graph.op('Less', [places, this.number(1.5)])], {
      to: typeNumber(this.numbers.real),
    });
    const counts = graph.op('Mul', [shown, graph.op('Sub', [this.number(1), isFirst])]);
    const penalty = graph.op('Mul', [graph.op('Sub', [this.number(1), counts]), this.number(HIDDEN)]);
    const open = this.add(logits, graph.op('Unsqueeze', [penalty, graph.integers(2)]));
    const greatest = graph.op('ReduceMax', [open], { axes: [1], keepdims: 0 });
    return activation === 'raw' ? greatest : graph.op('Log', [this.add(graph.op('Relu', [greatest]), this.number(1))]);
  }

  /** The states of [CLS], [batch, width]. */
  first(hidden: string): string {
    return this.graph.op('Gather', [hidden, this.graph.constant('zero', 'int64', [], ZERO)], { axis: 1 });
  }

  private layer(x: string, penalty: string, name: string): string {
    const { graph, config } = this;
    const { num_attention_heads: heads, hidden_size: width } = config;
    const split = graph.integers(0, 0, heads, width / heads);
    const part = (which: string, perm: number[]) => {
      const all = this.dense(x, `${name}.attention.self.${which}`);
      return graph.op('Transpose', [graph.op('Reshape', [all, split])], { perm });
    };
    const products = graph.op('MatMul', [part('query', [0, 2, 1, 3]), part('key', [0, 2, 3, 1])]);
    const scaled = graph.op('Mul', [products, this.number(1 / Math.sqrt(width / heads))]);
    const shares = graph.op('Softmax', [this.add(scaled, penalty)], { axis: -1 });
    const mixed = graph.op('MatMul', [shares, part('value', [0, 2, 1, 3])]);
    const joined = graph.op('Reshape', [
      graph.op('Transpose', [mixed], { perm: [0, 2, 1, 3] }),
      graph.integers(0, 0, width),
    ]);
    const attended = this.dense(joined, `${name}.attention.output.dense`);
    const middle = this.norm(this.add(attended, x), `${name}.attention.output.LayerNorm`);
    const wide = this.gelu(this.dense(middle, `${name}.intermediate.dense`));
    return this.norm(this.add(this.dense(wide, `${name}.output.dense`), middle), `${name}.output.LayerNorm`);
  }

  private dense(x: string, name: string): string {
    const product = this.numbers.product(x, `${name}.weight`, this.weight(`${name}.weight`));
    return this.add(product, this.constant(`${name}.bias`));
  }

  private norm(x: string, name: string): string {
    const [gain, bias] = [this.constant(`${name}.weight`), this.constant(`${name}.bias`)];
    return this.graph.op('LayerNormalization', [x, gain, bias], {
      axis: -1,
      epsilon: { float: this.config.layer_norm_eps },
    });
  }

  /** x (1 + erf(x / sqrt 2)) / 2. */
  private gelu(x: string): string {
    const { graph } = this;
    const erf = graph.op('Erf', [graph.op('Mul', [x, this.number(Math.SQRT1_2)])]);
    const twice = graph.op('Mul', [x, graph.op('Add', [erf, this.number(1)])]);
    return graph.op('Mul', [twice, this.number(0.5)]);
  }

  private add(a: string, b: string): string {
    return this.graph.op('Add', [a, b]);
  }

  private number(value: number): string {
    return this.numbers.constant(`number_${value}`, { shape: [], data: Float32Array.of(value) });
  }

  private constant(name: string): string {
    return this.numbers.constant(name, this.weight(name));
  }

  /** @throws if the model has no weight of that name */
  private weight(name: string): Weight {
    const weight = this.weights.get(name);
    if (!weight) throw new Error(`onnx: the model has no ${name}.`);
    return weight;
  }
}

const EMBEDDINGS = 'bert.embeddings';
const HEAD = 'cls.predictions';
const [ZERO, ONE] = [0n, 1n].map((value) => BigInt64Array.of(value));
