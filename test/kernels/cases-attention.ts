// The test table of the attention kernels: packed sequences of several lengths, masks by row, query rows of their own.
import { attention, attentionGradient } from '../../kernels/library/index.js';
import { vector, type Operand, type Random } from '../support/random.js';
import { forward, recipe, type Operands, type Recipe } from './case.js';

interface Shape {
  /** Query rows and keys of each sequence. */
  queries: number[];
  keys: number[];
  heads: number;
  width: number;
  masked?: boolean;
  p?: number;
}

const shapes: Shape[] = [
  { queries: [2], keys: [3], heads: 1, width: 1 },
  { queries: [5], keys: [5], heads: 2, width: 4 },
  { queries: [5], keys: [5], heads: 2, width: 4, masked: true },
  { queries: [3, 1, 7], keys: [3, 1, 7], heads: 2, width: 8, p: 0.1 },
  { queries: [2, 0, 5], keys: [4, 2, 33], heads: 3, width: 5, masked: true, p: 0.1 },
  { queries: [17, 40], keys: [17, 40], heads: 2, width: 16, masked: true },
  { queries: [1, 2], keys: [1100, 3], heads: 1, width: 4, masked: true },
  { queries: [0], keys: [3], heads: 1, width: 2 },
];

function drawShape(random: Random): Shape {
  const keys = Array.from({ length: 1 + random.integer(3) }, () => 2 + random.integer(40));
  return {
    keys,
    queries: keys.map((count) => 1 + random.integer(count)),
    heads: 1 + random.integer(3),
    width: 1 + random.integer(16),
    masked: random.next() < 0.5,
    p: random.next() < 0.5 ? 0 : 0.1,
  };
}

const offsetsOf = (counts: readonly number[]) => counts.reduce((ends, count) => [...ends, ends.at(-1)! + count], [0]);
const sequenceOf = (counts: readonly number[]) => counts.flatMap((count, b) => new Array<number>(count).fill(b));

/** Bits of the keys that each query row sees: half of them at random, and two for sure, or all gradients were zero. */
function visibleBits(random: Random, { queries, keys }: Shape): Operand {
  const words = Math.ceil(Math.max(...keys) / 16);
  const sequence = sequenceOf(queries);
  const visible = random.array([sequence.length, words], () => random.integer(2 ** 16));
  sequence.forEach((b, row) => {
    const sure = random.integer(keys[b]);
    for (const key of [sure, (sure + 1) % keys[b]]) visible.data[row * words + Math.floor(key / 16)] |= 1 << (key % 16);
  });
  return visible;
}

function operands(random: Random, shape: Shape): Operands {
  const { queries, keys, heads, width, masked = false, p = 0 } = shape;
  const hidden = heads * width;
  const [qOffsets, kOffsets] = [queries, keys].map(offsetsOf);
  const [rows, keyRows] = [qOffsets.at(-1)!, kOffsets.at(-1)!];
  return {
    inputs: {
      q: random.array([rows, hidden]),
      k: random.array([keyRows, hidden]),
      v: random.array([keyRows, hidden]),
      qSequence: vector(sequenceOf(queries)),
      kSequence: vector(sequenceOf(keys)),
      qOffsets: vector(qOffsets),
      kOffsets: vector(kOffsets),
      visible: visibleBits(random, shape),
      masked: masked ? 1 : 0,
      heads,
      width,
      keys: Math.max(...keys),
      scale: 1 / Math.sqrt(width),
      p,
      key: random.integer(2 ** 24),
    },
    outputs: { y: [rows, hidden], lse: [rows, heads] },
  };
}

function gradientOperands(random: Random, shape: Shape): Operands {
  const { inputs, outputs } = operands(random, shape);
  const { q, k, v } = inputs as Record<string, Operand>;
  return {
    inputs: { ...inputs, dy: random.array(q.dims), ...forward(attention, { inputs, outputs }) },
    outputs: { dq: q.dims, dk: k.dims, dv: v.dims },
  };
}

export const attentionRecipes: readonly Recipe[] = [
  recipe(attention, 1e-5, shapes, drawShape, operands),
  recipe(attentionGradient, 2e-5, shapes, drawShape, gradientOperands),
];
