// How the numbers of a model stand in a graph: whole, as halves, or as bytes with scales.
import { halfBits } from '../../nn/index.js';
import type { ElementType, Graph } from './graph.js';

/** What `retromae export --precision` takes, and what transformers.js calls the file of each. */
export const precisions = ['f32', 'f16', 'int8'] as const;
export type Precision = (typeof precisions)[number];

/** A weight of the model, row-major. */
export interface Weight {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** What a precision does with weights, and in which numbers it computes. */
export interface Numbers {
  /** Of activations. */
  readonly real: ElementType;
  /** Weights that are added, or multiplied number by number. */
  constant(name: string, weight: Weight): string;
  /** x W^T, W [outputs, inputs]. */
  product(x: string, name: string, weight: Weight): string;
  /** Rows of a table [rows, width] by their ids. */
  rows(name: string, table: Weight, ids: string): string;
}

export function numbersOf(graph: Graph, precision: Precision): Numbers {
  if (precision === 'int8') return bytes(graph);
  const real = precision === 'f16' ? 'float16' : 'float32';
  const data = (values: Float32Array) => (precision === 'f16' ? Uint16Array.from(values, halfBits) : values);
  const constant = (name: string, { shape, data: values }: Weight) => graph.constant(name, real, shape, data(values));
  return {
    real,
    constant,
    product: (x, name, weight) => graph.op('MatMul', [x, constant(`${name}.transposed`, transposed(weight))]),
    rows: (name, table, ids) => graph.op('Gather', [constant(name, table), ids]),
  };
}

/**
 * Dynamic quantisation, as onnxruntime's `quantize_dynamic` makes it: weights are bytes with a scale for each output, and
 * activations become bytes as they come, with a scale and a zero of each tensor. Weights are unsigned around 128, since
 * products of unsigned and signed bytes overflow on processors without an instruction for them. Rows of tables have a scale
 * each.
 */
function bytes(graph: Graph): Numbers {
  const constant = (name: string, { shape, data }: Weight) => graph.constant(name, 'float32', shape, data);
  /** One quantised x for all products of it. */
  const quantised = new Map<string, string[]>();
  return {
    real: 'float32',
    constant,
    product(x, name, weight) {
      const [outputs, inputs] = weight.shape;
      const { codes, scales } = inBytes(weight);
      const table = transposed({ shape: weight.shape, data: codes });
      if (!quantised.has(x)) quantised.set(x, graph.ops('DynamicQuantizeLinear', [x], 3));
      const [bytes, scale, zero] = quantised.get(x)!;
      const codesName = graph.constant(`${name}.bytes`, 'uint8', [inputs, outputs], Uint8Array.from(table.data));
      const zeros = graph.constant(`${name}.zeros`, 'uint8', [outputs], new Uint8Array(outputs).fill(ZERO));
      const sums = graph.op('MatMulInteger', [bytes, codesName, zero, zeros]);
      const real = graph.op('Cast', [sums], { to: FLOAT });
      const factors = graph.op('Mul', [constant(`${name}.scales`, { shape: [outputs], data: scales }), scale]);
      return graph.op('Mul', [real, factors]);
    },
    rows(name, table, ids) {
      const { codes, scales } = inBytes(table);
      const codesName = graph.constant(`${name}.bytes`, 'uint8', table.shape, Uint8Array.from(codes));
      const scalesName = constant(`${name}.scales`, { shape: [table.shape[0], 1], data: scales });
      const real = graph.op('Cast', [graph.op('Gather', [codesName, ids])], { to: FLOAT });
      const zero = constant('zero_of_bytes', { shape: [], data: Float32Array.of(ZERO) });
      return graph.op('Mul', [graph.op('Sub', [real, zero]), graph.op('Gather', [scalesName, ids])]);
    },
  };
}

/** What stands for 0, and the number of float32 among element types. */
const ZERO = 128;
const FLOAT = 1;

/** Rows as whole numbers 1 .. 255 around 128, and what a step of each row is. */
function inBytes({ shape: [rows, width], data }: Weight): { codes: Float32Array; scales: Float32Array } {
  const scales = new Float32Array(rows);
  const codes = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    let largest = 0;
    for (let i = row * width; i < (row + 1) * width; i++) largest = Math.max(largest, Math.abs(data[i]));
    scales[row] = largest / 127 || 1;
    for (let i = row * width; i < (row + 1) * width; i++) codes[i] = ZERO + Math.round(data[i] / scales[row]);
  }
  return { codes, scales };
}

function transposed({ shape: [rows, columns], data }: Weight): Weight {
  const turned = new Float32Array(data.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) turned[column * rows + row] = data[row * columns + column];
  return { shape: [columns, rows], data: turned };
}
