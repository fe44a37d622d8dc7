// Recomputation: the same bits as without, less memory, and nothing left behind whatever happens.
import t from 'tap';
import {
  backward,
  noGrad,
  randn,
  Random,
  recompute,
  scope,
  setBackend,
  takeGradient,
  vjp,
  type Tensor,
} from '../../core/index.js';
import { ReferenceBackend } from '../../kernels/reference.js';

/** A fresh backend, made the one for new tensors. */
function fresh() {
  const backend = new ReferenceBackend('float64');
  setBackend(backend);
  return { backend, live: () => backend.memory().liveStorages };
}

const leaf = (...shape: number[]) => randn(shape, new Random(shape.length, ...shape), 1, { requiresGrad: true });

type Run = (work: (...inputs: Tensor[]) => Tensor, inputs: Tensor[], random?: Random) => Tensor;
const plain: Run = (work, inputs) => work(...inputs);

/** The gradients that `loss` leaves on leaves when its parts run in this way. */
async function gradients(loss: (run: Run) => Tensor, leaves: readonly Tensor[], run: Run): Promise<number[][]> {
  scope(() => backward(loss(run)));
  return Promise.all(leaves.map(async (x) => [...(await takeGradient(x, (gradient) => gradient.read())!)]));
}

void t.test('gradients are the same bits, of inputs, of inputs given twice, and of captured leaves', async (t) => {
  const { live } = fresh();
  const [x, w, bias] = [leaf(5, 4), leaf(4, 4), leaf(4)];
  const layer = (a: Tensor, b: Tensor) => a.linear(w, bias).gelu().mul(b).add(a);
  const loss = (run: Run) => {
    let y = x.mul(2);
    for (let i = 0; i < 3; i++) y = run(layer, [y, y]);
    return y.mul(y).sum().add(y.mean());
  };
  const leaves = [x, w, bias];
  t.same(await gradients(loss, leaves, recompute), await gradients(loss, leaves, plain));
  t.equal(live(), 3);
});

void t.test('the second run draws the same numbers, and the generator goes on where it was', async (t) => {
  fresh();
  const x = leaf(8, 8);
  const loss = (random: Random) => (run: Run) => {
    const drop = (y: Tensor) => y.dropout(0.5, random.uint32() >>> 8).tanh();
    return run(drop, [run(drop, [x], random)], random).sum();
  };
  const [first, second] = [new Random(1), new Random(1)];
  t.same(await gradients(loss(first), [x], recompute), await gradients(loss(second), [x], plain));
  t.same(first.state(), second.state());
});

void t.test('it nests, and works with vjp and through views', async (t) => {
  const { live } = fresh();
  const [x, w] = [leaf(3, 4), leaf(4, 4)];
  const inner = (y: Tensor) => y.matmul(w).tanh();
  const loss = (run: Run) => {
    const outer = (y: Tensor) => run(inner, [run(inner, [y.permute(1, 0)]).mul(y.transpose())]).exp();
    return run(outer, [x.transpose()]);
  };
  const [given, wanted] = await Promise.all(
    [recompute, plain]
      .map((run) =>
        scope(() => {
          const y = loss(run as Run);
          return { reads: vjp(y, y.detach(), [x, w]).map((gradient) => gradient!.read()) };
        }),
      )
      .map(({ reads }) => Promise.all(reads)),
  );
  t.same(given, wanted);
  t.equal(live(), 2);
});

void t.test('what the backward pass needs lives for one part at a time', async (t) => {
  const peak = (run: Run) => {
    const { backend } = fresh();
    const x = leaf(1000);
    scope(() => {
      let y: Tensor = x;
      const part = (z: Tensor) => z.tanh().exp().tanh().exp().tanh();
      for (let i = 0; i < 10; i++) y = scope(() => run(part, [y]));
      backward(y.sum());
    });
    return backend.memory().peakBytes / 8000;
  };
  const [without, with_] = [peak(plain), peak(recompute)];
  t.ok(without > 50, `${without} arrays without`);
  t.ok(with_ < 22, `${with_} arrays with: ten inputs and one part`);
});

void t.test('without a tape it is a plain call', async (t) => {
  const { live } = fresh();
  const x = leaf(3);
  const y = noGrad(() => recompute((a) => a.exp().add(1), [x]));
  t.notOk(y.tracked);
  t.equal(live(), 2, 'x and y');
});

void t.test('a part that needs no gradient, and one that returns its input', async (t) => {
  fresh();
  const x = leaf(3);
  const constant = randn([3], new Random(1));
  const loss = (run: Run) =>
    run((a) => a, [x])
      .mul(run((a) => a.exp(), [constant]))
      .sum();
  t.same(await gradients(loss, [x], recompute), await gradients(loss, [x], plain));
});

void t.test('errors in the function leave nothing alive, in either run', async (t) => {
  const { live } = fresh();
  const x = leaf(3);
  let runs = 0;
  const failing = (last: number) => (a: Tensor) => {
    const y = a.exp();
    if (++runs === last) throw new Error('oh');
    return y.tanh();
  };
  for (const last of [1, 2]) {
    runs = 0;
    t.throws(() => scope(() => backward(recompute(failing(last), [x.exp()]).sum())), /oh/);
    t.equal(runs, last);
    t.equal(live(), 1);
  }
  t.ok(x.exp().tracked, 'and the tape as it was');
});

void t.test('what it cannot do right is refused', async (t) => {
  const { live } = fresh();
  const x = leaf(3);
  t.throws(
    () =>
      scope(() => {
        const y = x.exp();
        backward(recompute((a) => a.mul(y), [x]).sum());
      }),
    /recompute: the function uses a result of exp that is not among its inputs. Pass it as one/,
  );
  let runs = 0;
  t.throws(
    () => scope(() => backward(recompute((a) => (++runs === 1 ? a : a.sum()), [x]).sum())),
    /recompute: the function gave \[3\] first and \[\] now/,
  );
  t.equal(live(), 1);
});
