// A tensor, what it remembers, and its gradient: reverse-mode differentiation in forty lines. Run it: node examples/01-gradients.js
import { backward, checkGradient, noGrad, openBackend, Random, randn, setBackend, tensor } from 'retromae';

// Float64 and plain JavaScript, so that numbers can be checked by hand. `auto` would take the fast engine.
const backend = await openBackend('reference', { dtype: 'float64' });
setBackend(backend);
const show = async (name, x) =>
  console.log(`${name} [${x.shape}] ${Array.from(await x.read(), (value) => value.toFixed(4)).join(' ')}`);

console.log('1. A chain: y = tanh(a b + c)');
const [a, b, c] = [0.5, -2, 1.5].map((value) => tensor([value], [1], { requiresGrad: true }));
const y = a.mul(b).add(c).tanh();
// Each operation wrote down how to pass a gradient back. backward() walks them from the last to the first.
backward(y.sum());
await show('y    ', y);
for (const [name, leaf] of Object.entries({ a, b, c })) await show(`dy/d${name}`, leaf.grad);
console.log(`by hand: tanh' = 1 - y² = ${(1 - Math.tanh(0.5) ** 2).toFixed(4)}, times b = -2, a = 0.5, and 1\n`);

console.log('2. A linear layer, x [3, 2], w [2, 2]: dL/dw adds up over the rows');
const x = tensor([1, 2, 3, 4, 5, 6], [3, 2]);
const w = tensor([0.1, 0.2, 0.3, 0.4], [2, 2], { requiresGrad: true });
const loss = x.matmul(w).gelu().sum();
backward(loss);
await show('loss ', loss);
await show('dL/dw', w.grad);

// What the gradient says, and what happens: a step against it lowers the loss.
const step = noGrad(() => w.sub(w.grad.mul(0.01)));
const after = noGrad(() => x.matmul(step).gelu().sum());
const slope = (await w.grad.read()).reduce((sum, value) => sum + value * value, 0);
console.log(
  `a step of 0.01 against it: predicted ${(-0.01 * slope).toFixed(4)}, happened ${((await after.item()) - (await loss.item())).toFixed(4)}\n`,
);

console.log('3. Is a gradient right? Compare it with differences along random directions');
const random = new Random(1);
const draw = (...shape) => randn(shape, random);
const right = await checkGradient((p, q) => p.matmul(q).softmax(), [draw(3, 4), draw(4, 5)]);
console.log(`softmax(p q): relative error ${right.error < 1e-6 ? 'below 1e-6' : right.error}`);
const wrong = await checkGradient((p) => p.mul(p.detach()), [draw(3, 4)]); // detach hides one of the two factors
console.log(`p p with one factor hidden: relative error ${wrong.error.toFixed(4)}: such a rule would be found out`);
await backend.close();
