// The ONNX files that are written: well formed, every value computed before it is used, the numbers those of the model.
import t, { type Test } from 'tap';
import { Random, setBackend } from '../../core/index.js';
import { crossGraph, encoderGraph, precisions, staticGraph, type OnnxFiles } from '../../hub/onnx/index.js';
import { Message } from '../../hub/onnx/proto.js';
import { ReferenceBackend } from '../../kernels/index.js';
import {
  bertConfig,
  bfloatBits,
  BertForMaskedLM,
  CrossEncoder,
  halfValue,
  Representation,
  StaticModel,
} from '../../nn/index.js';
import { fieldsOf, textOf, type Field } from './wire.js';

setBackend(new ReferenceBackend('float32'));
const config = bertConfig({
  ...{ vocab_size: 50, hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 24 },
  ...{ max_position_embeddings: 12, initializer_range: 0.1 },
});
const joined = (chunks: readonly Uint8Array[] | undefined): Uint8Array => Buffer.concat(chunks ?? []);

interface Tensor {
  readonly dims: number[];
  readonly type: number;
  readonly data: Uint8Array;
  readonly apart: boolean;
}

/** A model file, taken apart. */
function opened(files: OnnxFiles, name = 'model.onnx') {
  const model = fieldsOf(joined(files.get(name)));
  const graph = fieldsOf(model.get(7)![0] as Uint8Array);
  const each = (field: number) => (graph.get(field) ?? []).map((bytes) => fieldsOf(bytes as Uint8Array));
  const names = (fields: Map<number, Field[]>, field: number) => (fields.get(field) ?? []).map(textOf);
  const tensors = new Map<string, Tensor>();
  for (const tensor of each(5)) {
    const entries = (tensor.get(13) ?? []).map((entry) => {
      const pair = fieldsOf(entry as Uint8Array);
      return [textOf(pair.get(1)![0]), textOf(pair.get(2)![0])] as const;
    });
    const { location, offset, length } = Object.fromEntries(entries) as Record<string, string | undefined>;
    const own = tensor.get(9)?.[0] as Uint8Array | undefined;
    const data = own ?? joined(files.get(location!)).subarray(Number(offset), Number(offset) + Number(length));
    const dims = (tensor.get(1) ?? []).map(Number);
    tensors.set(textOf(tensor.get(8)![0]), { dims, type: Number(tensor.get(2)![0]), data, apart: !own });
  }
  return {
    opset: Number(fieldsOf(model.get(8)![0] as Uint8Array).get(2)![0]),
    nodes: each(1).map((node) => ({ type: names(node, 4)[0], inputs: names(node, 1), outputs: names(node, 2) })),
    inputs: each(11).map((value) => names(value, 1)[0]),
    outputs: each(12).map((value) => names(value, 1)[0]),
    tensors,
  };
}

const WIDTHS: Readonly<Record<number, number>> = { 1: 4, 2: 1, 7: 8, 10: 2 };

/** What holds of every file. */
function wellFormed(t: Test, files: OnnxFiles) {
  const model = opened(files);
  t.equal(model.opset, 17);
  const known = new Set([...model.inputs, ...model.tensors.keys()]);
  const used = new Set<string>();
  for (const { type, inputs, outputs } of model.nodes) {
    for (const input of inputs) {
      if (!known.has(input)) t.fail(`${type} reads ${input} before it is there`);
      used.add(input);
    }
    for (const output of outputs) {
      if (known.has(output)) t.fail(`${output} is made twice`);
      known.add(output);
    }
  }
  for (const name of model.outputs) t.ok(known.has(name), name);
  for (const [name, { dims, type, data }] of model.tensors) {
    t.equal(data.length, dims.reduce((size, n) => size * n, 1) * WIDTHS[type], name);
    t.ok(used.has(name), `${name} is read`);
  }
  return model;
}

void t.test('encoders, cross-encoders and static encoders', async (t) => {
  const model = new BertForMaskedLM(config, new Random(1));
  const representation = new Representation(config, new Random(2), { k: 5, activation: 'log1p_relu' });
  for (const precision of precisions) {
    const plain = wellFormed(t, (await encoderGraph(model, precision)).files('model.onnx'));
    t.same(plain.inputs, ['input_ids', 'attention_mask', 'token_type_ids']);
    t.same(plain.outputs, ['last_hidden_state']);
    t.notOk(
      [...plain.tensors.keys()].some((name) => name.startsWith('cls')),
      'no head that was not asked for',
    );
    const heads = wellFormed(
      t,
      (await encoderGraph(model, precision, { mlm: true, representation })).files('model.onnx'),
    );
    t.same(heads.outputs, ['last_hidden_state', 'logits', 'dense', 'word_weights', 'weights', 'words']);
    const cross = wellFormed(
      t,
      (await crossGraph(new CrossEncoder(config, new Random(3)), precision)).files('model.onnx'),
    );
    t.same(cross.outputs, ['logits']);
    const table = new StaticModel({ words: 50, dim: 8, unk: 1 }, new Random(4));
    const means = wellFormed(t, (await staticGraph(table, precision, { isScaled: true })).files('model.onnx'));
    t.same([means.inputs, means.outputs], [['input_ids', 'offsets'], ['embeddings']]);
  }
});

void t.test('the numbers of each precision', async (t) => {
  const model = new BertForMaskedLM(config, new Random(1));
  const wanted = await model.bert.encoder.layer[0].attention.self.query.weight.read();
  const name = 'bert.encoder.layer.0.attention.self.query.weight';
  const tensorsOf = async (precision: (typeof precisions)[number]) =>
    opened((await encoderGraph(model, precision)).files('model.onnx')).tensors;
  const turned = (i: number) => (i % 16) * 16 + Math.floor(i / 16);
  const aligned = ({ data }: Tensor) => Uint8Array.from(data).buffer;
  const whole = new Float32Array(aligned((await tensorsOf('f32')).get(`${name}.transposed`)!));
  t.ok(
    whole.every((value, i) => value === wanted[turned(i)]),
    'f32: the transpose',
  );
  const halves = new Uint16Array(aligned((await tensorsOf('f16')).get(`${name}.transposed`)!));
  t.ok(
    halves.every((bits, i) => Math.abs(halfValue(bits) - wanted[turned(i)]) <= Math.abs(wanted[turned(i)]) * 2 ** -11),
  );
  const bytes = await tensorsOf('int8');
  const scales = new Float32Array(aligned(bytes.get(`${name}.scales`)!));
  const codes = new Uint8Array(aligned(bytes.get(`${name}.bytes`)!));
  t.ok(
    codes.every((code, i) => Math.abs((code - 128) * scales[i % 16] - wanted[turned(i)]) <= scales[i % 16] * 0.500001),
  );
  t.ok(codes.includes(255) || codes.includes(1), 'the largest of a row is a step of 127');
});

void t.test('numbers in a file of their own', async (t) => {
  const large = bertConfig({ ...config, hidden_size: 64, vocab_size: 100, num_hidden_layers: 1 });
  const graph = await encoderGraph(new BertForMaskedLM(large, new Random(1)), 'f32');
  const [one, two] = [graph.files('model.onnx'), graph.files('model.onnx', 1000)];
  t.same([...one.keys()], ['model.onnx']);
  t.same([...two.keys()], ['model.onnx', 'model.onnx_data']);
  const [inside, apart] = [wellFormed(t, one), wellFormed(t, two)];
  t.ok([...apart.tensors.values()].some((tensor) => tensor.apart) && joined(two.get('model.onnx')).length < 20_000);
  for (const [name, { data }] of inside.tensors) t.same(apart.tensors.get(name)!.data, data, name);
});

void t.test('the wire format', (t) => {
  const inner = new Message().text(1, 'é').float(2, 0.5);
  const message = new Message()
    .int(1, 300)
    .int(2, -1)
    .int(2, 2n ** 40n)
    .message(3, inner)
    .bytes(16, new Uint8Array(200));
  const bytes = joined(message.chunks);
  t.equal(message.size, bytes.length);
  const fields = fieldsOf(bytes);
  t.same(fields.get(1), [300n]);
  t.same(fields.get(2), [-1n, 2n ** 40n]);
  t.equal((fields.get(16)![0] as Uint8Array).length, 200);
  const within = fieldsOf(fields.get(3)![0] as Uint8Array);
  t.equal(textOf(within.get(1)![0]), 'é');
  t.same(within.get(2)![0], new Uint8Array(Float32Array.of(0.5).buffer));
  t.same([...bytes.subarray(0, 3)], [8, 0xac, 2], '300 of field 1, as the documentation of protobuf has it');
  t.same(
    [1, -1, 1.00390625, NaN].map(bfloatBits),
    [0x3f80, 0xbf80, 0x3f80, 0x7fc0],
    'bfloat16: a tie goes to the even one',
  );
  t.equal(bfloatBits(1.01171875), 0x3f82);
  t.end();
});
