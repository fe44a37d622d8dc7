// Attention, written out and as one kernel: the same numbers. Run it: node examples/03-attention.js
//
// Attention(Q, K, V) = softmax(Q K^T / sqrt(d)) V (Vaswani et al., 2017, equation 1): each row of Q asks, each row of K answers how
// much it has to say, and the result is the mean of the rows of V, weighed by that.
import { mkdirSync, writeFileSync } from 'node:fs';
import { matrixChart, openBackend, ops, Random, randn, Sequences, setBackend } from 'retromae';

const backend = await openBackend('reference', { dtype: 'float64' });
setBackend(backend);
const words = ['the', 'court', 'heard', 'the', 'case'];
const [rows, width, heads] = [words.length, 8, 2];
const random = new Random(3);
const [q, k, v] = [0, 1, 2].map(() => randn([rows, width], random)); // [T, H] each

// 1. As composition: each head has its own part of the width, H / heads.
const split = (x) => x.reshape([rows, heads, width / heads]).permute(1, 0, 2); // [heads, T, H / heads]
const scores = split(q)
  .matmul(split(k).transpose())
  .mul(1 / Math.sqrt(width / heads)); // [heads, T, T]
const weights = scores.softmax(); // each row sums to 1
const written = weights.matmul(split(v)).permute(1, 0, 2).reshape([rows, width]); // [T, H]

// 2. As one kernel, which never holds the weights in memory (kernels/library/attention.ts).
const sequences = Sequences.ofLengths([rows]);
const fused = ops.attention.apply({ q, k, v }, { heads, queries: sequences, keys: sequences, p: 0, key: 0 });

const [one, other] = [await written.read(), await fused.read()];
const furthest = one.reduce((most, value, i) => Math.max(most, Math.abs(value - other[i])), 0);
console.log(`q, k, v [${q.shape}], scores [${scores.shape}], result [${fused.shape}]`);
console.log(`written out and as one kernel: ${furthest < 1e-12 ? 'the same to 1e-12' : `differ by ${furthest}`}`);

// 3. The weights of the first head: who looks at whom.
const numbers = await weights.read();
const matrix = words.map((_, i) => words.map((_, j) => numbers[i * rows + j]));
for (const [i, row] of matrix.entries())
  console.log(
    `${words[i].padEnd(6)} ${row.map((weight) => weight.toFixed(2)).join(' ')}  sum ${row.reduce((a, b) => a + b).toFixed(2)}`,
  );
mkdirSync('runs', { recursive: true });
const subtitle = 'Rows ask, columns answer; each row sums to 1. Weights are random here.';
writeFileSync(
  'runs/attention.svg',
  matrixChart({ title: 'Attention of the first head', subtitle, rows: words, columns: words, values: matrix }),
);
console.log('drawn in runs/attention.svg');
await backend.close();
