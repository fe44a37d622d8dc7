// The Mersenne Twister in both its dresses: the numbers that Python and PyTorch give.
import t from 'tap';
import { PythonRandom, TorchGenerator } from '../../retromae/mt19937.js';

const times = <T>(n: number, draw: () => T): T[] => Array.from({ length: n }, draw);

void t.test('Python: random.seed(42)', async (t) => {
  const random = new PythonRandom(42);
  t.strictSame(
    times(5, () => random.uint32()),
    [2746317213, 478163327, 107420369, 3184935163, 1181241943],
  );
  const again = new PythonRandom(42);
  const items = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  again.shuffle(items);
  t.strictSame(items, [7, 3, 2, 8, 5, 6, 9, 4, 0, 1]);
  t.strictSame(
    times(5, () => again.randint(0, 13)),
    [9, 6, 0, 0, 1],
  );
});

void t.test('Python: other seeds, random(), and the thousandth number, as CPython 3.11 prints them', async (t) => {
  const large = new PythonRandom(2 ** 40 + 5);
  t.strictSame(
    times(4, () => large.uint32()),
    [2166296868, 2220160828, 1153647273, 2850991874],
  );
  t.equal(large.random(), 0.9257865475671585);
  t.equal(new PythonRandom(0).uint32(), 3626764237);
  const random = new PythonRandom(42);
  t.equal(times(1000, () => random.uint32()).at(-1), 4212168831);
});

void t.test('PyTorch: manual_seed(42)', async (t) => {
  const torch = new TorchGenerator(42);
  t.strictSame(
    times(5, () => torch.uint32()),
    [1608637542, 3421126067, 4083286876, 787846414, 3143890026],
  );
  const again = new TorchGenerator(42);
  t.equal(again.randint(40), 1608637542 % 40);
  t.equal(again.bernoulli(0.8), (3421126067 & 0xffffff) / 2 ** 24 < 0.8);
  t.equal(new TorchGenerator(2 ** 32 + 42).uint32(), 1608637542, 'the lower 32 bits of the seed count');
  t.equal(new TorchGenerator(5489).uint32(), 3499211612, "the reference code's default seed");
});

void t.test("bernoulli's threshold is the float32 of p", async (t) => {
  const torch = new TorchGenerator(1);
  // 0.7 is 11744051.2 / 2^24, and 11744051 / 2^24 in float32: that very draw tells the two apart.
  torch.uint32 = () => 0xff000000 + 11744051;
  t.equal(torch.bernoulli(0.7), false);
  torch.uint32 = () => 0xff000000 + 11744050;
  t.equal(torch.bernoulli(0.7), true);
});
