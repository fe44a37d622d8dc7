// Scopes: what a result reaches lives on, all else is freed at once, whatever happens.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { Ids, noGrad, ones, scope, setBackend, tensor, vjp, zeros, backward, type Tensor } from '../../core/index.js';
import { ReferenceBackend } from '../../kernels/reference.js';

/** A fresh backend, made the one for new tensors, and how many storages are live on it. */
function fresh() {
  const backend = new ReferenceBackend('float64');
  setBackend(backend);
  return { backend, live: () => backend.memory().liveStorages };
}

void t.test('a scope frees what was made in it, but for its result', async (t) => {
  const { live } = fresh();
  const y = scope(() => {
    const x = ones([3]);
    x.add(1).mul(x);
    return x.add(2);
  });
  t.equal(live(), 1);
  t.same([...(await y.read())], [3, 3, 3]);
  t.equal(
    scope(() => ones([2]).size),
    2,
    'a result without tensors',
  );
  t.equal(live(), 1);
});

void t.test('tensors are found in arrays, maps and plain objects', async (t) => {
  const { live } = fresh();
  const { list, map, object } = scope(() => {
    const [a, b, c, d] = [1, 2, 3, 4].map((value) => tensor([value]).mul(1));
    return { list: [a, [b]] as const, map: new Map([['c', c]]), object: { deep: { d }, nothing: null, text: 'x' } };
  });
  t.equal(live(), 4);
  const read = (x: Tensor) => x.item();
  t.same(await Promise.all([list[0], list[1][0], map.get('c')!, object.deep.d].map(read)), [1, 2, 3, 4]);
});

void t.test('scopes nest: a result belongs to the scope around', async (t) => {
  const { live } = fresh();
  const y = scope(() => {
    const inner = scope(() => scope(() => ones([2]).add(1)).mul(2));
    t.equal(live(), 1);
    const other = scope(() => [inner, inner.add(1)]);
    t.equal(live(), 2, 'what came from outside is not handed on');
    return other[0].add(other[1]);
  });
  t.equal(live(), 1);
  t.same([...(await y.read())], [9, 9]);
});

void t.test('the same tensor returned twice, and a view of it, are one buffer', async (t) => {
  const { live } = fresh();
  const views = scope(() => {
    const x = ones([2, 3]);
    return [x, x, x.permute(1, 0), x.reshape([6])];
  });
  t.equal(live(), 1);
  t.same([...(await views[2].read())], [1, 1, 1, 1, 1, 1]);
});

void t.test('a tensor used after its scope says so', async (t) => {
  fresh();
  let leaked!: Tensor;
  scope(() => {
    leaked = ones([2]);
  });
  const message = /a tensor \[2\] was used after its scope had ended. Return it from the scope to keep it/;
  t.throws(() => leaked.add(1), message);
  await t.rejects(leaked.read(), message);
  t.throws(() => leaked.reshape([1, 2]).add(1), /a tensor \[1, 2\] was used after/, 'a view of it too');
});

void t.test('reading inside of a scope and awaiting outside works', async (t) => {
  const { live } = fresh();
  const { promise } = scope(() => ({ promise: ones([2]).add(1).read() }));
  t.equal(live(), 0);
  t.same([...(await promise)], [2, 2]);
});

void t.test('asynchronous functions are refused', async (t) => {
  const { live } = fresh();
  t.throws(() => scope(async () => ones([2])), /scope: the function is asynchronous. Launch in the scope, await/);
  t.equal(live(), 0);
});

void t.test('an error frees everything and leaves the scope', async (t) => {
  const { live } = fresh();
  const kept = ones([1], { requiresGrad: true });
  for (let i = 0; i < 3; i++)
    t.throws(
      () =>
        scope(() => {
          const x = kept.exp().mul(2);
          scope(() => {
            x.add(1).exp();
            throw new Error('oh');
          });
        }),
      /oh/,
    );
  t.equal(live(), 1);
  scope(() => void kept.add(1));
  t.equal(live(), 1, 'the next scope is none within a broken one');
  t.throws(() => noGrad(() => kept.reshape([2])), /reshape/);
  t.ok(kept.exp().tracked, 'an error in noGrad ends noGrad');
});

void t.test('what the gradient needs lives as long as the tape, not longer', async (t) => {
  const { live } = fresh();
  const x = tensor([1, 2], undefined, { requiresGrad: true });
  scope(() => {
    const y = scope(() => x.exp().add(1).mul(3).tanh());
    // exp and tanh keep their results; of add and mul nothing is kept.
    t.equal(live(), 3);
    const [gradient] = scope(() => vjp(y, ones([2]), [x]));
    t.equal(live(), 3, 'x, y and the gradient: what exp kept is gone');
    t.ok(gradient);
  });
  t.equal(live(), 1);
  scope(() => void scope(() => x.exp()));
  t.equal(live(), 1, 'a tape that nobody uses goes with its scope');
});

void t.test('gradients on leaves outlive the scope, until they are taken', async (t) => {
  const { live } = fresh();
  const x = tensor([1, 2], undefined, { requiresGrad: true });
  scope(() => backward(x.mul(x).sum()));
  t.equal(live(), 2);
  scope(() => backward(x.mul(x).sum()));
  t.equal(live(), 2, 'a sum of gradients is one tensor');
  t.same([...(await x.grad!.read())], [4, 8]);
});

void t.test('ids are uploaded once for all scopes within the outermost', async (t) => {
  const { live } = fresh();
  const table = ones([4, 2]);
  const ids = new Ids([1, 2]);
  scope(() => {
    scope(() => void table.gather(ids));
    t.equal(live(), 2, 'the ids stay on the device');
    scope(() => void table.gather(ids));
    t.equal(live(), 2);
  });
  t.equal(live(), 1);
  const y = scope(() => table.gather(ids));
  t.same([...(await y.read())], [1, 1, 1, 1], 'and are uploaded again later');
});

void t.test('errors on the way back free everything', async (t) => {
  const { live } = fresh();
  const x = tensor([1, 2], undefined, { requiresGrad: true });
  t.throws(
    () =>
      scope(() => {
        const y = x.exp();
        backward(y.sum());
        backward(y.mul(y).sum());
      }),
    /tape of exp is spent/,
  );
  t.equal(live(), 2, 'x and its gradient');
});

void t.test("what no scope holds is the garbage collector's", async (t) => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const { live } = fresh();
  let kept: Tensor | undefined;
  for (let i = 0; i < 50; i++) kept = zeros([10]).add(i);
  t.equal(live(), 100);
  for (let i = 0; i < 50 && live() > 1; i++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  t.equal(live(), 1);
  t.equal((await kept!.read())[0], 49);
});
