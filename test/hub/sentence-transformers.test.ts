// Folders that sentence-transformers wrote: its vectors and scores, to 1e-6, of documents and queries, by the folder's own
// similarity. NAME/ is a folder, NAME.expected.json what sentence-transformers 6 computes of it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { setBackend } from '../../core/index.js';
import { isStatic, loadModel, loadStatic } from '../../hub/index.js';
import { openBackend } from '../../kernels/index.js';
import { BertEncoder, FlatIndex, ModelEncoder } from '../../retrieval/index.js';

/** Our own small ones, those beside the repository, and any that RETROMAE_SENTENCE_FOLDERS names. */
const places = [
  join(process.cwd(), 'test', 'hub', 'sentence-folders'),
  join(process.cwd(), '..', 'shared', 'golden', 'sentence-transformers'),
  ...(process.env.RETROMAE_SENTENCE_FOLDERS?.split(':') ?? []),
];

/** Of the largest number: float32 has 6e-8 of it for a digit, on both sides. */
const LIMIT = 1e-6;

interface Expected {
  texts: string[];
  query: string;
  documents: number[][];
  query_vector: number[];
  similarity: number[];
}

/** The largest difference, as a share of the largest number where that is above 1. */
function farthest(found: ArrayLike<number>, wanted: readonly number[]): number {
  if (found.length !== wanted.length) return Infinity;
  const scale = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  return wanted.reduce((most, value, i) => Math.max(most, Math.abs(value - found[i]) / scale), 0);
}

async function bertEncoder(dir: string) {
  const folder = await loadModel(dir);
  return { ...folder, encoder: new BertEncoder(folder.model, folder.tokenizer, folder) };
}

async function staticEncoder(dir: string) {
  const folder = await loadStatic(dir);
  return { ...folder, encoder: new ModelEncoder(folder.model, folder.tokenizer, folder) };
}

/** Differences of documents, of the query, and of the scores. */
async function differences(dir: string, expected: Expected) {
  const { similarity, encoder } = (await isStatic(dir)) ? await staticEncoder(dir) : await bertEncoder(dir);
  const documents = await encoder.encode(expected.texts, { role: 'document' });
  const query = await encoder.encode([expected.query], { role: 'query' });
  const ids = expected.texts.map((_, i) => String(i));
  const [hits] = new FlatIndex(ids, documents, encoder.dim, { similarity }).search(query, ids.length);
  const scores = ids.map((id) => hits.find((hit) => hit.id === id)!.score);
  return {
    documents: farthest(documents, expected.documents.flat()),
    query: farthest(query, expected.query_vector),
    scores: farthest(scores, expected.similarity),
  };
}

const backend = await openBackend('wasm', { threads: 1 });
setBackend(backend);
t.teardown(() => backend.close());

for (const place of places)
  void t.test(place, { skip: !existsSync(place) && 'is not there' }, async (t) => {
    const names = readdirSync(place).filter((name) => existsSync(join(place, `${name}.expected.json`)));
    t.ok(names.length > 0, 'there are folders');
    for (const name of names) {
      const expected = JSON.parse(readFileSync(join(place, `${name}.expected.json`), 'utf8')) as Expected;
      const found = await differences(join(place, name), expected);
      const row = Object.entries(found).map(([what, far]) => `${what} ${far.toExponential(1)}`);
      t.ok(
        Object.values(found).every((far) => far <= LIMIT),
        `${name.padEnd(32)} ${row.join('  ')}`,
      );
    }
  });
