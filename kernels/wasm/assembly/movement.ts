// Kernels that move numbers; kernels/library/movement.ts says what each is. Strides count floats, pointers bytes.
import { Lanes } from './lanes';
import { addRow, copyRow, fillRow, idsOf, sumRows } from './row';

/** Output rows of a task of `arrange`, as in kernels/wasm/natives/movement.ts: a cache line of a transposed source. */
const ROWS: i32 = 16;

/**
 * y[z1][z0][r][c] = x[z1 s0 + z0 s1 + r s2 + c s3] for z0 < depth, r < height, c < width. A task is ROWS rows of one
 * (z1, z0); tasks = planes * ceil(height / ROWS).
 */
export function arrange(
  x: usize,
  y: usize,
  depth: i32,
  height: i32,
  width: i32,
  s0: i32,
  s1: i32,
  s2: i32,
  s3: i32,
  begin: i32,
  end: i32,
): void {
  const blocks = (height + ROWS - 1) / ROWS;
  for (let task = begin; task < end; task++) {
    const plane = task / blocks;
    const row = (task % blocks) * ROWS;
    const rows = min(ROWS, height - row);
    const from = x + ((<usize>((plane / depth) * s0 + (plane % depth) * s1 + row * s2)) << 2);
    const to = y + ((<usize>((plane * height + row) * width)) << 2);
    if (s2 == 1 && s3 != 1) transpose(from, (<usize>s3) << 2, to, rows, width);
    else
      for (let r = 0; r < rows; r++)
        spreadRow(from + ((<usize>(r * s2)) << 2), s3, to + ((<usize>(r * width)) << 2), width);
  }
}

/** One output row from a source row whose cells are `stride` floats apart. */
function spreadRow(from: usize, stride: i32, to: usize, n: i32): void {
  if (stride == 1) copyRow(from, to, n);
  else if (stride == 0) fillRow(to, load<f32>(from), n);
  else for (let i = 0; i < n; i++) store<f32>(to + ((<usize>i) << 2), load<f32>(from + ((<usize>(i * stride)) << 2)));
}

/** `rows` output rows of `columns` floats, whose columns lie `stride` bytes apart in the source: 4 x 4 at a time. */
function transpose(from: usize, stride: usize, to: usize, rows: i32, columns: i32): void {
  const ld = (<usize>columns) << 2;
  let c = 0;
  for (; c + 4 <= columns; c += 4) {
    const p0 = from + <usize>c * stride;
    const p1 = p0 + stride;
    const p2 = p1 + stride;
    const p3 = p2 + stride;
    let t = to + ((<usize>c) << 2);
    let r = 0;
    for (; r + 4 <= rows; r += 4) {
      Lanes.turn(p0 + ((<usize>r) << 2), stride, t, ld);
      t += ld << 2;
    }
    for (; r < rows; r++) {
      const o = (<usize>r) << 2;
      store<f32>(t, load<f32>(p0 + o));
      store<f32>(t, load<f32>(p1 + o), 4);
      store<f32>(t, load<f32>(p2 + o), 8);
      store<f32>(t, load<f32>(p3 + o), 12);
      t += ld;
    }
  }
  for (; c < columns; c++) {
    const source = from + <usize>c * stride;
    const target = to + ((<usize>c) << 2);
    for (let r = 0; r < rows; r++) store<f32>(target + <usize>r * ld, load<f32>(source + ((<usize>r) << 2)));
  }
}

/** y[n] = table[ids[n]]; a task is a row. */
export function gather(table: usize, ids: usize, y: usize, width: i32, begin: i32, end: i32): void {
  const ld = (<usize>width) << 2;
  for (let row = begin; row < end; row++) {
    const id = <usize>load<f32>(ids + ((<usize>row) << 2));
    copyRow(table + id * ld, y + <usize>row * ld, width);
  }
}

/** y[v] = sum of x[order[i]] over starts[v] <= i < starts[v + 1], in that order; a task is a row v. */
export function scatter(x: usize, order: usize, starts: usize, y: usize, width: i32, begin: i32, end: i32): void {
  const ld = (<usize>width) << 2;
  for (let v = begin; v < end; v++) {
    const target = y + <usize>v * ld;
    const first = idsOf(order, starts, v);
    const last = idsOf(order, starts, v + 1);
    if (first == last) fillRow(target, 0, width);
    else sumRows(x, ld, first, last, target, width);
  }
}

/** y[v] += the same sum; rows without one are not touched. A task is a row v. */
export function addScatter(x: usize, order: usize, starts: usize, y: usize, width: i32, begin: i32, end: i32): void {
  const ld = (<usize>width) << 2;
  for (let v = begin; v < end; v++) {
    const last = idsOf(order, starts, v + 1);
    for (let i = idsOf(order, starts, v); i < last; i += 4) addRow(x + <usize>load<f32>(i) * ld, y + <usize>v * ld, width);
  }
}
