// What fast-check draws for tests of tensors: shapes, arrays, and shapes that broadcast.
import fc from 'fast-check';
import type { Shape } from '../../core/index.js';
import type { Nd } from './naive.js';

/** Up to four axes of 0 to 4 cells; empty ones are rare. */
const extent = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 1, max: 4 }) },
  { weight: 1, arbitrary: fc.constant(0) },
);

export const shapes = (minLength = 0, maxLength = 4): fc.Arbitrary<number[]> =>
  fc.array(extent, { minLength, maxLength, size: 'max' });

/** An array of that shape with numbers in eighths from -4 to 4, so that sums are exact in any order. */
export const arrayOf = (shape: Shape): fc.Arbitrary<Nd> => {
  const length = shape.reduce((product, n) => product * n, 1);
  return fc
    .array(fc.integer({ min: -32, max: 32 }), { minLength: length, maxLength: length })
    .map((values) => ({ shape, data: values.map((value) => value / 8) }));
};

export const arrays = (minLength = 0, maxLength = 4): fc.Arbitrary<Nd> => shapes(minLength, maxLength).chain(arrayOf);

/** A shape that broadcasts to `shape`: leading axes left out, others 1. */
export const shapeWithin = (shape: Shape): fc.Arbitrary<number[]> =>
  fc
    .tuple(fc.nat(shape.length), fc.array(fc.boolean(), { minLength: shape.length, maxLength: shape.length }))
    .map(([start, single]) => shape.map((n, axis) => (single[axis] ? 1 : n)).slice(start));

/** Two arrays that broadcast together. */
export const pairs: fc.Arbitrary<[Nd, Nd]> = shapes()
  .chain((shape) => fc.tuple(shapeWithin(shape), shapeWithin(shape)))
  .chain(([a, b]) => fc.tuple(arrayOf(a), arrayOf(b)));

/** A shape and an order of its axes. */
export const permutations: fc.Arbitrary<{ x: Nd; axes: number[] }> = arrays().chain((x) =>
  fc.record({ x: fc.constant(x), axes: fc.shuffledSubarray([...x.shape.keys()], { minLength: x.shape.length }) }),
);
