// A graph of ONNX operators (opset 17, IR 8), and the file of it. Field numbers are those of onnx.proto.
import { version } from '../../package.json';
import { Message } from './proto.js';

/** Element types, by their numbers in TensorProto.DataType. */
const elementTypes = { float32: 1, uint8: 2, int8: 3, int64: 7, bool: 9, float16: 10 } as const;
export type ElementType = keyof typeof elementTypes;

const OPSET = 17;
const IR_VERSION = 8;

/** Of an operator: whole numbers, fractions (as `{ float }`), lists of whole numbers. */
export type Attribute = number | readonly number[] | { readonly float: number };

/** A name, for each axis that is not fixed, or its extent. */
export type Extents = readonly (number | string)[];

interface Constant {
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly data: Uint8Array;
}

/** Files of a model by their names: the graph and, if it is too large for one, the numbers beside it. */
export type OnnxFiles = ReadonlyMap<string, readonly Uint8Array[]>;

/** Protobuf's messages end at 2 GiB. */
const LARGEST = 2 ** 31 - (1 << 20);
/** Numbers in a file of their own begin at multiples of so many bytes, so that they can be mapped into memory. */
const ALIGNED = 4096;

/** Built node by node, in the order in which it is computed. A value is called by its name. */
export class Graph {
  private readonly nodes: Message[] = [];
  private readonly constants = new Map<string, Constant>();
  private readonly inputs: Message[] = [];
  private readonly outputs: Message[] = [];
  private count = 0;

  constructor(private readonly name: string) {}

  input(name: string, type: ElementType, extents: Extents): string {
    this.inputs.push(valueInfo(name, type, extents));
    return name;
  }

  /** Gives a value to the outside, under that name. */
  output(name: string, value: string, type: ElementType, extents: Extents): void {
    this.op('Identity', [value], {}, [name]);
    this.outputs.push(valueInfo(name, type, extents));
  }

  /** Numbers that are part of the model; the same name stands for the same numbers. */
  constant(name: string, type: ElementType, dims: readonly number[], data: ArrayBufferView): string {
    const { buffer, byteOffset, byteLength } = data;
    if (!this.constants.has(name))
      this.constants.set(name, { name, type, dims, data: new Uint8Array(buffer, byteOffset, byteLength) });
    return name;
  }

  /** Whether there is a constant of that name. */
  has(name: string): boolean {
    return this.constants.has(name);
  }

  /** Whole numbers as a constant of one axis. */
  integers(...values: number[]): string {
    return this.constant(`integers_${values.join('_')}`, 'int64', [values.length], BigInt64Array.from(values, BigInt));
  }

  /** Adds an operator. @returns the name of its first output */
  op(
    type: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    outputs?: string[],
  ) {
    const names = outputs ?? [`${type}_${this.count++}`];
    const node = new Message();
    inputs.forEach((name) => node.text(1, name));
    names.forEach((name) => node.text(2, name));
    node.text(3, `node_${names[0]}`).text(4, type);
    for (const [name, value] of Object.entries(attributes)) node.message(5, attribute(name, value));
    this.nodes.push(node);
    return names[0];
  }

  /** As `op`, of an operator with several outputs. */
  ops(type: string, inputs: readonly string[], outputs: number, attributes: Readonly<Record<string, Attribute>> = {}) {
    const place = this.count++;
    const names = Array.from({ length: outputs }, (_, i) => `${type}_${place}_${i}`);
    this.op(type, inputs, attributes, names);
    return names;
  }

  /**
   * @param file the name of the model's file
   * @param largest bytes of numbers above which they lie in a file of their own, `FILE_data`
   */
  files(file: string, largest = LARGEST): OnnxFiles {
    const constants = [...this.constants.values()];
    const isApart = constants.reduce((sum, { data }) => sum + data.length, 0) > largest;
    const graph = new Message();
    this.nodes.forEach((node) => graph.message(1, node));
    graph.text(2, this.name);
    const apart: Uint8Array[] = [];
    let end = 0;
    for (const constant of constants) {
      const tensor = tensorHead(constant);
      if (isApart && constant.data.length > ALIGNED) {
        const gap = (ALIGNED - (end % ALIGNED)) % ALIGNED;
        apart.push(new Uint8Array(gap), constant.data);
        end += gap + constant.data.length;
        const place = { location: `${file}_data`, offset: end - constant.data.length, length: constant.data.length };
        for (const [key, value] of Object.entries(place))
          tensor.message(13, new Message().text(1, key).text(2, String(value)));
        tensor.int(14, 1);
      } else tensor.bytes(9, constant.data);
      graph.message(5, tensor);
    }
    this.inputs.forEach((value) => graph.message(11, value));
    this.outputs.forEach((value) => graph.message(12, value));
    const model = new Message()
      .int(1, IR_VERSION)
      .text(2, 'retromae')
      .text(3, version)
      .message(7, graph)
      .message(8, new Message().text(1, '').int(2, OPSET));
    return new Map([[file, model.chunks], ...(isApart ? [[`${file}_data`, apart] as const] : [])]);
  }
}

function tensorHead({ name, type, dims }: Constant): Message {
  const tensor = new Message();
  dims.forEach((extent) => tensor.int(1, extent));
  return tensor.int(2, elementTypes[type]).text(8, name);
}

function valueInfo(name: string, type: ElementType, extents: Extents): Message {
  const shape = new Message();
  for (const extent of extents)
    shape.message(1, typeof extent === 'number' ? new Message().int(1, extent) : new Message().text(2, extent));
  const tensor = new Message().int(1, elementTypes[type]).message(2, shape);
  return new Message().text(1, name).message(2, new Message().message(1, tensor));
}

const [FLOAT, INT, INTS] = [1, 2, 7];

function attribute(name: string, value: Attribute): Message {
  const message = new Message().text(1, name);
  if (typeof value === 'number') return message.int(3, value).int(20, INT);
  if ('float' in value) return message.float(2, value.float).int(20, FLOAT);
  value.forEach((each) => message.int(8, each));
  return message.int(20, INTS);
}

/** The number of an element type, for attributes that name one. */
export const typeNumber = (type: ElementType): number => elementTypes[type];
