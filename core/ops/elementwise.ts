// Elementwise ops: y = f(x) and y = f(a, b) on equal shapes (methods of Tensor broadcast first, by `expand`).
import { kernels, type Kernel } from '../../kernels/index.js';
import { defineOp, flat, launch, mismatch } from '../op.js';
import { sameShape, type Shape } from '../shape.js';
import type { Pullback } from '../tape.js';
import type { Tensor } from '../tensor.js';

/** A unary op whose slope needs x or y: `vjp` gives dx. */
const unary = <const S extends 'x' | 'y'>(
  name: string,
  kernel: Kernel<'x', 'y'>,
  saves: readonly S[],
  vjp: (saved: Readonly<Record<S | 'dy', Tensor>>) => Tensor,
  positive = false,
) =>
  defineOp({
    name,
    inputs: ['x'],
    shape: ({ x }) => x,
    run: ({ x }, _, shape) => launch(kernel, { x: flat(x) }, { y: shape }),
    saves,
    vjp: (saved) => ({ x: () => vjp(saved) }),
    samples: [
      { shapes: { x: [2, 3] }, positive },
      { shapes: { x: [5] }, positive },
      { shapes: { x: [2, 0] }, positive },
    ],
  });

/** A binary op on equal shapes. */
const binary = <const S extends 'a' | 'b' | 'y' = never>(
  name: string,
  kernel: Kernel<'a' | 'b', 'y'>,
  saves: readonly S[],
  vjp: (saved: Readonly<Record<S | 'dy', Tensor>>) => Pullback<'a' | 'b'>,
  positive = false,
) =>
  defineOp({
    name,
    inputs: ['a', 'b'],
    shape: (shapes): Shape => {
      if (!sameShape(shapes.a, shapes.b)) throw mismatch(name, shapes, 'Expand one of them.');
      return shapes.a;
    },
    run: ({ a, b }, _, shape) => launch(kernel, { a: flat(a), b: flat(b) }, { y: shape }),
    saves,
    vjp,
    samples: [
      { shapes: { a: [2, 3], b: [2, 3] }, positive },
      { shapes: { a: [1], b: [1] }, positive },
      { shapes: { a: [0, 2], b: [0, 2] }, positive },
    ],
  });

// d/dx exp x = exp x = y
export const exp = unary('exp', kernels.exp, ['y'], ({ y, dy }) => dy.mul(y));
// d/dx log x = 1 / x
export const log = unary('log', kernels.log, ['x'], ({ x, dy }) => dy.div(x), true);
// d/dx sqrt x = 1 / (2 sqrt x)
export const sqrt = unary('sqrt', kernels.sqrt, ['y'], ({ y, dy }) => dy.div(y).mul(0.5), true);
// d/dx tanh x = 1 - tanh^2 x
export const tanh = unary('tanh', kernels.tanh, ['y'], ({ y, dy }) => dy.mul(y.mul(y).neg().add(1)));
// d/dx erf x = 2 / sqrt(pi) exp(-x^2)
export const erf = unary('erf', kernels.erfMap, ['x'], ({ x, dy }) =>
  dy.mul(x.mul(x).neg().exp()).mul(2 / Math.sqrt(Math.PI)),
);

/** The exact GELU, x Phi(x). d/dx = Phi(x) + x phi(x). */
export const gelu = defineOp({
  name: 'gelu',
  inputs: ['x'],
  shape: ({ x }) => x,
  run: ({ x }, _, shape) => launch(kernels.gelu, { x: flat(x) }, { y: shape }),
  saves: ['x'],
  vjp: ({ x, dy }) => ({
    x: () => launch(kernels.geluGradient, { a: flat(x), b: flat(dy) }, { y: x.shape }).y,
  }),
  composition: ({ x }) => x.mul(x.mul(Math.SQRT1_2).erf().add(1)).mul(0.5),
  samples: [{ shapes: { x: [3, 4] } }, { shapes: { x: [1] } }, { shapes: { x: [0, 2] } }],
});

export const add = binary('add', kernels.add, [], ({ dy }) => ({ a: () => dy, b: () => dy }));
export const sub = binary('sub', kernels.sub, [], ({ dy }) => ({ a: () => dy, b: () => dy.neg() }));
export const mul = binary('mul', kernels.mul, ['a', 'b'], ({ a, b, dy }) => ({
  a: () => dy.mul(b),
  b: () => dy.mul(a),
}));
// d(a/b)/da = 1/b, d(a/b)/db = -a/b^2 = -y/b
export const div = binary(
  'div',
  kernels.div,
  ['b', 'y'],
  ({ b, y, dy }) => ({ a: () => dy.div(b), b: () => dy.mul(y).div(b).neg() }),
  true,
);
// At a tie the gradient goes to a.
export const maximum = binary('maximum', kernels.maximum, ['a', 'b'], ({ a, b, dy }) => {
  const first = launch(kernels.greaterEqual, { a: flat(a), b: flat(b) }, { y: a.shape }).y;
  return { a: () => dy.mul(first), b: () => dy.mul(first.neg().add(1)) };
});

/** y = scale x + shift, with two numbers. */
export const affine = defineOp({
  name: 'affine',
  inputs: ['x'],
  shape: ({ x }) => x,
  run: ({ x }, { scale, shift }: { scale: number; shift: number }, shape) =>
    launch(kernels.affine, { x: flat(x), scale, shift }, { y: shape }),
  saves: [],
  vjp: ({ dy }, { scale }) => ({ x: () => dy.mul(scale) }),
  samples: [
    { shapes: { x: [2, 3] }, attributes: { scale: -2.5, shift: 0.5 } },
    { shapes: { x: [0, 3] }, attributes: { scale: 2, shift: 1 } },
  ],
});
