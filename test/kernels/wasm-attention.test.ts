// Attention on the wasm backend: shapes at random, working memory beyond a thread's own, masks and dropout cell by cell.
import t from 'tap';
import { attention, attentionGradient } from '../../kernels/library/index.js';
import { keep } from '../../kernels/library/random.js';
import { Random, vector, type Operand } from '../support/random.js';
import { forward, type Case } from './case.js';
import { attentionRecipes } from './cases-attention.js';
import { openThreads } from './wasm-threads.js';

const check = await openThreads(t);

interface Shape {
  queries: number[];
  keys: number[];
  heads: number;
  width: number;
  p?: number;
}

/** Forward and backward cases of one shape; every row sees the first key, and every other key with probability 1/2. */
function cases({ queries, keys, heads, width, p = 0 }: Shape): [Case, Case] {
  const random = new Random(5);
  const ends = (counts: number[]) => counts.reduce((all, count) => [...all, all.at(-1)! + count], [0]);
  const sequence = (counts: number[]) => vector(counts.flatMap((count, b) => new Array<number>(count).fill(b)));
  const [rows, keyRows] = [ends(queries).at(-1)!, ends(keys).at(-1)!];
  const longest = Math.max(...keys);
  const inputs = {
    q: random.array([rows, heads * width]),
    k: random.array([keyRows, heads * width]),
    v: random.array([keyRows, heads * width]),
    qSequence: sequence(queries),
    kSequence: sequence(keys),
    qOffsets: vector(ends(queries)),
    kOffsets: vector(ends(keys)),
    visible: random.array([rows, Math.ceil(longest / 16)], () => random.integer(2 ** 15) * 2 + 1),
    masked: 1,
    heads,
    width,
    keys: longest,
    scale: 1 / Math.sqrt(width),
    p,
    key: 1234567,
  };
  const label = JSON.stringify({ queries, keys, heads, width, p });
  const outputs = { y: inputs.q.dims, lse: [rows, heads] };
  const gradient = { dq: inputs.q.dims, dk: inputs.k.dims, dv: inputs.v.dims };
  const known = { ...inputs, dy: random.array(inputs.q.dims), ...forward(attention, { inputs, outputs }) };
  return [
    { kernel: attention, label, inputs, outputs, tolerance: 2e-6 },
    { kernel: attentionGradient, label, inputs: known, outputs: gradient, tolerance: 1e-5 },
  ];
}

void t.test('the test table and shapes at random', async (t) => {
  const random = new Random(3);
  for (const recipe of attentionRecipes) {
    for (const item of recipe.table(2)) await check(item);
    for (let i = 0; i < 25; i++) await check(recipe.draw(random));
    t.pass(recipe.kernel.name);
  }
});

void t.test('widths and lengths of real models, and around the sizes of tiles and blocks', async (t) => {
  for (const width of [15, 16, 17, 32, 64, 65])
    for (const item of cases({ queries: [31, 2], keys: [33, 16], heads: 2, width, p: 0.1 })) await check(item);
  for (const item of cases({ queries: [300], keys: [257], heads: 1, width: 8, p: 0.1 })) await check(item);
  t.pass('all agree');
});

void t.test('a task that needs more than the memory of its thread', async (t) => {
  for (const item of cases({ queries: [34, 2], keys: [1200, 40], heads: 1, width: 96, p: 0.1 })) await check(item);
  t.pass('all agree');
});

void t.test('keys without queries get zero gradients', async (t) => {
  const [, gradient] = cases({ queries: [0, 4], keys: [3, 5], heads: 2, width: 4 });
  const { dk, dv } = await check(gradient);
  t.ok([...dk.subarray(0, 3 * 8), ...dv.subarray(0, 3 * 8)].every((cell) => cell === 0));
});

void t.test(
  'with v = identity, y shows which keys are hidden or dropped: bit for bit those of the library',
  async (t) => {
    const keys = 70;
    const p = 0.3;
    const heads = 2;
    const [item] = cases({ queries: [keys, 9], keys: [keys, 20], heads, width: keys, p });
    const { visible, v } = item.inputs as Record<string, Operand>;
    const key = Number(item.inputs.key);
    const identity = new Random(1).array(v.dims, (cell) =>
      (cell % (heads * keys)) % keys === Math.floor(cell / (heads * keys)) % keys ? 1 : 0,
    );
    const { y } = await check({ ...item, inputs: { ...item.inputs, v: identity } });
    let wrong = 0;
    for (let row = 0; row < keys; row++)
      for (let head = 0; head < heads; head++)
        for (let j = 0; j < keys; j++) {
          const word = visible.data[row * 5 + Math.floor(j / 16)];
          const seen = Math.floor(word / 2 ** (j % 16)) % 2 === 1;
          const weighs = seen && keep(Math.fround(p), key, row * heads + head, j) > 0;
          if (y[(row * heads + head) * keys + j] > 0 !== weighs) wrong++;
        }
    t.equal(wrong, 0);
  },
);
