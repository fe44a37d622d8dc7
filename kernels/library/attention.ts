// Multi-head attention over packed sequences, with separate query and key/value streams (Vaswani et al., 2017;
// RetroMAE, section 3.3).
//
// Rows are tokens; sequences lie end to end without padding. Sequence b owns the query rows qOffsets[b] ..
// qOffsets[b + 1] - 1 and the key rows kOffsets[b] .. kOffsets[b + 1] - 1; qSequence and kSequence say to which
// sequence a row belongs. Key j of a sequence is hidden from query row r if `masked` is 1 and bit j of visible[r] is 0.
// A hidden key scores -1e9, so it has weight 0 as long as its row sees any key at all.
// q, y [R, H]; k, v [S, H]; H = heads * width; visible [R, words], 16 bits a word; lse [R, heads]; keys = longest sequence.
import { defineKernel, type Dims } from '../kernel.js';
import { dropoutCalls, keep } from './random.js';
import { bitAt } from './scalar.js';

/** s[r][h][j] = q[r] . k[j] * scale over the columns of head h; one row of z per query row. */
function score(
  this: { thread: { x: number; y: number; z: number } },
  q: number[][],
  k: number[][],
  qSequence: number[],
  kOffsets: number[],
  visible: number[][],
  masked: number,
  width: number,
  scale: number,
) {
  const sequence = qSequence[this.thread.z];
  const key = kOffsets[sequence] + this.thread.x;
  if (key >= kOffsets[sequence + 1]) return -1e9;
  if (masked > 0.5) {
    const word = Math.floor(this.thread.x * 0.0625);
    if (bitAt(visible[this.thread.z][word], this.thread.x - 16 * word) < 0.5) return -1e9;
  }
  let sum = 0.0;
  const start = this.thread.y * width;
  for (let i = 0; i < width; i++) sum += q[this.thread.z][start + i] * k[key][start + i];
  return sum * scale;
}

const scoreReads = ['q', 'k', 'qSequence', 'kOffsets', 'visible', 'masked', 'width', 'scale'] as const;
const scoreDims = ({ q }: { q: Dims }, { heads, keys }: { heads: number; keys: number }) => [q[0], heads, keys];

/** y = dropout(softmax(scores)) v, head by head; lse = log of the sum of exp(scores), which the gradient needs. */
export const attention = defineKernel({
  name: 'attention',
  inputs: {
    q: 2,
    k: 2,
    v: 2,
    qSequence: 1,
    kSequence: 1,
    qOffsets: 1,
    kOffsets: 1,
    visible: 2,
    masked: 0,
    heads: 0,
    width: 0,
    keys: 0,
    scale: 0,
    p: 0,
    key: 0,
  },
  outputs: { y: 2, lse: 2 },
  temps: { scores: scoreDims },
  stages: [
    { out: 'scores', reads: scoreReads, cell: score, calls: [bitAt] },
    {
      out: 'lse',
      reads: ['scores', 'qSequence', 'kOffsets'],
      cell: function (scores: number[][][], qSequence: number[], kOffsets: number[]) {
        const sequence = qSequence[this.thread.y];
        const count = kOffsets[sequence + 1] - kOffsets[sequence];
        let top = scores[this.thread.y][this.thread.x][0];
        for (let j = 1; j < count; j++) top = Math.max(top, scores[this.thread.y][this.thread.x][j]);
        let total = 0.0;
        for (let i = 0; i < count; i++) total += Math.exp(scores[this.thread.y][this.thread.x][i] - top);
        return top + Math.log(total);
      },
    },
    {
      out: 'y',
      reads: ['scores', 'lse', 'v', 'qSequence', 'kOffsets', 'heads', 'width', 'p', 'key'],
      cell: function (
        scores: number[][][],
        lse: number[][],
        v: number[][],
        qSequence: number[],
        kOffsets: number[],
        heads: number,
        width: number,
        p: number,
        key: number,
      ) {
        const head = Math.floor((this.thread.x + 0.5) / width);
        const sequence = qSequence[this.thread.y];
        const start = kOffsets[sequence];
        const count = kOffsets[sequence + 1] - start;
        let sum = 0.0;
        for (let j = 0; j < count; j++) {
          const weight = Math.exp(scores[this.thread.y][head][j] - lse[this.thread.y][head]);
          sum += weight * keep(p, key, this.thread.y * heads + head, j) * v[start + j][this.thread.x];
        }
        return sum;
      },
      calls: dropoutCalls,
    },
  ],
});

/**
 * Gradient of `attention`. P = exp(scores - lse), D = dropout factor, dP = D (dy v^T), dS = P (dP - sum_j P dP) scale;
 * dq = dS k, dk = dS^T q, dv = (P D)^T dy (Dao et al., 2022, appendix B, keep P from being stored).
 * y is the output of the forward pass: sum_j P dP = dy . y over the columns of a head.
 */
export const attentionGradient = defineKernel({
  name: 'attentionGradient',
  inputs: {
    dy: 2,
    y: 2,
    lse: 2,
    q: 2,
    k: 2,
    v: 2,
    qSequence: 1,
    kSequence: 1,
    qOffsets: 1,
    kOffsets: 1,
    visible: 2,
    masked: 0,
    heads: 0,
    width: 0,
    keys: 0,
    scale: 0,
    p: 0,
    key: 0,
  },
  outputs: { dq: 2, dk: 2, dv: 2 },
  temps: {
    scores: scoreDims,
    inner: ({ q }, { heads }) => [q[0], heads],
    weights: scoreDims,
    dropped: scoreDims,
    dscores: scoreDims,
  },
  stages: [
    { out: 'scores', reads: scoreReads, cell: score, calls: [bitAt] },
    {
      out: 'inner',
      reads: ['dy', 'y', 'width'],
      cell: function (dy: number[][], y: number[][], width: number) {
        let sum = 0.0;
        const start = this.thread.x * width;
        for (let i = 0; i < width; i++) sum += dy[this.thread.y][start + i] * y[this.thread.y][start + i];
        return sum;
      },
    },
    {
      out: 'weights',
      reads: ['scores', 'lse'],
      cell: function (scores: number[][][], lse: number[][]) {
        return Math.exp(scores[this.thread.z][this.thread.y][this.thread.x] - lse[this.thread.z][this.thread.y]);
      },
    },
    {
      out: 'dropped',
      reads: ['weights', 'heads', 'p', 'key'],
      cell: function (weights: number[][][], heads: number, p: number, key: number) {
        const factor = keep(p, key, this.thread.z * heads + this.thread.y, this.thread.x);
        return weights[this.thread.z][this.thread.y][this.thread.x] * factor;
      },
      calls: dropoutCalls,
    },
    {
      out: 'dscores',
      reads: ['weights', 'dropped', 'inner', 'dy', 'v', 'qSequence', 'kOffsets', 'width', 'scale'],
      cell: function (
        weights: number[][][],
        dropped: number[][][],
        inner: number[][],
        dy: number[][],
        v: number[][],
        qSequence: number[],
        kOffsets: number[],
        width: number,
        scale: number,
      ) {
        const sequence = qSequence[this.thread.z];
        const row = kOffsets[sequence] + this.thread.x;
        if (row >= kOffsets[sequence + 1]) return 0.0;
        let sum = 0.0;
        const start = this.thread.y * width;
        for (let i = 0; i < width; i++) sum += dy[this.thread.z][start + i] * v[row][start + i];
        const direct = dropped[this.thread.z][this.thread.y][this.thread.x] * sum;
        return (
          (direct - weights[this.thread.z][this.thread.y][this.thread.x] * inner[this.thread.z][this.thread.y]) * scale
        );
      },
    },
    {
      out: 'dq',
      reads: ['dscores', 'k', 'qSequence', 'kOffsets', 'width'],
      cell: function (dscores: number[][][], k: number[][], qSequence: number[], kOffsets: number[], width: number) {
        const head = Math.floor((this.thread.x + 0.5) / width);
        const sequence = qSequence[this.thread.y];
        const start = kOffsets[sequence];
        const count = kOffsets[sequence + 1] - start;
        let sum = 0.0;
        for (let j = 0; j < count; j++) sum += dscores[this.thread.y][head][j] * k[start + j][this.thread.x];
        return sum;
      },
    },
    {
      out: 'dk',
      reads: ['dscores', 'q', 'kSequence', 'qOffsets', 'kOffsets', 'width'],
      cell: function (
        dscores: number[][][],
        q: number[][],
        kSequence: number[],
        qOffsets: number[],
        kOffsets: number[],
        width: number,
      ) {
        const head = Math.floor((this.thread.x + 0.5) / width);
        const sequence = kSequence[this.thread.y];
        const position = this.thread.y - kOffsets[sequence];
        const end = qOffsets[sequence + 1];
        let sum = 0.0;
        for (let r = qOffsets[sequence]; r < end; r += 1.0) sum += dscores[r][head][position] * q[r][this.thread.x];
        return sum;
      },
    },
    {
      out: 'dv',
      reads: ['dropped', 'dy', 'kSequence', 'qOffsets', 'kOffsets', 'width'],
      cell: function (
        dropped: number[][][],
        dy: number[][],
        kSequence: number[],
        qOffsets: number[],
        kOffsets: number[],
        width: number,
      ) {
        const head = Math.floor((this.thread.x + 0.5) / width);
        const sequence = kSequence[this.thread.y];
        const position = this.thread.y - kOffsets[sequence];
        const end = qOffsets[sequence + 1];
        let sum = 0.0;
        for (let r = qOffsets[sequence]; r < end; r += 1.0) sum += dropped[r][head][position] * dy[r][this.thread.x];
        return sum;
      },
    },
  ],
});
