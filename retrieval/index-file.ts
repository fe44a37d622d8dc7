// A FlatIndex on disk, as one safetensors file. The node:fs part of search.
import { readFile } from 'node:fs/promises';
import { writeFileAtomic } from '../data/index.js';
import { SafetensorsFile, similarities, writeSafetensors, type HostTensor, type Similarity } from '../nn/index.js';
import { FlatIndex } from './search.js';

/** In the metadata, so that a model's weights are not taken for an index. */
const FORMAT = 'retromae.flat-index.1';

/**
 * Writes an index. The file is a safetensors file, which other tools read: `embeddings`, F32 [documents, dimension];
 * `ids`, U8 [bytes], a JSON array of strings in UTF-8, in the order of the rows; and metadata `kind`, `similarity`, and
 * `model`, the fingerprint of the model that made it, if it is known. It appears under
 * its name only when complete; whatever fails, a file that was there stays as it was.
 * @throws WriteError naming the file
 */
export async function saveIndex(index: FlatIndex, file: string): Promise<void> {
  const ids = new TextEncoder().encode(JSON.stringify(index.ids));
  const chunks = writeSafetensors(
    [
      ['embeddings', { shape: [index.size, index.dim], data: index.vectors }],
      ['ids', { shape: [ids.length], data: ids }],
    ],
    { kind: FORMAT, similarity: index.similarity, ...(index.model !== undefined && { model: index.model }) },
  );
  await writeFileAtomic(file, chunks);
}

/**
 * Reads what `saveIndex` wrote, up to 2 GiB. An index without `similarity`, as version 0.2 wrote them, is compared by dot
 * product.
 * @throws if the file is missing, cut short, damaged or something else
 */
export async function loadIndex(file: string): Promise<FlatIndex> {
  const bytes = await readFile(file).catch((error: Error) => {
    throw new Error(`${file}: the index cannot be read (${error.message}); write one with \`retromae encode\`.`, {
      cause: error,
    });
  });
  const opened = new SafetensorsFile(bytes, file);
  const shape = opened.tensors.get('embeddings')?.shape ?? [];
  if (opened.metadata.kind !== FORMAT || shape.length !== 2) {
    throw new Error(
      `${file}: not an index, expected metadata kind "${FORMAT}" and embeddings [documents, dimension]; write one with \`retromae encode\`.`,
    );
  }
  const [documents, dim] = shape;
  const ids = parseIds(opened.read('ids').data, file);
  if (ids.length !== documents) {
    throw new Error(`${file}: ${ids.length} ids for ${documents} embeddings, expected as many; write the index again.`);
  }
  const { similarity = 'dot', model } = opened.metadata;
  if (!isSimilarity(similarity))
    throw new Error(
      `${file}: similarity is "${similarity}", expected one of ${similarities.join(', ')}; write the index again.`,
    );
  const vectors = opened.float32('embeddings').data;
  try {
    return new FlatIndex(ids, vectors, dim, { similarity, model });
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`, { cause: error });
  }
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
