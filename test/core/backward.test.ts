// Reverse mode: iterative, adding up over uses and calls, freeing as it goes; and the gradient check that proves it.
import t from 'tap';
import {
  backward,
  checkGradient,
  dropGradient,
  full,
  noGrad,
  ones,
  randn,
  Random,
  scope,
  setBackend,
  takeGradient,
  tensor,
  vjp,
  zeros,
  type Tensor,
} from '../../core/index.js';
import { openBackend, ReferenceBackend } from '../../kernels/index.js';

const backend = new ReferenceBackend('float64');
setBackend(backend);

const leaf = (...values: number[]) => tensor(values, undefined, { requiresGrad: true });
const gradientOf = async (x: Tensor) => [...(await x.grad!.read())];

void t.test('a chain of 20,000 ops is no deeper than the stack', async (t) => {
  const x = leaf(2);
  await scope(() => {
    let y: Tensor = x;
    for (let i = 0; i < 20000; i++) y = y.add(1);
    const kept = scope(() => y.mul(1));
    backward(kept.sum());
    return { value: kept.item() };
  }).value.then((value) => t.equal(value, 20002));
  t.same(await gradientOf(x), [1]);
});

void t.test('a diamond 60 deep is walked once an op, not once a path', async (t) => {
  const x = leaf(1);
  scope(() => {
    let y: Tensor = x;
    for (let i = 0; i < 60; i++) y = y.add(y).mul(0.5).add(y);
    backward(y.sum());
  });
  t.same(await gradientOf(x), [2 ** 60]);
});

void t.test('gradients add up over uses of a tensor and over calls', async (t) => {
  const x = leaf(3, -2);
  scope(() => backward(x.mul(x).add(x).sum()));
  t.same(await gradientOf(x), [7, -3]);
  scope(() => backward(x.mul(5).sum(), 2));
  t.same(await gradientOf(x), [17, 7], 'a second call, weighted by 2');
  t.same(
    takeGradient(x, (gradient) => gradient.size),
    2,
  );
  t.equal(x.grad, undefined);
  t.equal(
    takeGradient(x, () => 1),
    undefined,
    'there is nothing to take any more',
  );
});

void t.test('an inner tensor that is used later than its user is added up before it goes on', async (t) => {
  const x = leaf(2);
  scope(() => {
    const a = x.mul(x);
    const b = a.exp();
    const c = a.mul(b);
    backward(c.add(a).sum());
  });
  // d/dx (x^2 e^(x^2) + x^2) = 2x e^(x^2) (1 + x^2) + 2x
  const [gradient] = await gradientOf(x);
  t.ok(Math.abs(gradient - (20 * Math.exp(4) + 4)) < 1e-10);
});

void t.test('what is added to in place belongs to nobody else', async (t) => {
  const [a, b, w] = [[[1, 2]], [[5, 6]], [[1, 2], [3, 4]]].map((rows) => tensor(rows, undefined, { requiresGrad: true })); // prettier-ignore
  // Going back, `add` hands one tensor to inner and to b; then the product could add its own gradient to that of inner.
  scope(() => {
    const inner = a.mul(2);
    const product = inner.linear(w);
    backward(inner.add(b).mul(1).sum().add(product.sum()));
  });
  t.same([await gradientOf(a), await gradientOf(b)], [[10, 14], [1, 1]]); // prettier-ignore
  // Here it is the user's seed that `sub` hands to inner, and to inner alone.
  const seed = tensor([[1, 1]]);
  const [gradient] = scope(() => {
    const inner = a.mul(2);
    return vjp(inner.sub(inner.linear(w)), seed, [a]);
  });
  t.same([...(await gradient!.read())], [-6, -10]);
  t.same([...(await seed.read())], [1, 1]);
});

void t.test('gradients of micro-batches are added up where they are', async (t) => {
  const [w, table] = [
    tensor([[3, 4]], undefined, { requiresGrad: true }),
    tensor([[1], [2], [3]], undefined, { requiresGrad: true }),
  ];
  const once = () =>
    scope(() =>
      backward(
        tensor([[1, 2]])
          .linear(w)
          .add(table.gather([2, 0, 2]).sum())
          .sum(),
      ),
    );
  once();
  const [{ buffer }, { buffer: rows }] = [w.grad!, table.grad!];
  once();
  t.equal(w.grad!.buffer, buffer);
  t.equal(table.grad!.buffer, rows);
  t.same(
    [await gradientOf(w), await gradientOf(table)],
    [
      [2, 4],
      [2, 0, 4],
    ].map((x) => x),
  );
});

void t.test('rows of a table are added up when somebody reads grad, or more comes', async (t) => {
  const own = new ReferenceBackend('float64');
  const options = { backend: own, requiresGrad: true };
  const table = tensor([[1], [2], [3], [4], [5]], undefined, options);
  const before = own.memory();
  const once = () => scope(() => backward(table.gather([2, 0, 2]).mul(2).sum()));
  once();
  t.same(table.gradient!.byId!.ids.values, [2, 0, 2]);
  t.same(await gradientOf(table), [2, 0, 4, 0, 0]);
  t.equal(table.gradient?.byId, undefined);
  const { grad } = table;
  t.equal(table.grad, grad, 'it is made once');
  once();
  t.equal(table.grad!.buffer, grad!.buffer, 'and added to in place');
  t.same(await gradientOf(table), [4, 0, 8, 0, 0]);
  dropGradient(table);
  t.equal(table.grad, undefined);
  t.match(own.memory(), { liveBytes: before.liveBytes });
  once();
  dropGradient(table);
  t.match(own.memory(), { liveBytes: before.liveBytes }, 'rows are let go of too');
  once();
  once();
  t.same(await gradientOf(table), [4, 0, 8, 0, 0], 'two calls');
  dropGradient(table);
  scope(() => backward(table.gather([1, 1]).sum().add(table.sum())));
  t.same(await gradientOf(table), [1, 3, 1, 1, 1], 'rows beside a dense gradient');
  dropGradient(table);
  scope(() => backward(table.gather([0, 1, 2, 3, 4, 4]).sum()));
  t.equal(table.gradient?.byId, undefined, 'more rows than the table has are added up at once');
  t.same(await gradientOf(table), [1, 1, 1, 1, 2]);
});

void t.test('a leaf may be the loss itself', async (t) => {
  const x = leaf(2);
  backward(x);
  t.same(await gradientOf(x), [1]);
});

void t.test('a gradient that comes in as a tensor: of any shape, a view too, and added up over calls', async (t) => {
  const x = leaf(1, 2, 3);
  const seed = tensor([[10, 20], [100, 200], [1000, 2000]]); // prettier-ignore
  const y = () => x.mul(x).expand([2, 3]);
  scope(() => backward(y(), seed.transpose()));
  t.same(await gradientOf(x), [60, 1200, 18000]);
  scope(() => backward(x.mul(2), tensor([1]).expand([3])));
  t.same(await gradientOf(x), [62, 1202, 18002]);
  t.same([...(await seed.read())], [10, 20, 100, 200, 1000, 2000], 'it stays as it was');
  // A loss in two parts, the gradient of the first kept between them, is the loss in one.
  const whole = leaf(1, 2, 3);
  scope(() => backward(whole.exp().tanh().sum()));
  const vectors = noGrad(() => x.exp());
  const middle = tensor(await vectors.read(), [3], { requiresGrad: true });
  scope(() => backward(middle.tanh().sum()));
  dropGradient(x);
  scope(() => backward(x.exp(), middle.grad));
  t.same(await gradientOf(x), await gradientOf(whole));
  t.throws(
    () => backward(x.mul(2), seed),
    /backward: the tensor is \[3\] on reference, the gradient \[3, 2\] on reference\. Give one number a cell, on the same/,
  );
  t.throws(() => vjp(x.mul(2), seed, [x]), /backward: the tensor is \[3\].*, the gradient \[3, 2\]/);
  const elsewhere = full([3], 1, { backend: new ReferenceBackend('float64') });
  t.throws(() => backward(x.mul(2), elsewhere), /backward: .* on the same backend\./);
});

void t.test('grad may be set: the leaf holds what it is given', async (t) => {
  const own = new ReferenceBackend('float64');
  const x = tensor([1, 2], undefined, { backend: own, requiresGrad: true });
  const before = own.memory();
  scope(() => {
    backward(x.mul(3).sum());
    x.grad = x.grad!.mul(0.5);
  });
  t.same(await gradientOf(x), [1.5, 1.5]);
  x.grad = undefined;
  t.match(own.memory(), { liveBytes: before.liveBytes }, 'and lets go of it');
});

void t.test('grad is refused where it is not of the leaf', async (t) => {
  const wasm = await openBackend('wasm');
  t.teardown(() => wasm.close());
  const x = zeros([2, 4], { backend: wasm, requiresGrad: true });
  const grad = full([2, 4], 3, { backend: wasm });
  x.grad = grad;
  t.throws(
    () => (x.grad = tensor([1, 2, 3])),
    /grad: the tensor is \[2, 4\] on wasm, the gradient \[3\] on reference\. Give one number a cell, on the same backend\./,
  );
  t.throws(() => (x.grad = zeros([4, 2], { backend: wasm })), /the gradient \[4, 2\] on wasm/);
  t.throws(() => (x.grad = zeros([2, 4])), /the gradient \[2, 4\] on reference/);
  let ended!: Tensor;
  scope(() => {
    ended = zeros([2, 4], { backend: wasm });
  });
  t.throws(() => (x.grad = ended), /a tensor \[2, 4\] was used after its scope had ended/);
  t.equal(x.grad, grad, 'what was there stays');
});

void t.test('detach and noGrad stop the gradient', async (t) => {
  const x = leaf(2);
  scope(() => backward(x.mul(x.detach()).sum()));
  t.same(await gradientOf(x), [2]);
  const y = noGrad(() => x.mul(x));
  t.notOk(y.tracked);
  t.ok(x.mul(x).tracked, 'recording goes on after noGrad');
});

void t.test('vjp leaves grad alone, and is undefined where y does not depend on a leaf', async (t) => {
  const [x, other] = [leaf(1, 2), leaf(3)];
  const [gradient, none] = scope(() => vjp(x.mul(x), tensor([10, 100]), [x, other]));
  t.same([...(await gradient!.read())], [20, 400]);
  t.equal(none, undefined);
  t.equal(x.grad, undefined);
});

void t.test('where several are largest', async (t) => {
  const x = leaf(3, 3, 1, 3);
  scope(() => backward(x.max(), 6));
  t.same(await gradientOf(x), [2, 2, 0, 2], 'max shares the gradient');
  const [a, b] = [leaf(1, 2), leaf(1, 3)];
  scope(() => backward(a.maximum(b).sum()));
  t.same(
    [await gradientOf(a), await gradientOf(b)],
    [
      [1, 0],
      [0, 1],
    ],
    'maximum gives it to the first',
  );
});

void t.test('what cannot be differentiated says so', async (t) => {
  const x = leaf(1, 2);
  t.throws(() => backward(x.mul(2)), /backward: the loss is \[2\]; it must be one number. Reduce it first/);
  t.throws(() => backward(tensor([1])), /backward: the tensor depends on nothing that requires a gradient/);
  scope(() => {
    const loss = x.exp().sum();
    backward(loss);
    t.throws(() => backward(loss), /the tape of sum is spent. Call backward once, in the scope of the forward pass/);
  });
  const loss = scope(() => {
    const kept = x.exp();
    return [kept.sum()].map((y) => y.detach())[0];
  });
  t.throws(() => backward(loss), /depends on nothing/);
  const leaked: Tensor[] = [];
  const y = ones([1]);
  scope(() => {
    leaked.push(x.exp().sum());
  });
  t.throws(() => backward(leaked[0].add(y)), /after its scope had ended/);
});

void t.test('gradients are added up in the place of nobody else', async (t) => {
  const own = new ReferenceBackend('float64');
  const options = { backend: own };
  const x = tensor([1, 2], undefined, { ...options, requiresGrad: true });
  const seed = tensor([1, 10], undefined, options);
  const [gradient] = scope(() => vjp(x.add(x.mul(2)).add(x.mul(3)), seed, [x]));
  t.same([...(await gradient!.read())], [6, 60]);
  t.same([...(await seed.read())], [1, 10], 'the seed is as it was');
  scope(() => {
    const shared = x.exp();
    // Both inputs of add get the very same gradient, which then grows for one of them alone.
    backward(shared.add(x).add(x.mul(5)).add(shared.mul(7)).sum());
  });
  t.same(
    [...(await x.grad!.read())],
    [1, 2].map((value) => 8 * Math.exp(value) + 6),
  );
});

void t.test('memory falls as the gradient goes back', async (t) => {
  const own = new ReferenceBackend('float64');
  const cells = 1000;
  const depth = 40;
  const x = tensor(new Float64Array(cells), undefined, { backend: own, requiresGrad: true });
  scope(() => {
    const loss = scope(() => {
      let y: Tensor = x;
      for (let i = 0; i < depth; i++) y = y.tanh();
      return y.sum();
    });
    const forward = own.memory().liveBytes;
    t.ok(forward >= depth * cells * 8, 'the tape holds every layer');
    backward(loss);
    const { peakBytes, liveBytes } = own.memory();
    t.ok(peakBytes < forward + 8 * cells * 8, `the peak ${peakBytes} is little more than ${forward}`);
    t.ok(liveBytes < 3 * cells * 8, `${liveBytes} bytes are left: x, its gradient, the loss`);
  });
});

void t.test('the gradient check', async (t) => {
  const random = new Random(1);
  const x = randn([2, 3], random);
  const good = await checkGradient((a) => a.mul(a).tanh(), [x]);
  t.ok(good.error < 1e-8 && good.largest > 0.01, `${good.error}`);
  const wrong = await checkGradient((a) => a.mul(a.detach()), [x]);
  t.ok(wrong.error > 0.1, 'finds a gradient of half the size');
  const none = await checkGradient((a) => a.mul(0), [x]);
  t.equal(none.largest, 0, 'a function without slope says so');
  await t.rejects(
    checkGradient((a) => a.detach().mul(2), [x]),
    /nothing that requires a gradient/,
  );
  await t.rejects(
    checkGradient((a, _) => a.mul(2), [x, x]),
    /does not depend on input 1/,
  );
  const view = await checkGradient((a, b) => a.permute(1, 0).matmul(b), [x, randn([2, 1], random)]);
  t.ok(view.error < 1e-8, 'through views, of several inputs');
});
