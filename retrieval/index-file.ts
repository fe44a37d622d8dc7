// An index on disk, as one safetensors file. The node:fs part of search.
import { readFile } from 'node:fs/promises';
import { writeFileAtomic } from '../data/index.js';
import { SafetensorsFile, similarities, writeSafetensors, type HostTensor, type Similarity } from '../nn/index.js';
import { DupmaeIndex } from './dupmae-index.js';
import { FlatIndex } from './search.js';

/** In the metadata, so that a model's weights are not taken for an index. */
const FLAT = 'retromae.flat-index.1';
const DUPMAE = 'retromae.dupmae-index.1';

/**
 * Writes an index. The file is a safetensors file, which other tools read: `embeddings`, F32 [documents, dimension]; `ids`,
 * U8 [bytes], a JSON array of strings in UTF-8, in the order of the rows; and metadata `kind`, `similarity`, `represent`, what
 * the vectors are, and `model`, the fingerprint of the model that made it, if they are known. One of DupMAE's representation
 * has `words`, I32 [documents, k], and `weights`, F32 [documents, k], too, and in the metadata `vocabulary`, its size. It
 * appears under its name only when complete; whatever fails, a file that was there stays as it was.
 * @throws WriteError naming the file
 */
export async function saveIndex(index: FlatIndex | DupmaeIndex, file: string): Promise<void> {
  const { size, similarity, model, represent } = index;
  const ids = new TextEncoder().encode(JSON.stringify(index.ids));
  const known = {
    similarity,
    ...(represent !== undefined && { represent }),
    ...(model !== undefined && { model }),
  };
  const rows = (data: HostTensor['data'], width: number): HostTensor => ({ shape: [size, width], data });
  const [metadata, tensors]: [Record<string, string>, Record<string, HostTensor>] =
    index instanceof FlatIndex
      ? [{ kind: FLAT, ...known }, { embeddings: rows(index.vectors, index.dim) }]
      : [
          { kind: DUPMAE, ...known, vocabulary: String(index.shape.vocabulary) },
          {
            embeddings: rows(index.documents.vectors, index.shape.dense),
            words: rows(index.documents.words, index.shape.k),
            weights: rows(index.documents.weights, index.shape.k),
          },
        ];
  const all = { ...tensors, ids: { shape: [ids.length], data: ids } };
  await writeFileAtomic(file, writeSafetensors(Object.entries(all), metadata));
}

/**
 * Reads what `saveIndex` wrote, up to 2 GiB. An index without `similarity`, as version 0.2 wrote them, is compared by dot
 * product.
 * @throws if the file is missing, cut short, damaged or something else
 */
export async function loadIndex(file: string): Promise<FlatIndex | DupmaeIndex> {
  const bytes = await readFile(file).catch((error: Error) => {
    throw new Error(`${file}: the index cannot be read (${error.message}); write one with \`retromae encode\`.`, {
      cause: error,
    });
  });
  const opened = new SafetensorsFile(bytes, file);
  const { kind, similarity = 'dot', model, represent } = opened.metadata;
  const shape = opened.tensors.get('embeddings')?.shape ?? [];
  if ((kind !== FLAT && kind !== DUPMAE) || shape.length !== 2)
    throw new Error(
      `${file}: not an index, expected metadata kind "${FLAT}" or "${DUPMAE}" and embeddings [documents, dimension]; write one with \`retromae encode\`.`,
    );
  const [documents, dim] = shape;
  const ids = parseIds(opened.read('ids').data, file);
  if (ids.length !== documents) {
    throw new Error(`${file}: ${ids.length} ids for ${documents} embeddings, expected as many; write the index again.`);
  }
  if (!isSimilarity(similarity))
    throw new Error(
      `${file}: similarity is "${similarity}", expected one of ${similarities.join(', ')}; write the index again.`,
    );
  const vectors = opened.float32('embeddings').data;
  const build =
    kind === FLAT
      ? () => new FlatIndex(ids, vectors, dim, { similarity, model, represent })
      : dupmaeOf(opened, ids, vectors, dim);
  try {
    return build();
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`, { cause: error });
  }
}

/** Reads words and weights, and makes the index when it is called. */
function dupmaeOf(opened: SafetensorsFile, ids: readonly string[], vectors: Float32Array, dense: number) {
  const { model, vocabulary } = opened.metadata;
  const { shape, data: words } = opened.read('words');
  if (!(words instanceof Int32Array) || shape.length !== 2)
    throw new Error(`${opened.file}: words are not I32 [documents, k]; write the index again.`);
  const weights = opened.float32('weights').data;
  const size = { dense, k: shape[1], vocabulary: Number(vocabulary) };
  return () => new DupmaeIndex(ids, { vectors, words, weights }, size, model);
}

const isSimilarity = (name: string): name is Similarity => (similarities as readonly string[]).includes(name);

function parseIds(data: HostTensor['data'], file: string): string[] {
  try {
    const ids: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));
    if (Array.isArray(ids) && ids.every((id) => typeof id === 'string')) return ids;
  } catch {
    // Reported below, with what is JSON but not such an array.
  }
  throw new Error(`${file}: the tensor "ids" is not a JSON array of strings in UTF-8; write the index again.`);
}
