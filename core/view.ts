// Views: permuted and expanded tensors share memory with their source; here they become contiguous when a kernel asks.
import { kernels } from '../kernels/index.js';
import { launch } from './op.js';
import { broadcast, rowMajor, show, sizeOf, type Shape } from './shape.js';
import { Tensor } from './tensor.js';

/** Two tensors expanded to the shape that both broadcast to. */
export function expandTogether(name: string, a: Tensor, b: Tensor): { a: Tensor; b: Tensor } {
  const shape = broadcast(name, a.shape, b.shape);
  return { a: a.expand(shape), b: b.expand(shape) };
}

/** One axis of a view: how far it runs and how far apart its cells lie. */
interface Axis {
  extent: number;
  stride: number;
}

/** Neighbouring axes that walk through memory as one, merged; axes of extent 1 dropped. */
function merged(shape: Shape, strides: readonly number[]): Axis[] {
  const axes: Axis[] = [];
  shape.forEach((extent, i) => {
    if (extent === 1) return;
    const last = axes.at(-1);
    const stride = strides[i];
    if (last && last.stride === stride * extent) {
      last.extent *= extent;
      last.stride = stride;
    } else axes.push({ extent, stride });
  });
  return axes;
}

/** A contiguous copy of a view. @throws if it permutes more than four groups of axes */
export function materialise(x: Tensor): Tensor {
  const { shape } = x;
  if (sizeOf(shape) === 0) return launchCopy(x, [0, 1, 1], [0, 1, 1], 1, []);
  const axes = merged(shape, x.strides);
  if (axes.length > 4)
    throw new Error(
      `a view ${show(shape)} with strides ${show(x.strides)} has more than 4 groups of axes. Permute in two steps.`,
    );
  while (axes.length < 4) axes.unshift({ extent: 1, stride: 0 });
  // The source, as the axes in the order in which they lie in memory: at most four, row-major without holes.
  const source = axes.filter((axis) => axis.stride > 0).sort((a, b) => b.stride - a.stride);
  while (source.length < 4) source.unshift({ extent: 1, stride: 0 });
  const [n0, n1, n2, n3] = source.map((axis) => axis.extent);
  const factors = [
    ...axes.map((axis) => (axis === source[0] ? n1 : axis === source[1] ? 1 : 0)),
    ...axes.map((axis) => (axis === source[2] ? 1 : 0)),
    ...axes.map((axis) => (axis === source[3] ? 1 : 0)),
  ];
  const [a0, a1, a2, a3] = axes.map((axis) => axis.extent);
  return launchCopy(x, [n0 * n1, n2, n3], [a0 * a1, a2, a3], a1, factors);
}

function launchCopy(x: Tensor, source: Shape, target: Shape, depth: number, factors: readonly number[]): Tensor {
  const f = (i: number) => factors[i] ?? 0;
  const { y } = launch(
    kernels.arrange,
    {
      x: x.memory(source),
      depth,
      ...{ i0: f(0), i1: f(1), i2: f(2), i3: f(3) },
      ...{ j0: f(4), j1: f(5), j2: f(6), j3: f(7) },
      ...{ k0: f(8), k1: f(9), k2: f(10), k3: f(11) },
    },
    { y: target },
  );
  return new Tensor(y.buffer, x.shape, rowMajor(x.shape));
}
