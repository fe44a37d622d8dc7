// The test table of the kernels that move numbers.
import * as kernels from '../../kernels/library/index.js';
import { vector, type Operand, type Random } from '../support/random.js';
import { recipe, sized, type Operands, type Recipe } from './case.js';

interface Arrangement {
  /** Extents of the four source axes. */
  from: number[];
  /** Output axis that each source axis follows; -1 for a source axis of extent 1 that is dropped. */
  follows: number[];
  /** Extents of output axes that no source axis follows. */
  repeat?: Record<number, number>;
}

function arrangement(random: Random, { from, follows, repeat = {} }: Arrangement): Operands {
  const to = [0, 1, 2, 3].map((axis) => repeat[axis] ?? from[follows.indexOf(axis)] ?? 1);
  const factors: Record<string, number> = {};
  const rows = [
    ['i', 0, from[1]],
    ['i', 1, 1],
    ['j', 2, 1],
    ['k', 3, 1],
  ] as const;
  for (const letter of 'ijk') for (const axis of [0, 1, 2, 3]) factors[letter + axis] = 0;
  for (const [letter, source, stride] of rows) if (follows[source] >= 0) factors[letter + follows[source]] = stride;
  return {
    inputs: { x: random.array([from[0] * from[1], from[2], from[3]]), depth: to[1], ...factors },
    outputs: { y: [to[0] * to[1], to[2], to[3]] },
  };
}

function drawArrangement(random: Random): Arrangement {
  const follows = random.shuffle([0, 1, 2, 3]);
  const from = follows.map(() => 1 + random.integer(6));
  const dropped = random.integer(5);
  if (dropped === 4) return { from, follows };
  from[dropped] = 1;
  return { from, follows: follows.with(dropped, -1), repeat: { [follows[dropped]]: 1 + random.integer(6) } };
}

/** Ids turned round for `scatter`: rows sorted by id, and where each id starts. */
function turnRound(ids: Float32Array, words: number): { order: Operand; starts: Operand } {
  const order = [...ids.keys()].sort((a, b) => ids[a] - ids[b] || a - b);
  const starts = new Array<number>(words + 1).fill(0);
  for (const id of ids) starts[id + 1]++;
  for (let v = 0; v < words; v++) starts[v + 1] += starts[v];
  return { order: vector(order), starts: vector(starts) };
}

/** Rows of the table, columns, rows to add up. */
export const scattered = [
  [5, 3, 0],
  [1, 1, 1],
  [9, 5, 70],
  [300, 33, 65],
  [3, 4099, 4],
];

/** n rows of a gradient and the words that they belong to. */
export const rowsById = (random: Random, words: number, width: number, n: number) => ({
  dy: random.array([n, width]),
  ...turnRound(random.array([n], () => random.integer(words)).data, words),
});

function scatterInputs(random: Random, words: number, width: number, n: number) {
  const { dy: x, ...inverse } = rowsById(random, words, width, n);
  return { x, ...inverse };
}

export const movementRecipes: readonly Recipe[] = [
  recipe(
    kernels.arrange,
    0,
    [
      { from: [1, 1, 1, 1], follows: [0, 1, 2, 3] },
      { from: [2, 3, 4, 5], follows: [0, 1, 2, 3] },
      { from: [2, 3, 4, 5], follows: [3, 2, 1, 0] },
      { from: [3, 7, 4, 16], follows: [0, 2, 1, 3] },
      { from: [1, 1, 33, 65], follows: [0, 1, 3, 2] },
      { from: [4, 3, 1, 6], follows: [0, 1, -1, 3], repeat: { 2: 5 } },
      { from: [1, 1, 1, 6], follows: [-1, -1, -1, 1], repeat: { 0: 3, 2: 2, 3: 5 } },
      { from: [2, 3, 0, 5], follows: [0, 1, 2, 3] },
    ],
    drawArrangement,
    arrangement,
  ),
  sized(
    kernels.concat,
    0,
    [4, 10, 10, 40],
    [
      [1, 2, 0, 3],
      [1, 0, 2, 3],
      [3, 0, 2, 1],
      [1, 1, 1, 1],
      [1, 7, 4, 33],
      [5, 7, 4, 1],
      [0, 2, 2, 3],
    ],
    (random, outer, n, m, inner) => ({
      inputs: { a: random.array([outer, n, inner]), b: random.array([outer, m, inner]), n },
      outputs: { y: [outer, n + m, inner] },
    }),
  ),
  // The window begins up to 9 cells before the first.
  sized(
    kernels.slice,
    0,
    [4, 20, 30, 20, 20],
    [
      [1, 5, 12, 3, 4],
      [3, 5, 9, 5, 2],
      [3, 5, 7, 9, 2],
      [2, 70, 29, 33, 65],
      [4, 9, 11, 4, 1],
      [2, 3, 20, 4, 3],
      [2, 3, 0, 4, 3],
      [2, 0, 9, 4, 3],
      [2, 3, 9, 0, 3],
      [0, 3, 9, 2, 3],
    ],
    (random, outer, n, start, m, inner) => ({
      inputs: { x: random.array([outer, n, inner]), n, start: start - 9 },
      outputs: { y: [outer, m, inner] },
    }),
  ),
  sized(
    kernels.gather,
    0,
    [40, 20, 20],
    [
      [5, 3, 0],
      [1, 1, 1],
      [30, 16, 7],
      [1000, 33, 65],
    ],
    (random, words, width, n) => ({
      inputs: { table: random.array([words, width]), ids: random.array([n], () => random.integer(words)) },
      outputs: { y: [n, width] },
    }),
  ),
  sized(kernels.scatter, 1e-6, [40, 20, 20], scattered, (random, words, width, n) => ({
    inputs: scatterInputs(random, words, width, n),
    outputs: { y: [words, width] },
  })),
  sized(kernels.addScatter, 1e-6, [40, 20, 20], scattered, (random, words, width, n) => ({
    inputs: { ...scatterInputs(random, words, width, n), y: random.array([words, width]) },
    outputs: { y: [words, width] },
  })),
];
