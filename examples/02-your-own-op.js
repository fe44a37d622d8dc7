// An operation of your own: a kernel, its derivative, its check, on any backend. Run it: node examples/02-your-own-op.js
//
// Swish, y = x s(x) with s(x) = 1 / (1 + e^-x) (Ramachandran et al., 2017, arXiv 1710.05941). By the product rule, and since
// s' = s (1 - s):  dy/dx = s + x s (1 - s) = s + y (1 - s).
import {
  checkGradient,
  defineKernel,
  defineOp,
  flat,
  launch,
  openBackend,
  Random,
  randn,
  setBackend,
  tensor,
} from 'retromae';

// 1. The kernel: the function of one cell. gpu.js compiles it, WebGPU and WebAssembly included; the reference runs it as it is.
const swishKernel = defineKernel({
  name: 'swish',
  inputs: { x: 1 }, // one axis
  outputs: { y: 1 },
  stages: [
    {
      out: 'y',
      reads: ['x'],
      cell: function (x) {
        return x[this.thread.x] / (1.0 + Math.exp(-x[this.thread.x]));
      },
    },
  ],
});

// 2. The op: which shapes fit, what runs, what is kept for the gradient, and the gradient, made of operations that there are.
const swish = defineOp({
  name: 'swish',
  inputs: ['x'],
  shape: ({ x }) => x,
  run: ({ x }, _, shape) => launch(swishKernel, { x: flat(x) }, { y: shape }),
  saves: ['x', 'y'],
  vjp: ({ x, y, dy }) => ({
    x: () => {
      const s = x.mul(0.5).tanh().add(1).mul(0.5); // 1 / (1 + e^-x) is (1 + tanh(x / 2)) / 2
      return dy.mul(s.add(y.mul(s.neg().add(1))));
    },
  }),
  samples: [{ shapes: { x: [3, 4] } }],
});

// 3. Its gradient against differences, in float64.
const reference = await openBackend('reference', { dtype: 'float64' });
const x = randn([3, 4], new Random(1), 1, { backend: reference });
const { error } = await checkGradient((input) => swish.apply({ x: input }), [x]);
console.log(`gradient of swish against differences: ${error < 1e-6 ? 'agrees to 1e-6' : `off by ${error}`}`);

// 4. The same values on two backends. On `wasm` there is no tuned routine of this name, so it runs as plain JavaScript and says so.
const values = [-2, -1, 0, 1, 2];
const results = [];
for (const backend of [reference, await openBackend('auto', { threads: 1 })]) {
  setBackend(backend);
  const y = await swish.apply({ x: tensor(values, [5]) }).read();
  results.push(y);
  console.log(`${backend.name.padEnd(9)} ${Array.from(y, (value) => value.toFixed(6)).join(' ')}`);
  await backend.close();
}
const furthest = Math.max(...results[0].map((value, i) => Math.abs(value - results[1][i])));
console.log(`largest difference: ${furthest < 1e-6 ? 'below 1e-6, which is float32' : furthest}`);
