// An index on disk, as one safetensors file. The node:fs part of search.
import { readFile } from 'node:fs/promises';
import { writeFileAtomic } from '../data/index.js';
import { halfBits, SafetensorsFile, similarities, writeSafetensors } from '../nn/index.js';
import type { HostTensor, Similarity, WrittenTensor } from '../nn/index.js';
import { DupmaeIndex } from './dupmae-index.js';
import { FlatIndex, type FlatIndexOptions } from './search.js';
import { BitVectors, ByteVectors, HalfVectors, vectorFormats, type VectorStore, WholeVectors } from './vector-store.js';

/** In the metadata, so that a model's weights are not taken for an index. */
const FLAT = 'retromae.flat-index.1';
const DUPMAE = 'retromae.dupmae-index.1';

/**
 * Writes an index. The file is a safetensors file, which other tools read: `embeddings`, [documents, dimension], F32 or F16,
 * or I8 with a `scale`, F32 [dimension], or the words of bits, I32 [documents, ceil(dimension / 32)], with `mean` and
 * `deviation`, F32 [dimension]; `ids`, U8 [bytes], a JSON array of strings in UTF-8, in the order of the rows; and metadata
 * `kind`, `similarity`, `vectors`, their format, `dim` of queries, where vectors are the first numbers of as many,
 * `represent`, what the vectors are, and `model`, the fingerprint of the model that made it, if they are known. One of
 * DupMAE's representation has `words`, I32 [documents, k], and `weights`, F32 [documents, k], too, and in the metadata
 * `vocabulary`, its size. It appears under its name only when complete; whatever fails, a file that was there stays as it was.
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
  const [metadata, tensors]: [Record<string, string>, Record<string, WrittenTensor>] =
    index instanceof FlatIndex
      ? [{ kind: FLAT, ...known, vectors: index.store.format, dim: String(index.dim) }, index.store.tensors]
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
  const [documents, width] = shape;
  const ids = parseIds(opened.read('ids').data, file);
  if (ids.length !== documents) {
    throw new Error(`${file}: ${ids.length} ids for ${documents} embeddings, expected as many; write the index again.`);
  }
  if (!isSimilarity(similarity))
    throw new Error(
      `${file}: similarity is "${similarity}", expected one of ${similarities.join(', ')}; write the index again.`,
    );
  const build =
    kind === FLAT
      ? flatOf(opened, ids, { similarity, model, represent })
      : dupmaeOf(opened, ids, opened.float32('embeddings').data, width);
  try {
    return build();
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`, { cause: error });
  }
}

/** Reads the vectors in the format that they have, and makes the index when it is called. */
function flatOf(opened: SafetensorsFile, ids: readonly string[], options: FlatIndexOptions) {
  const { vectors: format = 'f32', dim } = opened.metadata;
  const wrong = (fact: string) => new Error(`${opened.file}: ${fact}; write the index again.`);
  const column = (name: string) => opened.float32(name).data;
  const { shape, data } = opened.read('embeddings');
  const open = (): VectorStore => {
    if (format === 'f32' && data instanceof Float32Array) return new WholeVectors(data, shape[1]);
    if (format === 'f16' && data instanceof Float32Array)
      return new HalfVectors(Uint16Array.from(data, halfBits), shape[1]);
    if (format === 'int8' && data instanceof Int8Array && column('scale').length === shape[1])
      return new ByteVectors(data, column('scale'));
    if (format === 'binary' && data instanceof Int32Array) {
      const [mean, deviation] = [column('mean'), column('deviation')];
      if (mean.length === deviation.length && Math.ceil(mean.length / 32) === shape[1])
        return new BitVectors(data, mean, deviation);
    }
    throw wrong(
      `embeddings of format ${JSON.stringify(format)} are ${opened.tensors.get('embeddings')?.dtype} [${shape.join(', ')}], expected one of ${vectorFormats.join(', ')} with what goes with it`,
    );
  };
  const vectors = open();
  const width = dim === undefined ? shape[1] : Number(dim);
  return () => new FlatIndex(ids, vectors, width, options);
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
