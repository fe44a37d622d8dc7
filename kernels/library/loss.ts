// Losses over a tied vocabulary: the output layer and its loss in one kernel, so that a backend need not keep logits.
//
// x [R, H] hidden rows, table [V, H] word embeddings, bias [V], labels [R] ids; logits = x table^T + bias [R, V].
import { defineKernel, type Dims } from '../kernel.js';

function logit(
  this: { thread: { x: number; y: number } },
  x: number[][],
  table: number[][],
  bias: number[],
  width: number,
) {
  let sum = bias[this.thread.x];
  for (let i = 0; i < width; i++) sum += x[this.thread.y][i] * table[this.thread.x][i];
  return sum;
}

function logSumExp(this: { thread: { x: number } }, logits: number[][], words: number) {
  let top = logits[this.thread.x][0];
  for (let i = 1; i < words; i++) top = Math.max(top, logits[this.thread.x][i]);
  let total = 0.0;
  for (let j = 0; j < words; j++) total += Math.exp(logits[this.thread.x][j] - top);
  return top + Math.log(total);
}

function negativeLogLikelihood(this: { thread: { x: number } }, logits: number[][], lse: number[], labels: number[]) {
  return lse[this.thread.x] - logits[this.thread.x][labels[this.thread.x]];
}

/** 1 where no word scores higher than the label. */
function isBest(this: { thread: { x: number } }, logits: number[][], labels: number[], words: number) {
  const own = logits[this.thread.x][labels[this.thread.x]];
  for (let i = 0; i < words; i++) if (logits[this.thread.x][i] > own) return 0.0;
  return 1.0;
}

const logitDims = ({ x, table }: { x: Dims; table: Dims }) => [x[0], table[0]];

const forward = [
  { out: 'logits', reads: ['x', 'table', 'bias', 'width'], cell: logit },
  { out: 'lse', reads: ['logits', 'words'], cell: logSumExp },
  { out: 'nll', reads: ['logits', 'lse', 'labels'], cell: negativeLogLikelihood },
  { out: 'hit', reads: ['logits', 'labels', 'words'], cell: isBest },
] as const;

/** nll [R] = -log softmax(logits)[label], hit [R] = 1 where the label is the best word; width is H, words is V. */
export const crossEntropy = defineKernel({
  name: 'crossEntropy',
  inputs: { x: 2, table: 2, bias: 1, labels: 1, width: 0, words: 0 },
  outputs: { nll: 1, hit: 1 },
  temps: { logits: logitDims, lse: ({ x }) => [x[0]] },
  stages: forward,
});

/**
 * `crossEntropy` with the gradients of scale * sum(nll) in the same sweep: dlogits = scale (softmax(logits) - onehot),
 * dx = dlogits table, dtable = dlogits^T x, dbias = sum over rows of dlogits. rows is R.
 */
export const crossEntropyGradient = defineKernel({
  name: 'crossEntropyGradient',
  inputs: { x: 2, table: 2, bias: 1, labels: 1, width: 0, words: 0, rows: 0, scale: 0 },
  outputs: { nll: 1, hit: 1, dx: 2, dtable: 2, dbias: 1 },
  temps: { logits: logitDims, lse: ({ x }) => [x[0]], dlogits: logitDims },
  stages: [
    ...forward,
    {
      out: 'dlogits',
      reads: ['logits', 'lse', 'labels', 'scale'],
      cell: function (logits: number[][], lse: number[], labels: number[], scale: number) {
        const p = Math.exp(logits[this.thread.y][this.thread.x] - lse[this.thread.y]);
        if (this.thread.x === labels[this.thread.y]) return (p - 1.0) * scale;
        return p * scale;
      },
    },
    {
      out: 'dx',
      reads: ['dlogits', 'table', 'words'],
      cell: function (dlogits: number[][], table: number[][], words: number) {
        let sum = 0.0;
        for (let i = 0; i < words; i++) sum += dlogits[this.thread.y][i] * table[i][this.thread.x];
        return sum;
      },
    },
    {
      out: 'dtable',
      reads: ['dlogits', 'x', 'rows'],
      cell: function (dlogits: number[][], x: number[][], rows: number) {
        let sum = 0.0;
        for (let i = 0; i < rows; i++) sum += dlogits[i][this.thread.y] * x[i][this.thread.x];
        return sum;
      },
    },
    {
      out: 'dbias',
      reads: ['dlogits', 'rows'],
      cell: function (dlogits: number[][], rows: number) {
        let sum = 0.0;
        for (let i = 0; i < rows; i++) sum += dlogits[i][this.thread.x];
        return sum;
      },
    },
  ],
});

/**
 * DupMAE's pooling over a sequence (Liu et al., 2023, section 3.2): top[b][v] = the largest logit of word v over the rows
 * offsets[b] + skip .. offsets[b + 1] - 1, and `row` where it is (the first one). offsets [B + 1]; top, row [B, V].
 */
export const vocabularyMax = defineKernel({
  name: 'vocabularyMax',
  inputs: { x: 2, table: 2, bias: 1, offsets: 1, skip: 0, width: 0 },
  outputs: { top: 2, row: 2 },
  temps: { logits: logitDims },
  stages: [
    { out: 'logits', reads: ['x', 'table', 'bias', 'width'], cell: logit },
    {
      out: 'row',
      reads: ['logits', 'offsets', 'skip'],
      cell: function (logits: number[][], offsets: number[], skip: number) {
        const start = offsets[this.thread.y] + skip;
        const end = offsets[this.thread.y + 1];
        let best = start;
        for (let i = start + 1; i < end; i += 1.0) if (logits[i][this.thread.x] > logits[best][this.thread.x]) best = i;
        return best;
      },
    },
    {
      out: 'top',
      reads: ['logits', 'row'],
      cell: function (logits: number[][], row: number[][]) {
        return logits[row[this.thread.y][this.thread.x]][this.thread.x];
      },
    },
  ],
});

/**
 * Gradient of `vocabularyMax`: each word's dtop flows to the row it came from. sequence [R] says to which sequence a row
 * belongs; sequences is B.
 */
export const vocabularyMaxGradient = defineKernel({
  name: 'vocabularyMaxGradient',
  inputs: { dtop: 2, row: 2, x: 2, table: 2, sequence: 1, words: 0, sequences: 0 },
  outputs: { dx: 2, dtable: 2, dbias: 1 },
  stages: [
    {
      out: 'dx',
      reads: ['dtop', 'row', 'table', 'sequence', 'words'],
      cell: function (dtop: number[][], row: number[][], table: number[][], sequence: number[], words: number) {
        const b = sequence[this.thread.y];
        let sum = 0.0;
        for (let i = 0; i < words; i++) if (row[b][i] === this.thread.y) sum += dtop[b][i] * table[i][this.thread.x];
        return sum;
      },
    },
    {
      out: 'dtable',
      reads: ['dtop', 'row', 'x', 'sequences'],
      cell: function (dtop: number[][], row: number[][], x: number[][], sequences: number) {
        let sum = 0.0;
        for (let b = 0; b < sequences; b++) sum += dtop[b][this.thread.y] * x[row[b][this.thread.y]][this.thread.x];
        return sum;
      },
    },
    {
      out: 'dbias',
      reads: ['dtop', 'sequences'],
      cell: function (dtop: number[][], sequences: number) {
        let sum = 0.0;
        for (let b = 0; b < sequences; b++) sum += dtop[b][this.thread.x];
        return sum;
      },
    },
  ],
});
