// What does not fit is refused in one line: the operation, the facts, the remedy.
import t from 'tap';
import {
  full,
  HostArray,
  Ids,
  Random,
  Sequences,
  setBackend,
  tensor,
  zeros,
  getBackend,
  ops,
} from '../../core/index.js';
import { ReferenceBackend } from '../../kernels/reference.js';
import { table } from './table.js';

const backend = new ReferenceBackend();
setBackend(backend);

const x = (...shape: number[]) => zeros(shape);
const two = Sequences.ofLengths([2, 1]);
const attention = { heads: 2, queries: two, keys: two, p: 0, key: 0 };
const head = { x: x(2, 3), table: x(5, 3), bias: x(5) };

/** Bad calls by op; the pattern holds the facts. */
const norm = { eps: 1, p: 0, key: 0 };
const residual = (others: object) =>
  x(2, 3).dropoutAddNorm({ shift: x(3), residual: x(2, 3), gain: x(3), bias: x(3), ...others }, norm);
const embed = (others: object, places = [0]) =>
  ops.embedNorm.apply(
    { words: x(5, 3), positions: x(4, 3), types: x(2, 3), gain: x(3), bias: x(3), ...others },
    { ids: new Ids([1]), places: new Ids(places), ...norm },
  );

const bad: Record<string, [call: () => unknown, message: RegExp][]> = {
  add: [
    [() => x(2, 3).add(x(2, 4)), /^add: shapes \[2, 3\] and \[2, 4\] do not broadcast \(axis -1: 3 against 4\)/],
    [() => ops.add.apply({ a: x(2), b: x(1) }), /^add: a is \[2\], b is \[1\]. Expand one/],
  ],
  sub: [[() => x(3).sub(x(2, 2)), /^sub: shapes \[3\] and \[2, 2\]/]],
  mul: [[() => x(0).mul(x(2)), /^mul: shapes \[0\] and \[2\]/]],
  div: [[() => x(3).div(x(2)), /^div: shapes/]],
  maximum: [[() => x(3).maximum(x(2)), /^maximum: shapes/]],
  reshape: [
    [() => x(2, 3).reshape([4]), /^reshape: x is \[2, 3\]. Its 6 numbers do not fit the shape \[4\]/],
    [() => x(4).reshape([-1, 3]), /^reshape: x is \[4\]. .* \[1.33/],
    [() => x(4).reshape([-2, -2]), /^reshape: x is \[4\]. .* \[-2, -2\]/],
    [() => x(4).reshape([-1, -1]), /^reshape: x is \[4\]/],
    [() => x(0).reshape([-1, 0]), /^reshape: x is \[0\]/],
  ],
  permute: [
    [() => x(2, 3).permute(0), /^permute: x is \[2, 3\]. The axes \[0\] are not a permutation of its 2 axes/],
    [() => x(2, 3).permute(0, 0), /^permute: x is \[2, 3\]. The axes \[0, 0\]/],
    [() => x(2, 3).permute(0, 2), /^permute: axis 2 is out of range for 2 axes. Take one from -2 to 1/],
  ],
  expand: [
    [() => x(2).expand([3]), /^expand: x is \[2\]. It does not broadcast to \[3\]/],
    [() => x(2, 1).expand([2]), /^expand: x is \[2, 1\]/],
    [() => x(1).expand([-1]), /^expand: x is \[1\]/],
  ],
  bagSum: [
    [
      () => ops.bagSum.apply({ table: x(5, 2) }, { ids: new Ids([0, 1]), sequences: Sequences.ofLengths([3]) }),
      /^bagSum: table is \[5, 2\]. Wanted \[V, H\] and 3 ids; there are 2\./,
    ],
    [
      () => ops.bagSum.apply({ table: x(5, 2) }, { ids: new Ids([5]), sequences: Sequences.ofLengths([1]) }),
      /^bagSum: id 5 at index 0 is not an integer from 0 to 4/,
    ],
  ],
  gather: [
    [() => x(5).gather([0]), /^gather: table is \[5\]. It must be \[rows, columns\]/],
    [() => x(5, 2).gather([0, 5]), /^gather: id 5 at index 1 is not an integer from 0 to 4/],
    [() => x(5, 2).gather([-1]), /^gather: id -1 at index 0/],
    [() => x(5, 2).gather([0.5]), /^gather: id 0.5 at index 0/],
    [() => x(5, 2).gather([NaN]), /^gather: id NaN at index 0/],
  ],
  concat: [
    [() => x(2, 3).concat(x(2, 4)), /^concat: a is \[2, 3\], b is \[2, 4\]. All axes but axis 0 must/],
    [() => x(2, 3).concat(x(2), 1), /^concat: a is \[2, 3\], b is \[2\]. All axes but axis 1 must/],
    [() => tensor(1).concat(tensor(2)), /^concat: axis 0 is out of range for 0 axes/],
  ],
  slice: [
    [
      () => x(2, 3).slice(1, 2, 4),
      /^slice: x is \[2, 3\]. There are no cells 2 to 4 of axis 1: 0 <= start <= end <= 3/,
    ],
    [() => x(2, 3).slice(0, 2, 1), /^slice: x is \[2, 3\]/],
    [() => x(2, 3).slice(0, -1, 1), /^slice: x is \[2, 3\]/],
    [() => x(2, 3).slice(0, 0.5, 1), /^slice: x is \[2, 3\]/],
  ],
  segmentSum: [
    [() => x(2, 3).pool(two), /^segmentSum: x is \[2, 3\]. The sequences have 3 rows; wanted x \[3, H\]/],
    [() => ops.segmentSum.apply({ x: x(3) }, { sequences: two }), /^segmentSum: x is \[3\]/],
  ],
  topK: [
    [() => x(2, 3).topK(4), /^topK: x is \[2, 3\]. k is 4; take one from 1 to 3/],
    [() => x(2, 3).topK(1.5), /^topK: x is \[2, 3\]. k is 1.5/],
    [() => tensor(1).topK(1), /^topK: x is \[\]. k is 1; take one from 1 to 0/],
  ],
  sum: [[() => x(2, 3).sum(2), /^sum: axis 2 is out of range for 2 axes/]],
  max: [
    [() => x(2, 3).max(-3), /^max: axis -3 is out of range/],
    [() => x(2, 0).max(1), /^max: x is \[2, 0\]. Axis 1 is empty/],
  ],
  matmul: [
    [
      () => x(8, 128).matmul(x(64, 128)),
      /^matmul: inner dimensions differ: a is \[8, 128\], b is \[64, 128\]. Did you/,
    ],
    [() => x(2, 3).matmul(x(4, 5)), /^matmul: inner dimensions differ.*The last axis of a/],
    [() => x(3).matmul(x(3, 2)), /^matmul: a is \[3\], b is \[3, 2\]. Both need two axes/],
    [() => x(2, 3, 4).matmul(x(3, 4, 5)), /^matmul: shapes \[2\] and \[3\] do not broadcast/],
  ],
  linear: [[() => x(2, 3).linear(x(4, 5), x(4)), /^linear: x is \[2, 3\], w is \[4, 5\], bias is \[4\]. Wanted/]],
  softmax: [[() => tensor(1).softmax(), /^softmax: x is \[\]. It needs an axis/]],
  product: [[() => x(2, 3).linear(x(4, 5)), /^product: x is \[2, 3\], w is \[4, 5\]. Wanted/]],
  biasGelu: [[() => x(2, 3).biasGelu(x(2)), /^biasGelu: x is \[2, 3\], bias is \[2\]. Wanted/]],
  layerNorm: [[() => x(2, 3).layerNorm(x(3), x(2), 1e-12), /^layerNorm: x is \[2, 3\], gain is \[3\], bias is \[2\]/]],
  dropoutAddNorm: [
    [() => residual({ residual: x(1, 3) }), /^dropoutAddNorm: x is .*one shape/],
    [() => residual({ gain: x(2) }), /^dropoutAddNorm: .* Wanted x \[..., H\], gain/],
    [() => residual({ shift: x(2) }), /^dropoutAddNorm: .* Wanted x \[..., H\], shift/],
  ],
  embedNorm: [
    [() => embed({ positions: x(4, 2) }), /^embedNorm: .* Wanted words \[V, H\]/],
    [() => embed({ types: x(0, 3) }), /^embedNorm: .* Wanted .*T > 0/],
    [() => embed({ gain: x(2) }), /^embedNorm: .* Wanted x/],
    [() => embed({}, [0, 1]), /^embedNorm: .*1 ids and 2 places/],
    [() => embed({}, [4]), /^embedNorm places: id 4 at index 0/],
    [() => embed({ words: x(1, 3) }), /^embedNorm ids: id 1 at index 0/],
  ],
  attention: [
    [
      () => ops.attention.apply({ q: x(3, 5), k: x(3, 5), v: x(3, 5) }, attention),
      /^attention: .*divisible by 2 heads/,
    ],
    [() => ops.attention.apply({ q: x(3, 4), k: x(3, 4), v: x(3, 2) }, attention), /^attention: .*v is \[3, 2\]/],
    [
      () => ops.attention.apply({ q: x(4, 4), k: x(3, 4), v: x(3, 4) }, attention),
      /^attention: .*say 3 query rows of 2/,
    ],
    [
      () =>
        ops.attention.apply(
          { q: x(3, 4), k: x(3, 4), v: x(3, 4) },
          { ...attention, visible: new HostArray([1, 1], [2, 1]) },
        ),
      /^attention: .*visible is \[2, 1\]. Wanted visible \[3, ceil\(2 \/ 16\)\]/,
    ],
  ],
  linearCrossEntropy: [
    [
      () => ops.linearCrossEntropy.apply({ ...head, table: x(5, 4) }, { labels: new Ids([0, 1]) }),
      /^linearCrossEntropy: .* Wanted x \[R, H\]/,
    ],
    [() => ops.linearCrossEntropy.apply(head, { labels: new Ids([0]) }), /^linearCrossEntropy: .*There are 1 labels/],
    [
      () => ops.linearCrossEntropy.apply(head, { labels: new Ids([0, 5]) }),
      /^linearCrossEntropy labels: id 5 at index 1/,
    ],
    [
      () => ops.linearCrossEntropy.apply({ ...head, x: x(0, 3) }, { labels: new Ids([]) }),
      /^linearCrossEntropy: .*There are 0 labels/,
    ],
  ],
  vocabularyMax: [
    [
      () => ops.vocabularyMax.apply({ ...head, x: x(3, 3) }, { sequences: two, skip: 1 }),
      /^vocabularyMax: .* Sequence 1 of 3 rows needs more than 1 rows/,
    ],
    [() => ops.vocabularyMax.apply(head, { sequences: two, skip: 0 }), /^vocabularyMax: x is \[2, 3\].*of 3 rows/],
  ],
};

/** Ops that take every shape. */
const careless = ['exp', 'log', 'sqrt', 'tanh', 'erf', 'gelu', 'affine', 'dropout'];

const messageOf = (call: () => unknown): string => {
  try {
    call();
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing was thrown';
};

void t.test('shapes and ids that do not fit', async (t) => {
  t.same(Object.keys(bad).concat(careless).sort(), table.map(({ spec }) => spec.name).sort(), 'every op is here');
  for (const [name, calls] of Object.entries(bad))
    for (const [call, pattern] of calls) {
      const message = messageOf(call);
      t.match(message, pattern, message);
      t.match(message, /^[^\n]+[.?] [^\n]+[.?]$/, `${name}: facts, then a remedy`);
    }
});

void t.test('what is no tensor', async (t) => {
  t.throws(() => tensor([[1, 2], [3]]), /tensor: rows of shapes \[2\] and \[1\]/);
  t.throws(
    () => tensor([[1, 2], [3], [4, 5, 6]]),
    /tensor: rows of shapes \[2\] and \[1\]/,
    'though 6 numbers fill [3, 2]',
  );
  t.throws(() => tensor([1, [2]]), /tensor: rows of shapes \[\] and \[1\]/);
  t.throws(() => tensor([1, 2, 3], [2, 2]), /tensor: 3 numbers do not fill the shape \[2, 2\]/);
  t.throws(() => tensor([1, 2, 3, 4], [-2, -2]), /tensor: 4 numbers do not fill the shape \[-2, -2\]/);
  await t.rejects(x(2).item(), /item: a tensor \[2\] has 2 numbers, not 1/);
});

void t.test('host arrays and sequences', async (t) => {
  t.throws(() => new HostArray([1, 2, 3], [2, 2]), /HostArray: 3 values do not fill the shape \[2, 2\]/);
  for (const offsets of [[], [1], [1, 2], [0, 3, 2], [0, -1], [0, NaN]])
    t.throws(
      () => new Sequences(offsets),
      /Sequences: offset \d is .* start at 0 and never fall/,
      `[${offsets.join()}]`,
    );
  const { count, rows, longest } = new Sequences([0, 0, 3]);
  t.same([count, rows, longest], [2, 3, 3], 'a sequence may be empty');
});

void t.test('tensors of two backends, and of none', async (t) => {
  const other = full([2], 1, { backend: new ReferenceBackend('float64') });
  t.throws(() => x(2).add(other), /add: a is on reference, b on reference. Make both on the same backend/);
  setBackend(undefined);
  t.teardown(() => setBackend(backend));
  t.throws(() => zeros([1]), /no backend is open. Write `setBackend/);
  t.throws(() => getBackend(), /no backend is open/);
  t.throws(() => new Random(-1), /random: seed/);
});
