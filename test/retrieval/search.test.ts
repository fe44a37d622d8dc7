// Exact search against a full sort, and the index file: round trip, and refusal of everything damaged.
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { loadIndex, saveIndex } from '../../retrieval/index-file.js';
import { compareHits } from '../../retrieval/ranking.js';
import { FlatIndex } from '../../retrieval/search.js';
import { similarities, writeSafetensors } from '../../nn/index.js';

void t.test('equal to a full sort, with many ties, for any block and number of queries', async () => {
  // Small integers: products are exact, so that equal scores are equal.
  const matrix = (rows: number, dim: number) =>
    fc.array(fc.integer({ min: -2, max: 2 }), { minLength: rows * dim, maxLength: rows * dim });
  const task = fc
    .record({
      docs: fc.integer({ min: 0, max: 90 }),
      queries: fc.integer({ min: 0, max: 9 }),
      dim: fc.integer({ min: 1, max: 3 }),
    })
    .chain(({ docs, queries, dim }) =>
      fc.record({
        dim: fc.constant(dim),
        docs: matrix(docs, dim),
        queries: matrix(queries, dim),
        k: fc.integer({ min: 1, max: 100 }),
      }),
    );
  fc.assert(
    fc.property(task, ({ dim, docs, queries, k }) => {
      const ids = Array.from({ length: docs.length / dim }, (_, i) => `d${(i * 7) % 1000}`);
      const found = new FlatIndex(ids, Float32Array.from(docs), dim).search(Float32Array.from(queries), k);
      const wanted = Array.from({ length: queries.length / dim }, (_, q) =>
        ids
          .map((id, d) => {
            let score = 0;
            for (let i = 0; i < dim; i++) score += docs[d * dim + i] * queries[q * dim + i];
            return { id, score };
          })
          .sort(compareHits)
          .slice(0, k),
      );
      // Zeros compare by value: JSON has no -0.
      return JSON.stringify(found) === JSON.stringify(wanted);
    }),
    { numRuns: 200 },
  );
});

void t.test('more than one block; a query scores the same alone and in company', async (t) => {
  const [docs, dim] = [300, 512];
  const vectors = new Float32Array(docs * dim).map((_, i) => Math.sin(i * 0.37) + Math.cos(i * i));
  const ids = Array.from({ length: docs }, (_, i) => String(i));
  const index = new FlatIndex(ids, vectors, dim);
  const queries = vectors.slice(5 * dim, 14 * dim);
  const together = index.search(queries, 20);
  for (let q = 0; q < 9; q++) {
    t.same(index.search(queries.slice(q * dim, (q + 1) * dim), 20), [together[q]]);
    const exact = ids.map((id, d) => {
      const products = Array.from({ length: dim }, (_, i) => vectors[d * dim + i] * queries[q * dim + i]);
      return { id, score: Math.fround(products.reduce((sum, each) => sum + each, 0)) };
    });
    t.same(together[q], exact.sort(compareHits).slice(0, 20));
  }
});

void t.test('documents that are named get the scores of the search, to the bit', async (t) => {
  const [docs, dim] = [40, 33];
  const vectors = new Float32Array(docs * dim).map((_, i) => Math.sin(i * 0.37) + Math.cos(i * i));
  const ids = Array.from({ length: docs }, (_, i) => `d${i}`);
  const queries = vectors.slice(3 * dim, 8 * dim);
  const named = [['d7'], [], ids, ['d30', 'd2', 'd30'], ['d1', 'd0']];
  for (const similarity of similarities) {
    const index = new FlatIndex(ids, vectors, dim, { similarity });
    const full = index.search(queries, docs);
    t.same(
      index.score(queries, named),
      named.map((some, q) => full[q].filter(({ id }) => some.includes(id))),
      similarity,
    );
  }
  const index = new FlatIndex(ids, vectors, dim);
  t.throws(() => index.score(queries, [['d1']]), /1 lists of documents for 5 queries; pass one a query/);
  t.throws(() => index.score(queries.slice(0, dim), [['d1', 'no']]), /no document has the id/);
  t.throws(() => index.score(queries.slice(0, 5), [['d1']]), /expected a multiple of 33/);
});

void t.test('every similarity as sentence-transformers scores it, ties and blocks as ever', async (t) => {
  const [docs, dim, count] = [70, 1500, 6];
  const value = (i: number) => ((i * 7919) % 13) - 6;
  const vectors = new Float32Array(docs * dim).map((_, i) => value(i));
  vectors.copyWithin(3 * dim, 9 * dim, 10 * dim);
  // Of the same direction, and the zero vector.
  for (let i = 0; i < dim; i++) vectors[5 * dim + i] = 2 * vectors[9 * dim + i];
  vectors.fill(0, 8 * dim, 9 * dim);
  const queries = new Float32Array(count * dim).map((_, i) => value(3 * i + 1));
  const ids = Array.from({ length: docs }, (_, i) => `d${i}`);
  const length = (x: Float32Array) => Math.max(1e-12, Math.sqrt(x.reduce((sum, each) => sum + each * each, 0)));
  const scores: Record<(typeof similarities)[number], (a: Float32Array, b: Float32Array) => number> = {
    dot: (a, b) => a.reduce((sum, each, i) => sum + each * b[i], 0),
    cosine: (a, b) => scores.dot(a, b) / length(a) / length(b),
    euclidean: (a, b) => -Math.sqrt(a.reduce((sum, each, i) => sum + (each - b[i]) ** 2, 0)),
    manhattan: (a, b) => -a.reduce((sum, each, i) => sum + Math.abs(each - b[i]), 0),
  };
  for (const similarity of similarities) {
    const index = new FlatIndex(ids, vectors, dim, { similarity });
    const found = index.search(queries, docs);
    for (let q = 0; q < count; q++) {
      const query = queries.subarray(q * dim, (q + 1) * dim);
      t.same(index.search(query, docs), [found[q]], `${similarity}: alone as in company`);
      const exact = new Map(
        ids.map((id, d) => [id, scores[similarity](vectors.subarray(d * dim, (d + 1) * dim), query)]),
      );
      t.ok(found[q].every(({ id, score }) => Math.abs(score - exact.get(id)!) <= 1e-7 * Math.max(1, Math.abs(score))));
      t.same(found[q], [...found[q]].sort(compareHits), `${similarity}: in order`);
      const scoreOf = (id: string) => found[q].find((hit) => hit.id === id)!.score;
      t.equal(scoreOf('d3'), scoreOf('d9'), 'equal vectors tie');
      if (similarity === 'cosine') t.same([scoreOf('d5'), scoreOf('d8')], [scoreOf('d9'), 0], 'and so do directions');
    }
  }
  t.throws(
    () => new FlatIndex(['a'], new Float32Array(1), 1, { similarity: 'l2' as 'dot' }),
    /similarity is "l2"; it must be/,
  );
});

void t.test('refused', async (t) => {
  const two = new Float32Array(2);
  t.throws(() => new FlatIndex(['a'], two, 3), /2 values for 1 documents of dimension 3, expected 3/);
  t.throws(() => new FlatIndex(['a', 'b'], two, 0), /dim = 0, expected a whole number/);
  t.throws(() => new FlatIndex(['a', 'a'], two, 1), /the document id "a" comes twice/);
  t.throws(() => new FlatIndex(['a', 'b'], Float32Array.of(1, NaN), 1), /the vector of document "b" contains NaN/);
  const index = new FlatIndex(['a'], two, 2);
  t.throws(() => index.search(new Float32Array(3), 1), /3 query values, expected a multiple of 2/);
  t.throws(() => index.search(Float32Array.of(0, 0, Infinity, 0), 1), /query 1 contains Infinity/);
  t.throws(() => index.search(two, 1.5), /k = 1.5 documents; k must be a whole number/);
});

const IDS = ['1', 'zwei', '三', 'with "quotes"\nand lines', ''];
const example = (): FlatIndex =>
  new FlatIndex(
    IDS,
    new Float32Array(IDS.length * 3).map((_, i) => Math.fround(Math.sin(i) * 1e-3)),
    3,
  );

void t.test('file: round trip, bit for bit, over an older file', async (t) => {
  const file = join(t.testdir(), 'passages.index');
  await saveIndex(new FlatIndex([], new Float32Array(0), 8), file);
  t.same((await loadIndex(file)).dim, 8, 'an empty index');
  await saveIndex(example(), file);
  const read = (await loadIndex(file)) as FlatIndex;
  t.same([read.ids, read.dim, read.vectors], [IDS, 3, example().vectors]);
  t.same(read.search(Float32Array.of(1, 2, 3), 5), example().search(Float32Array.of(1, 2, 3), 5));
  t.same(await readdir(t.testdirName), ['passages.index'], 'nothing else is left');
});

void t.test('file: similarity and model are kept; those that older versions wrote have none', async (t) => {
  const file = join(t.testdir(), 'passages.index');
  for (const similarity of similarities) {
    await saveIndex(new FlatIndex(['a'], Float32Array.of(3, 4), 2, { similarity, model: 'sha256:1' }), file);
    const read = await loadIndex(file);
    t.same([read.similarity, read.model], [similarity, 'sha256:1']);
  }
  const ids = new TextEncoder().encode('["a"]');
  const write = (metadata: Record<string, string>) =>
    writeFile(
      file,
      Buffer.concat(
        writeSafetensors(
          [
            ['embeddings', { shape: [1, 2], data: Float32Array.of(3, 4) }],
            ['ids', { shape: [ids.length], data: ids }],
          ],
          { kind: 'retromae.flat-index.1', ...metadata },
        ),
      ),
    );
  await write({});
  const old = await loadIndex(file);
  t.same([old.similarity, old.model], ['dot', undefined]);
  t.same(old.search(Float32Array.of(1, 1), 1), [[{ id: 'a', score: 7 }]]);
  await write({ similarity: 'l2' });
  await t.rejects(
    loadIndex(file),
    /passages\.index: similarity is "l2", expected one of cosine, dot, euclidean, manhattan/,
  );
});

void t.test('file: cut short anywhere, or longer', async (t) => {
  const file = join(t.testdir(), 'passages.index');
  await saveIndex(example(), file);
  const bytes = await readFile(file);
  for (let length = 0; length < bytes.length; length += 7) {
    await writeFile(file, bytes.subarray(0, length));
    await t.rejects(
      loadIndex(file),
      { message: /passages\.index.*(not a safetensors file|cut short)/ },
      `${length} bytes`,
    );
  }
  await writeFile(file, Buffer.concat([bytes, Buffer.from('x')]));
  await t.rejects(loadIndex(file), /passages\.index.*1 bytes after the last tensor/);
});

void t.test('file: other things than an index', async (t) => {
  const dir = t.testdir();
  const file = join(dir, 'x.index');
  const write = (ids: string, rows: number, kind = 'retromae.flat-index.1') => {
    const bytes = new TextEncoder().encode(ids);
    const tensors = [
      ['embeddings', { shape: [rows, 2], data: new Float32Array(rows * 2) }],
      ['ids', { shape: [bytes.length], data: bytes }],
    ] as const;
    return writeFile(file, Buffer.concat(writeSafetensors(tensors, { kind })));
  };
  await write('["a"]', 1, 'a model');
  await t.rejects(loadIndex(file), /x\.index: not an index, expected metadata kind/);
  await write('["a"]', 2);
  await t.rejects(loadIndex(file), /1 ids for 2 embeddings/);
  await write('["a", 1]', 2);
  await t.rejects(loadIndex(file), /"ids" is not a JSON array of strings/);
  await write('["a"', 1);
  await t.rejects(loadIndex(file), /"ids" is not a JSON array of strings/);
  await write('["a", "a"]', 2);
  await t.rejects(loadIndex(file), /the document id "a" comes twice/);
  await t.rejects(loadIndex(join(dir, 'none')), /none: the index cannot be read \(ENOENT.*write one with/);
});

void t.test('file: a failed write leaves what was there', async (t) => {
  const dir = t.testdir();
  await mkdir(join(dir, 'taken'));
  await t.rejects(
    saveIndex(example(), join(dir, 'taken')),
    /taken: cannot be written, a folder is in its place, expected a file/,
  );
  await t.rejects(
    saveIndex(example(), join(dir, 'no', 'folder')),
    /cannot be written, the folder around it does not exist \(ENOENT\)/,
  );
  t.same(await readdir(dir), ['taken']);
});
