// The test table of the losses over a tied vocabulary.
import * as kernels from '../../kernels/library/index.js';
import { vector, type Random } from '../support/random.js';
import { sized, type Operands, type Recipe } from './case.js';

/** Hidden rows, table, bias: the tied output layer. */
const outputLayer = (random: Random, n: number, width: number, words: number) => ({
  x: random.array([n, width], () => random.normal() * 0.5),
  table: random.array([words, width]),
  bias: random.array([words]),
});

const vocabularies = [
  [0, 4, 10],
  [1, 1, 1],
  [1, 8, 1],
  [3, 5, 17],
  [6, 32, 100],
  [4, 16, 2050],
];

function crossEntropyOperands(random: Random, n: number, width: number, words: number): Operands {
  return {
    inputs: {
      ...outputLayer(random, n, width, words),
      labels: random.array([n], () => random.integer(words)),
      width,
      words,
    },
    outputs: { nll: [n], hit: [n] },
  };
}

function crossEntropyGradientOperands(random: Random, n: number, width: number, words: number): Operands {
  const { inputs, outputs } = crossEntropyOperands(random, n, width, words);
  return {
    inputs: { ...inputs, rows: n, scale: 0.25 },
    outputs: { ...outputs, dx: [n, width], dtable: [words, width], dbias: [words] },
  };
}

/** Sequences of 2 to 8 rows each; shapes are [sequences, width, words]. */
function sequences(random: Random, count: number): { offsets: number[]; sequence: number[] } {
  const lengths = Array.from({ length: count }, () => 2 + random.integer(7));
  const offsets = lengths.reduce((ends, length) => [...ends, ends.at(-1)! + length], [0]);
  return { offsets, sequence: lengths.flatMap((length, b) => new Array<number>(length).fill(b)) };
}

const bags = [
  [1, 1, 1],
  [1, 4, 9],
  [3, 8, 33],
  [4, 16, 1030],
];

function bagOperands(random: Random, count: number, width: number, words: number): Operands {
  const { offsets } = sequences(random, count);
  return {
    inputs: { ...outputLayer(random, offsets[count], width, words), offsets: vector(offsets), skip: 1, width },
    outputs: { top: [count, words], row: [count, words] },
  };
}

function bagGradientOperands(random: Random, count: number, width: number, words: number): Operands {
  const { offsets, sequence } = sequences(random, count);
  const length = offsets[count];
  const rowOf = (b: number) => offsets[b] + 1 + random.integer(offsets[b + 1] - offsets[b] - 1);
  return {
    inputs: {
      dtop: random.array([count, words]),
      row: random.array([count, words], (cell) => rowOf(Math.floor(cell / words))),
      x: random.array([length, width]),
      table: random.array([words, width]),
      sequence: vector(sequence),
      words,
      sequences: count,
    },
    outputs: { dx: [length, width], dtable: [words, width], dbias: [words] },
  };
}

export const lossRecipes: readonly Recipe[] = [
  sized(kernels.crossEntropy, 4e-6, [8, 16, 60], vocabularies, crossEntropyOperands),
  sized(kernels.crossEntropyGradient, 1e-5, [8, 16, 60], vocabularies, crossEntropyGradientOperands),
  sized(kernels.vocabularyMax, 2e-6, [4, 16, 60], bags, bagOperands),
  sized(kernels.vocabularyMaxGradient, 2e-6, [4, 16, 60], bags, bagGradientOperands),
];
