// The functions inside kernels against independent ones: mathjs, integer arithmetic, statistics.
import fc from 'fast-check';
import { erf as erfOfMathjs, multiply, sum as sumOfMathjs, transpose } from 'mathjs';
import t from 'tap';
import * as kernels from '../../kernels/library/index.js';
import { absorb, keep, mix, uniform } from '../../kernels/library/random.js';
import { bitAt, erf } from '../../kernels/library/scalar.js';
import { ReferenceBackend } from '../../kernels/reference.js';
import { testBackends } from '../support/backends.js';
import { Random, type Operand } from '../support/random.js';
import { runCase } from './case.js';

const reference = new ReferenceBackend('float64');

void t.test('erf agrees with mathjs', (t) => {
  let worst = 0;
  for (let x = -7; x <= 7; x += 1 / 512) worst = Math.max(worst, Math.abs(erf(x) - erfOfMathjs(x)));
  t.ok(worst < 3e-16, `within ${worst}`);
  t.same([erf(0), erf(30), erf(-30)], [0, 1, -1]);
  t.end();
});

void t.test('bitAt reads every bit', (t) => {
  fc.assert(fc.property(fc.nat(0xffff), fc.nat(15), (word, index) => bitAt(word, index) === ((word >> index) & 1)));
  t.end();
});

const rowsOf = ({ dims: [rows, columns], data }: Operand): number[][] =>
  Array.from({ length: rows }, (_, i) => [...data.subarray(i * columns, (i + 1) * columns)]);

void t.test('products and sums agree with mathjs', async (t) => {
  const random = new Random(3);
  const [m, n, k] = [7, 5, 11];
  const a = random.array([m, k]);
  const c = random.array([k, n]);
  const expected = multiply(rowsOf(a), rowsOf(c));
  const turned = ({ dims, data }: Operand): Operand => ({
    dims: [1, dims[1], dims[0]],
    data: Float32Array.from(transpose(rowsOf({ dims, data })).flat()),
  });
  const whole = ({ dims, data }: Operand): Operand => ({ dims: [1, ...dims], data });
  for (const [kernel, left, right] of [
    [kernels.matmulNN, whole(a), whole(c)],
    [kernels.matmulNT, whole(a), turned(c)],
    [kernels.matmulTN, turned(a), whole(c)],
    [kernels.matmulTT, turned(a), turned(c)],
  ] as const) {
    const inputs = { a: left, b: right, k };
    const { y } = await runCase(reference, { kernel, label: '', inputs, outputs: { y: [1, m, n] }, tolerance: 0 });
    const worst = Math.max(...expected.flat().map((value, i) => Math.abs(value - y[i])));
    t.ok(worst < 1e-13, `${kernel.name}: within ${worst}`);
  }
  const x = whole(a);
  const inputs = { x, n: m };
  const { y } = await runCase(reference, {
    kernel: kernels.sum,
    label: '',
    inputs,
    outputs: { y: [1, k] },
    tolerance: 0,
  });
  const sums = sumOfMathjs(rowsOf(a) as unknown as number[], 0) as unknown as number[];
  t.ok(Math.max(...sums.map((value, i) => Math.abs(value - y[i]))) < 1e-13, 'sum');
});

const state = () => fc.nat(2 ** 24 - 1);

void t.test('the generator is exact: integer arithmetic gives the same states below 2^24', (t) => {
  const round = (from: number, word: number) => {
    const s = ((from & 4095) + word) & 4095;
    return s * 4096 + (((from >> 12) + ((s * s + s) >> 6)) & 4095);
  };
  fc.assert(
    fc.property(state(), fc.nat(4095), (from, word) => mix(from, word) === round(from, word)),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(state(), state(), state(), (key, row, column) => {
      const number = uniform(key, row, column);
      return number >= 0 && number < 1 && Number.isInteger(number * 2 ** 24) && Math.fround(number) === number;
    }),
  );
  const images = new Set(Array.from({ length: 2 ** 16 }, (_, value) => absorb(123456, value * 256 + 17)));
  t.equal(images.size, 2 ** 16, 'absorb maps different values to different states');
  t.end();
});

void t.test('uniform numbers fill [0, 1) evenly, dropout keeps its share', (t) => {
  const [bins, rows, columns] = [256, 400, 512];
  for (const key of [0, 1, 987654, 2 ** 24 - 1]) {
    const counts = new Array<number>(bins).fill(0);
    let kept = 0;
    let pairs = 0;
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++) {
        const number = uniform(key, row, column);
        counts[Math.floor(number * bins)]++;
        pairs += (number - 0.5) * (uniform(key, row, column + 1) - 0.5);
        if (keep(0.1, key, row, column) > 0) kept++;
      }
    const cells = rows * columns;
    const chi = counts.reduce((total, count) => total + (count - cells / bins) ** 2 / (cells / bins), 0);
    // 255 degrees of freedom: mean 255, standard deviation 22.6; the bounds are five of these away.
    t.ok(chi > 142 && chi < 368, `key ${key}: chi-square ${chi.toFixed(0)}`);
    t.ok(Math.abs(kept / cells - 0.9) < 5 * Math.sqrt(0.09 / cells), `key ${key}: ${kept / cells} kept`);
    t.ok(Math.abs((12 * pairs) / cells) < 5 / Math.sqrt(cells), `key ${key}: neighbours do not correlate`);
  }
  t.equal(keep(0.5, 1, 2, 3) * keep(0, 1, 2, 3), keep(0.5, 1, 2, 3), 'nothing is dropped at p = 0');
  t.end();
});

for (const { name, open } of testBackends())
  void t.test(`dropout drops the same cells on ${name}`, async (t) => {
    const backend = await open();
    if (typeof backend === 'string') return void t.plan(0, backend);
    const dims = [37, 129];
    const [p, key] = [0.25, 1234567];
    const x = new Random(1).array(dims, () => 1);
    const item = { kernel: kernels.dropout, label: '', inputs: { x, p, key }, outputs: { y: dims }, tolerance: 0 };
    const { y } = await runCase(backend, item);
    t.ok(
      y.every((cell, i) => cell > 0 === keep(p, key, Math.floor(i / dims[1]), i % dims[1]) > 0),
      'as the generator says',
    );
    await backend.close();
  });
