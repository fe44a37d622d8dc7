// Vectors in fewer bytes: halves, bytes, bits and prefixes; what is given back, what is found, and the file.
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { halfBits, halfValue, readSafetensors, writeSafetensors, type HostTensor } from '../../nn/index.js';
import { keepVectors } from '../../retrieval/encode.js';
import { loadIndex, saveIndex } from '../../retrieval/index-file.js';
import { FlatIndex } from '../../retrieval/search.js';
import { packVectors, vectorBytes, vectorFormats } from '../../retrieval/vector-store.js';
import { readFile, writeFile } from 'node:fs/promises';

const [SIZE, DIM] = [300, 70];
/** Clustered a little, so that neighbours are not all alike; each dimension with a scale and a mean of its own. */
const vectors = Float32Array.from({ length: SIZE * DIM }, (_, i) => {
  const [row, column] = [Math.floor(i / DIM), i % DIM];
  return (
    ((column % 7) + 1) * 0.1 * (Math.sin(row * 1.7 + column * column) + 0.3 * Math.cos((row % 12) * column)) +
    column / 100
  );
});
const ids = Array.from({ length: SIZE }, (_, i) => `d${i}`);
const queries = vectors.slice(0, 6 * DIM).map((value, i) => value + 0.01 * Math.sin(i));

void t.test('halves', (t) => {
  for (let bits = 0; bits < 1 << 16; bits++) {
    const value = halfValue(bits);
    const back = halfBits(value);
    if (Number.isNaN(value) ? (back & 0x7fff) !== 0x7e00 : back !== bits) t.fail(`${bits} came back as ${back}`);
  }
  t.equal(halfValue(halfBits(65519)), 65504, 'the largest');
  t.equal(halfValue(halfBits(65520)), Infinity);
  t.equal(halfValue(halfBits(2 ** -25)), 0, 'a tie goes to the even one');
  t.equal(halfValue(halfBits(3 * 2 ** -25)), 2 ** -23);
  fc.assert(
    fc.property(fc.float({ min: -65504, max: 65504, noNaN: true }), (x) => {
      const bits = halfBits(x);
      const away = Math.abs(halfValue(bits) - x);
      const others = [bits - 1, bits + 1].map(halfValue).filter(Number.isFinite);
      return others.every((other) => Math.sign(other) * Math.sign(x) < 0 || Math.abs(other - x) >= away);
    }),
  );
  t.end();
});

void t.test('what is given back is near what was kept', (t) => {
  const worst = (format: 'f32' | 'f16' | 'int8', allowed: (column: number) => number) => {
    const store = packVectors(vectors, DIM, format);
    t.same([store.size, store.dim, store.bytes], [SIZE, DIM, vectorBytes(format, DIM)], format);
    const rows = store.rows(0, SIZE);
    t.same(store.rows(7, 9), rows.slice(7 * DIM, 9 * DIM), 'some rows are those of all');
    vectors.forEach((value, i) => {
      if (Math.abs(rows[i] - value) > allowed(i % DIM)) t.fail(`${format}: ${value} came back as ${rows[i]}`);
    });
  };
  const largest = Array.from({ length: DIM }, (_, column) =>
    Math.max(...vectors.filter((_, i) => i % DIM === column).map(Math.abs)),
  );
  worst('f32', () => 0);
  worst('f16', (column) => largest[column] * 2 ** -11);
  // Half a step, and the rounding of scale and product to float32.
  worst('int8', (column) => largest[column] * (0.5 / 127 + 2 ** -22));
  const bits = packVectors(vectors, DIM, 'binary');
  t.equal(bits.bytes, 12, '70 bits in three words');
  for (const column of [0, 31, 32, 69]) {
    const own = vectors.filter((_, i) => i % DIM === column);
    const mean = own.reduce((sum, value) => sum + value, 0) / SIZE;
    const deviation = own.reduce((sum, value) => sum + Math.abs(value - mean), 0) / SIZE;
    const given = bits.rows(0, SIZE).filter((_, i) => i % DIM === column);
    own.forEach((value, row) => {
      const wanted = value > mean ? mean + deviation : mean - deviation;
      if (Math.abs(given[row] - wanted) > 1e-6) t.fail(`row ${row} of ${column}: ${given[row]}, expected ${wanted}`);
    });
  }
  t.same(packVectors(new Float32Array(DIM), DIM, 'int8').rows(0, 1), new Float32Array(DIM), 'zeros stay zeros');
  t.end();
});

for (const similarity of ['cosine', 'dot', 'euclidean'] as const)
  void t.test(`${similarity}: halves and bytes are searched as what they are, to the bit`, (t) => {
    for (const format of ['f16', 'int8'] as const) {
      const store = packVectors(vectors, DIM, format);
      const kept = new FlatIndex(ids, store, DIM, { similarity });
      const plain = new FlatIndex(ids, store.rows(0, SIZE).slice(), DIM, { similarity });
      t.same(kept.search(queries, 20), plain.search(queries, 20));
      const named = [['d3', 'd250'], ['d9'], [], ['d1'], ['d2'], ['d0']];
      t.same(kept.score(queries, named), plain.score(queries, named));
    }
    t.end();
  });

void t.test('bits: four times as many as asked for, by equal bits, then by their numbers', (t) => {
  const store = packVectors(vectors, DIM, 'binary');
  const index = new FlatIndex(ids, store, DIM, { similarity: 'euclidean' });
  const means = Float64Array.from({ length: DIM }, (_, column) => {
    let sum = 0;
    for (let row = 0; row < SIZE; row++) sum += vectors[row * DIM + column];
    return Math.fround(sum / SIZE);
  });
  const k = 5;
  index.search(queries, k).forEach((hits, q) => {
    const query = queries.slice(q * DIM, (q + 1) * DIM);
    const equal = ids.map((_, row) => {
      let count = 0;
      for (let i = 0; i < DIM; i++) count += Number(vectors[row * DIM + i] > means[i] === query[i] > means[i]);
      return count;
    });
    const least = [...equal].sort((a, b) => b - a)[4 * k - 1];
    for (const { id } of hits) t.ok(equal[ids.indexOf(id)] >= least, `${id} is among the nearest by bits`);
    const sure = ids.filter((_, row) => equal[row] > least);
    const best = index.score(query, [sure])[0].slice(0, 1);
    t.ok(hits[0].score >= best[0].score, 'the best by numbers comes first');
    t.equal(hits[0].id, `d${q}`, 'a vector finds itself');
  });
  t.end();
});

void t.test('prefixes', (t) => {
  const width = 32;
  const cut = Float32Array.from({ length: SIZE * width }, (_, i) => vectors[Math.floor(i / width) * DIM + (i % width)]);
  const wanted = new FlatIndex(ids, cut, width, { similarity: 'cosine' });
  const store = keepVectors(vectors, DIM, { dim: width, similarity: 'cosine' });
  const found = new FlatIndex(ids, store, DIM, { similarity: 'cosine' });
  t.same([found.dim, found.store.dim, found.bytes], [DIM, width, 4 * width]);
  const short = Float32Array.from({ length: 6 * width }, (_, i) => queries[Math.floor(i / width) * DIM + (i % width)]);
  t.same(found.search(queries, 10), wanted.search(short, 10), 'queries are cut as documents are');
  t.throws(() => keepVectors(vectors, DIM, { dim: DIM + 1 }), /dim = 71, expected a whole number from 1 to the 70/);
  t.throws(() => new FlatIndex(ids.slice(1), store, DIM), /300 vectors of 32 numbers for 299 documents/);
  const unit = keepVectors(vectors, DIM, { format: 'int8', similarity: 'cosine' }).rows(0, SIZE);
  for (const row of [0, 99]) {
    const length = Math.hypot(...unit.slice(row * DIM, (row + 1) * DIM));
    t.ok(Math.abs(length - 1) < 0.02, `of length ${length} before they are made coarse`);
  }
  t.end();
});

void t.test('the file', async (t) => {
  const file = join(t.testdir(), 'some.index');
  for (const format of vectorFormats)
    for (const dim of [DIM, 33]) {
      const index = new FlatIndex(ids, keepVectors(vectors, DIM, { format, dim }), DIM, {
        similarity: 'cosine',
        model: 'm',
      });
      await saveIndex(index, file);
      const read = (await loadIndex(file)) as FlatIndex;
      t.same([read.dim, read.store.dim, read.store.format, read.bytes], [DIM, dim, format, index.bytes]);
      t.same(read.search(queries, 9), index.search(queries, 9), `${format} of ${dim}: to the bit`);
      const { size } = { size: (await readFile(file)).length };
      t.ok(size < SIZE * (index.bytes + 8) + 3 * 4 * DIM + 1200, `${size} bytes`);
    }
  const bits = keepVectors(vectors, DIM, { format: 'int8' });
  await saveIndex(new FlatIndex(ids, bits, DIM), file);
  const tensors = readSafetensors(await readFile(file), file);
  const spoil = async (metadata: Record<string, string>, change: (all: Map<string, HostTensor>) => unknown) => {
    const all = new Map(tensors);
    change(all);
    await writeFile(file, Buffer.concat(writeSafetensors(all, { kind: 'retromae.flat-index.1', ...metadata })));
  };
  await spoil({ vectors: 'int4', dim: '70' }, () => 0);
  await t.rejects(
    loadIndex(file),
    /some\.index: embeddings of format "int4" are I8 \[300, 70\], expected one of f32, f16/,
  );
  await spoil({ vectors: 'int8', dim: '70' }, (all) => all.set('scale', { shape: [2], data: Float32Array.of(1, 2) }));
  await t.rejects(loadIndex(file), /some\.index: embeddings of format "int8"/);
  await spoil({ vectors: 'int8', dim: '5' }, () => 0);
  await t.rejects(loadIndex(file), /some\.index: index: 300 vectors of 70 numbers .* queries of 5 numbers/);
  await spoil({ vectors: 'int8', dim: '70' }, (all) => all.delete('scale'));
  await t.rejects(loadIndex(file), /tensor "scale": no such tensor/);
  await spoil({ vectors: 'int8', dim: '70' }, (all) =>
    all.set('scale', { shape: [DIM], data: new Float32Array(DIM).fill(NaN) }),
  );
  await t.rejects(loadIndex(file), /the vector of document "d0" contains NaN/);
});
