// Losses over a vocabulary on the wasm backend: shapes at random, several blocks of rows, and the memory that they take.
import t from 'tap';
import * as kernels from '../../kernels/library/index.js';
import type { View } from '../../kernels/backend.js';
import { cellsOf } from '../../kernels/kernel.js';
import { Engine } from '../../kernels/wasm/engine.js';
import { Call } from '../../kernels/wasm/native.js';
import { lossNatives } from '../../kernels/wasm/natives/loss.js';
import { Random, vector, type Operand } from '../support/random.js';
import type { Case } from './case.js';
import { lossRecipes } from './cases-loss.js';
import { openThreads } from './wasm-threads.js';

const check = await openThreads(t);

const random = new Random(17);

/** The output layer of a model with the largest vocabulary in use: 32 MiB hold the logits of 274 rows. */
const words = 30522;
const head = (rows: number, width: number) => ({
  x: random.array([rows, width]),
  table: random.array([words, width]),
  bias: random.array([words]),
  width,
});

void t.test('the test table and shapes at random', async (t) => {
  const source = new Random(3);
  for (const recipe of lossRecipes) {
    for (const item of recipe.table(2)) await check(item);
    for (let i = 0; i < 25; i++) await check(recipe.draw(source));
    t.pass(recipe.kernel.name);
  }
});

void t.test('cross-entropy over more rows than a block holds', async (t) => {
  const rows = 280;
  const labels = random.array([rows], () => random.integer(words));
  const inputs = { ...head(rows, 2), labels, words, rows, scale: 0.1 };
  const outputs = { nll: [rows], hit: [rows], dx: [rows, 2], dtable: [words, 2], dbias: [words] };
  await check({ kernel: kernels.crossEntropyGradient, label: 'two blocks', inputs, outputs, tolerance: 1e-5 });
  t.pass('agrees');
});

void t.test('the maximum over a sequence that two blocks share', async (t) => {
  const inputs = { ...head(290, 2), offsets: vector([0, 30, 284, 290]), skip: 1 };
  const outputs = { top: [3, words], row: [3, words] };
  const item: Case = { kernel: kernels.vocabularyMax, label: 'two blocks', inputs, outputs, tolerance: 1e-6 };
  const { row } = await check(item);
  t.ok(
    row.every((r, i) => r > inputs.offsets.data[Math.floor(i / words)]),
    'first rows are left out',
  );
});

void t.test('2,048 rows over 30,522 words take 32 MiB of logits', async (t) => {
  const engine = await Engine.open({ threads: 2 });
  t.teardown(() => engine.close());
  const rows = 2048;
  const pointers = new Map<View, number>();
  const place = ({ dims, data }: Pick<Operand, 'dims'> & Partial<Operand>): View => {
    const view = { dims } as View;
    pointers.set(view, engine.heap.alloc(4 * cellsOf(dims)));
    if (data) engine.heap.f32(pointers.get(view)!, data.length).set(data);
    return view;
  };
  const { x, table, bias } = head(rows, 1);
  const operands = {
    ...{ x: place(x), table: place(table), bias: place(bias), width: 1, words, rows, scale: 1 },
    labels: place(random.array([rows], () => random.integer(words))),
    ...{ nll: place({ dims: [rows] }), hit: place({ dims: [rows] }), dx: place({ dims: [rows, 1] }) },
    ...{ dtable: place({ dims: [words, 1] }), dbias: place({ dims: [words] }) },
  };
  const { liveBytes } = engine.heap;
  lossNatives.crossEntropyGradient(engine, new Call(operands, (view) => pointers.get(view)!));
  const workspace = engine.heap.liveBytes - liveBytes;
  // The table, here one column wide, is packed in strips of 8 columns for one of the products.
  const packed = 4 * words * (1 + 8);
  t.ok(
    engine.heap.peakBytes - liveBytes - workspace - packed <= 32 << 20,
    `${engine.heap.peakBytes - liveBytes} bytes`,
  );
  t.ok(workspace <= 9 << 20, 'what stays is the workspace of matrix multiply');
});
