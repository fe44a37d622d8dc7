// What the losses over a vocabulary do between their matrix products; the contract is that of kernels/library/loss.ts.
//
// Logits are a block of rows, `ld` bytes apart, a multiple of 16 bytes, with room for padding up to the next four words.
import { Lanes } from './lanes';
import { Elementary } from './math';
import { LOG2_E, Softmax } from './softmax';

/** Columns of a task that walks down the rows: their results stay in the first-level cache. */
const COLUMNS: i32 = 512;
/** Columns of x or table that a task of the gradients of the maximum takes: a part of dx stays in the second-level cache. */
const CHUNK: i32 = 32;

/** Rows of a task of `crossEntropyRows`, as in kernels/wasm/natives/loss.ts. */
const ROWS: i32 = 8;

class Row {
  /** exp(x - top) of four logits, in units of log2. */
  @inline static term(from: usize, top: v128): v128 {
    return Softmax.power(f32x4.mul(f32x4.sub(v128.load(from), top), f32x4.splat(LOG2_E)));
  }

  /**
   * Sum of exp(x - top) over from .. end - 1; `keep` leaves the terms in place of x. Eight at a time: the constants of the
   * exponential are loaded once for both vectors.
   */
  @inline static sumExp(from: usize, end: usize, top: f32, keep: bool): f32 {
    const shift = f32x4.splat(top);
    let even = f32x4.splat(0);
    let odd = f32x4.splat(0);
    for (; from + 16 < end; from += 32) {
      const e = Row.term(from, shift);
      const f = Row.term(from + 16, shift);
      if (keep) {
        v128.store(from, e);
        v128.store(from, f, 16);
      }
      even = f32x4.add(even, e);
      odd = f32x4.add(odd, f);
    }
    if (from < end) {
      const e = Row.term(from, shift);
      if (keep) v128.store(from, e);
      even = f32x4.add(even, e);
    }
    return Lanes.sum(f32x4.add(even, odd));
  }

  /** Multiplies a row by `scale` and adds it to `sums`, or copies it there if it is the `first`. */
  @inline static scale(from: usize, end: usize, scale: f32, sums: usize, first: bool): void {
    const factor = f32x4.splat(scale);
    for (; from < end; from += 16) {
      const y = f32x4.mul(v128.load(from), factor);
      v128.store(from, y);
      v128.store(sums, first ? y : f32x4.add(v128.load(sums), y));
      sums += 16;
    }
  }
}

/**
 * Cross-entropy of rows, 8 to a task: nll = ln sum exp(logits) - logit of the label, hit = 1 where no logit is larger. If
 * `sums` is not 0, the logits become scale (softmax(logits) - onehot(label)), and the sum of a task's rows goes to sums
 * [tasks, words], laid out as the logits are.
 */
export function crossEntropyRows(
  logits: usize,
  ld: usize,
  rows: i32,
  words: i32,
  labels: usize,
  nll: usize,
  hit: usize,
  sums: usize,
  scale: f32,
  begin: i32,
  end: i32,
): void {
  const padded = (<usize>((words + 3) & -4)) << 2;
  for (let task = begin; task < end; task++) {
    const part = sums + <usize>task * ld;
    for (let r = task * ROWS; r < min(rows, (task + 1) * ROWS); r++) {
      const row = logits + <usize>r * ld;
      const last = row + padded;
      Softmax.clear(row + ((<usize>words) << 2), last);
      const word = (<usize>load<f32>(labels + ((<usize>r) << 2))) << 2;
      const own = load<f32>(row + word);
      const top = Softmax.largest(row, last);
      const total = sums ? Row.sumExp(row, last, top, true) : Row.sumExp(row, last, top, false);
      const lse = top + f32x4.extract_lane(Elementary.log(f32x4.splat(total)), 0);
      store<f32>(nll + ((<usize>r) << 2), lse - own);
      store<f32>(hit + ((<usize>r) << 2), own >= top ? 1 : 0);
      if (sums) {
        // The label's own term is total less before it is scaled, hence scale less after.
        store<f32>(row + word, load<f32>(row + word) - total);
        if (r == task * ROWS) Row.scale(row, last, scale / total, part, true);
        else Row.scale(row, last, scale / total, part, false);
      }
    }
  }
}

/**
 * n floats become 0. Not by `memory.fill`: that asks how large the memory is, of which a thread may have an old notion when
 * another one has let it grow a moment ago; what a store may reach is known to all at once.
 */
function clear(to: usize, n: i32): void {
  const end = to + ((<usize>n) << 2);
  for (; to + 16 <= end; to += 16) v128.store(to, f32x4.splat(0));
  for (; to < end; to += 4) store<f32>(to, 0);
}

/** sums [columns] (+)= the sum of the rows of a matrix, top down; a task takes 512 columns. */
export function columnSums(
  matrix: usize,
  ld: usize,
  rows: i32,
  columns: i32,
  sums: usize,
  accumulate: i32,
  begin: i32,
  end: i32,
): void {
  for (let task = begin; task < end; task++) {
    const first = task * COLUMNS;
    const last = min(columns, first + COLUMNS);
    if (!accumulate) clear(sums + ((<usize>first) << 2), last - first);
    for (let r = 0; r < rows; r++) {
      const row = matrix + <usize>r * ld;
      let i = first;
      for (; i + 4 <= last; i += 4) {
        const o = (<usize>i) << 2;
        v128.store(sums + o, f32x4.add(v128.load(sums + o), v128.load(row + o)));
      }
      for (; i < last; i++) {
        const o = (<usize>i) << 2;
        store<f32>(sums + o, load<f32>(sums + o) + load<f32>(row + o));
      }
    }
  }
}

/**
 * Largest logit of each word over the rows of each sequence but its first `skip`, and the (first) row it is in, as far as
 * the block of rows `firstRow` .. `firstRow` + rows - 1 goes, whose logits these are; a sequence that began in an
 * earlier block goes on from what that left in top and row. A task takes 512 words of the sequences from .. to - 1.
 */
export function columnMax(
  logits: usize,
  ld: usize,
  words: i32,
  firstRow: i32,
  rows: i32,
  offsets: usize,
  skip: i32,
  from: i32,
  to: i32,
  top: usize,
  row: usize,
  begin: i32,
  end: i32,
): void {
  for (let task = begin; task < end; task++) {
    const first = task * COLUMNS;
    const last = min(words, first + COLUMNS);
    for (let b = from; b < to; b++) {
      const start = <i32>load<f32>(offsets + ((<usize>b) << 2)) + skip;
      const stop = min(firstRow + rows, <i32>load<f32>(offsets + ((<usize>b) << 2), 4));
      const tops = top + <usize>b * <usize>words * 4;
      const places = row + <usize>b * <usize>words * 4;
      for (let r = max(start, firstRow); r < stop; r++) {
        const line = logits + <usize>(r - firstRow) * ld;
        const here = f32x4.splat(<f32>r);
        const fresh = i32x4.splat(r == start ? -1 : 0);
        let i = first;
        for (; i + 4 <= last; i += 4) {
          const o = (<usize>i) << 2;
          const x = v128.load(line + o);
          const best = v128.load(tops + o);
          const better = v128.or(fresh, f32x4.gt(x, best));
          v128.store(tops + o, v128.bitselect(x, best, better));
          v128.store(places + o, v128.bitselect(here, v128.load(places + o), better));
        }
        for (; i < last; i++) {
          const o = (<usize>i) << 2;
          const x = load<f32>(line + o);
          if (r > start && x <= load<f32>(tops + o)) continue;
          store<f32>(tops + o, x);
          store<f32>(places + o, <f32>r);
        }
      }
    }
  }
}

/** y += factor x over n floats. */
function addScaled(y: usize, x: usize, factor: f32, n: i32): void {
  const f = f32x4.splat(factor);
  const end = y + ((<usize>n) << 2);
  for (; y + 16 <= end; y += 16) {
    v128.store(y, Lanes.madd(f, v128.load(x), v128.load(y)));
    x += 16;
  }
  for (; y < end; y += 4) {
    store<f32>(y, load<f32>(y) + factor * load<f32>(x));
    x += 4;
  }
}

/** dtable and dbias of the maximum over rows: each word collects from the rows that its maxima lie in. A task is a word. */
export function columnMaxTable(
  dtop: usize,
  row: usize,
  x: usize,
  words: i32,
  sequences: i32,
  width: i32,
  dtable: usize,
  dbias: usize,
  begin: i32,
  end: i32,
): void {
  const ld = (<usize>width) << 2;
  for (let word = begin; word < end; word++) {
    const to = dtable + <usize>word * ld;
    clear(to, width);
    let sum: f32 = 0;
    for (let b = 0; b < sequences; b++) {
      const cell = (<usize>b * <usize>words + <usize>word) << 2;
      const d = load<f32>(dtop + cell);
      sum += d;
      addScaled(to, x + <usize>load<f32>(row + cell) * ld, d, width);
    }
    store<f32>(dbias + ((<usize>word) << 2), sum);
  }
}

/**
 * dx of the maximum over rows, which must be 0 before: each word gives to the rows that its maxima lie in. A task is 32
 * columns of the rows of `group` sequences; tasks = ceil(sequences / group) * ceil(width / 32).
 */
export function columnMaxRows(
  dtop: usize,
  row: usize,
  table: usize,
  words: i32,
  sequences: i32,
  group: i32,
  width: i32,
  dx: usize,
  begin: i32,
  end: i32,
): void {
  const ld = (<usize>width) << 2;
  const chunks = (width + CHUNK - 1) / CHUNK;
  for (let task = begin; task < end; task++) {
    const column = (task % chunks) * CHUNK;
    const columns = min(CHUNK, width - column);
    const from = (task / chunks) * group;
    const to = min(sequences, from + group);
    const offset = (<usize>column) << 2;
    for (let word = 0; word < words; word++) {
      const source = table + <usize>word * ld + offset;
      for (let b = from; b < to; b++) {
        const cell = (<usize>b * <usize>words + <usize>word) << 2;
        addScaled(dx + <usize>load<f32>(row + cell) * ld + offset, source, load<f32>(dtop + cell), columns);
      }
    }
  }
}
