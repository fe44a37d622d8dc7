// Kernels that compute each cell from the same cell of their inputs; kernels/library/elementwise.ts says what each is.
//
// A task is BLOCK cells, so that which cells make a vector, and hence every bit, does not depend on the threads.
import { Lanes } from './lanes';
import { Elementary } from './math';
import { Normal } from './normal';

/** Cells of a task, as in kernels/wasm/natives/elementwise.ts. */
const BLOCK: i32 = 4096;

/** A function of one vector. A subclass is never instantiated: it is a type by which `unary` finds what to inline. */
@unmanaged
class Unary {
  @inline of(x: v128): v128 {
    return x;
  }
}

/** A function of two vectors, likewise. */
@unmanaged
class Binary {
  @inline of(a: v128, b: v128): v128 {
    return v128.and(a, b);
  }
}

function unary<F extends Unary>(x: usize, y: usize, n: i32, begin: i32, end: i32): void {
  const f = changetype<F>(0);
  const last = min(n, end * BLOCK);
  let i = begin * BLOCK;
  for (; i + 8 <= last; i += 8) {
    const at = (<usize>i) << 2;
    const first = f.of(v128.load(x + at));
    const second = f.of(v128.load(x + at, 16));
    v128.store(y + at, first);
    v128.store(y + at, second, 16);
  }
  for (; i < last; i += 4) {
    const at = (<usize>i) << 2;
    Lanes.store(y + at, f.of(Lanes.load(x + at, last - i)), last - i);
  }
}

function binary<F extends Binary>(a: usize, b: usize, y: usize, n: i32, begin: i32, end: i32): void {
  const f = changetype<F>(0);
  const last = min(n, end * BLOCK);
  let i = begin * BLOCK;
  for (; i + 8 <= last; i += 8) {
    const at = (<usize>i) << 2;
    const first = f.of(v128.load(a + at), v128.load(b + at));
    const second = f.of(v128.load(a + at, 16), v128.load(b + at, 16));
    v128.store(y + at, first);
    v128.store(y + at, second, 16);
  }
  for (; i < last; i += 4) {
    const at = (<usize>i) << 2;
    const count = last - i;
    Lanes.store(y + at, f.of(Lanes.load(a + at, count), Lanes.load(b + at, count)), count);
  }
}

@unmanaged
class Copy extends Unary {
  @inline override of(x: v128): v128 {
    return x;
  }
}

export function copy(x: usize, y: usize, n: i32, begin: i32, end: i32): void {
  unary<Copy>(x, y, n, begin, end);
}

@unmanaged
class Exp extends Unary {
  @inline override of(x: v128): v128 {
    return Elementary.exp(x);
  }
}

export function exp(x: usize, y: usize, n: i32, begin: i32, end: i32): void {
  unary<Exp>(x, y, n, begin, end);
}

@unmanaged
class Log extends Unary {
  @inline override of(x: v128): v128 {
    return Elementary.log(x);
  }
}

export function log(x: usize, y: usize, n: i32, begin: i32, end: i32): void {
  unary<Log>(x, y, n, begin, end);
}

@unmanaged
class Sqrt extends Unary {
  @inline override of(x: v128): v128 {
    return f32x4.sqrt(x);
  }
}

export function sqrt(x: usize, y: usize, n: i32, begin: i32, end: i32): void {
  unary<Sqrt>(x, y, n, begin, end);
}

@unmanaged
class Tanh extends Unary {
  @inline override of(x: v128): v128 {
    return Elementary.tanh(x);
  }
}

export function tanh(x: usize, y: usize, n: i32, begin: i32, end: i32): void {
  unary<Tanh>(x, y, n, begin, end);
}

@unmanaged
class Erf extends Unary {
  @inline override of(x: v128): v128 {
    return Elementary.erf(x);
  }
}

export function erf(x: usize, y: usize, n: i32, begin: i32, end: i32): void {
  unary<Erf>(x, y, n, begin, end);
}

@unmanaged
class Gelu extends Unary {
  @inline override of(x: v128): v128 {
    const a = Normal.magnitude(x);
    return Normal.gelu(x, a, Normal.bell(a), Normal.mills(a));
  }
}

export function gelu(x: usize, y: usize, n: i32, begin: i32, end: i32): void {
  unary<Gelu>(x, y, n, begin, end);
}

@unmanaged
class GeluGradient extends Binary {
  @inline override of(a: v128, b: v128): v128 {
    const size = Normal.magnitude(a);
    return f32x4.mul(b, Normal.slope(a, size, Normal.bell(size), Normal.mills(size)));
  }
}

export function geluGradient(a: usize, b: usize, y: usize, n: i32, begin: i32, end: i32): void {
  binary<GeluGradient>(a, b, y, n, begin, end);
}

@unmanaged
class Add extends Binary {
  @inline override of(a: v128, b: v128): v128 {
    return f32x4.add(a, b);
  }
}

export function add(a: usize, b: usize, y: usize, n: i32, begin: i32, end: i32): void {
  binary<Add>(a, b, y, n, begin, end);
}

@unmanaged
class Sub extends Binary {
  @inline override of(a: v128, b: v128): v128 {
    return f32x4.sub(a, b);
  }
}

export function sub(a: usize, b: usize, y: usize, n: i32, begin: i32, end: i32): void {
  binary<Sub>(a, b, y, n, begin, end);
}

@unmanaged
class Mul extends Binary {
  @inline override of(a: v128, b: v128): v128 {
    return f32x4.mul(a, b);
  }
}

export function mul(a: usize, b: usize, y: usize, n: i32, begin: i32, end: i32): void {
  binary<Mul>(a, b, y, n, begin, end);
}

@unmanaged
class Div extends Binary {
  @inline override of(a: v128, b: v128): v128 {
    return f32x4.div(a, b);
  }
}

export function div(a: usize, b: usize, y: usize, n: i32, begin: i32, end: i32): void {
  binary<Div>(a, b, y, n, begin, end);
}

@unmanaged
class Maximum extends Binary {
  @inline override of(a: v128, b: v128): v128 {
    return f32x4.max(a, b);
  }
}

export function maximum(a: usize, b: usize, y: usize, n: i32, begin: i32, end: i32): void {
  binary<Maximum>(a, b, y, n, begin, end);
}

@unmanaged
class GreaterEqual extends Binary {
  @inline override of(a: v128, b: v128): v128 {
    return v128.and(f32x4.ge(a, b), f32x4.splat(1));
  }
}

export function greaterEqual(a: usize, b: usize, y: usize, n: i32, begin: i32, end: i32): void {
  binary<GreaterEqual>(a, b, y, n, begin, end);
}

/** y = scale x + shift. */
export function affine(x: usize, y: usize, scale: f32, shift: f32, n: i32, begin: i32, end: i32): void {
  const factor = f32x4.splat(scale);
  const term = f32x4.splat(shift);
  const last = min(n, end * BLOCK);
  let i = begin * BLOCK;
  for (; i + 8 <= last; i += 8) {
    const at = (<usize>i) << 2;
    v128.store(y + at, Lanes.madd(v128.load(x + at), factor, term));
    v128.store(y + at, Lanes.madd(v128.load(x + at, 16), factor, term), 16);
  }
  for (; i < last; i += 4) {
    const at = (<usize>i) << 2;
    Lanes.store(y + at, Lanes.madd(Lanes.load(x + at, last - i), factor, term), last - i);
  }
}

/** y += factor[0] x. */
export function addScaled(y: usize, x: usize, factor: usize, n: i32, begin: i32, end: i32): void {
  const scale = v128.load32_splat(factor);
  const last = min(n, end * BLOCK);
  for (let i = begin * BLOCK; i < last; i += 4) {
    const at = (<usize>i) << 2;
    const count = last - i;
    Lanes.store(y + at, Lanes.madd(Lanes.load(x + at, count), scale, Lanes.load(y + at, count)), count);
  }
}
