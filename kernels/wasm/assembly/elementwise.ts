// Kernels that compute each cell from the same cell of their inputs; kernels/library/elementwise.ts says what each is.
//
// A task is BLOCK cells, so that which cells make a vector, and hence every bit, does not depend on the threads.
import { Lanes } from './lanes';
import { Elementary } from './math';

/** Cells of a task, as in kernels/wasm/natives/elementwise.ts. */
const BLOCK: i32 = 4096;

/** A function of one vector; subclasses are types only, never made. */
@unmanaged
class Unary {
  of(x: v128): v128 {
    return x;
  }
}

@unmanaged
class Binary {
  of(a: v128, b: v128): v128 {
    return f32x4.add(a, b);
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
    if (i + 4 <= last) v128.store(y + at, f.of(v128.load(x + at)));
    else Lanes.storeTail(y + at, f.of(Lanes.loadTail(x + at, last - i)), last - i);
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
    if (count >= 4) v128.store(y + at, f.of(v128.load(a + at), v128.load(b + at)));
    else Lanes.storeTail(y + at, f.of(Lanes.loadTail(a + at, count), Lanes.loadTail(b + at, count)), count);
  }
}

@unmanaged
class Exp extends Unary {
  @inline override of(x: v128): v128 {
    return Elementary.exp(x);
  }
}

@unmanaged
class Add extends Binary {
  @inline override of(a: v128, b: v128): v128 {
    return f32x4.add(a, b);
  }
}

export function exp(x: usize, y: usize, n: i32, begin: i32, end: i32): void {
  unary<Exp>(x, y, n, begin, end);
}

export function add(a: usize, b: usize, y: usize, n: i32, begin: i32, end: i32): void {
  binary<Add>(a, b, y, n, begin, end);
}
