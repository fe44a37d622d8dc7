// Weights in another precision, tensor by tensor, in as many files as their bytes ask for.
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bfloatBits, halfBits, safetensorsHeader, type SafetensorsFile } from '../nn/index.js';
import { asJson, fileNames } from './model-files.js';
import { withSafetensors } from './safetensors.js';

type Precision = 'F32' | 'F16' | 'BF16';

interface Placed {
  readonly file: SafetensorsFile;
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly bytes: number;
}

const FLOATS = ['F64', 'F32', 'F16', 'BF16'];

/**
 * Writes the tensors of files into `folder`.
 * @param most bytes of a file; a tensor that is larger has a file of its own
 * @returns the files written, with their bytes
 */
export function writeConverted(
  paths: readonly string[],
  folder: string,
  precision: Precision,
  most: number,
): Map<string, number> {
  return withSafetensors(paths, (files) => {
    const shards: Placed[][] = [[]];
    let filled = 0;
    for (const file of files)
      for (const [name, { dtype, shape, begin, end }] of file.tensors) {
        const count = shape.reduce((size, n) => size * n, 1);
        const isReal = FLOATS.includes(dtype);
        const bytes = isReal ? count * (precision === 'F32' ? 4 : 2) : end - begin;
        if (filled > 0 && filled + bytes > most) {
          shards.push([]);
          filled = 0;
        }
        filled += bytes;
        shards.at(-1)!.push({ file, name, shape, dtype: isReal ? precision : dtype, bytes });
      }
    const written = new Map<string, number>();
    const places: Record<string, string> = {};
    for (const [i, tensors] of shards.entries()) {
      const numbered = (n: number) => String(n).padStart(5, '0');
      const name =
        shards.length === 1 ? fileNames.weights : `model-${numbered(i + 1)}-of-${numbered(shards.length)}.safetensors`;
      tensors.forEach((tensor) => (places[tensor.name] = name));
      writeChunks(join(folder, name), chunksOf(tensors, precision));
      written.set(
        name,
        tensors.reduce((sum, { bytes }) => sum + bytes, 0),
      );
    }
    if (shards.length > 1) {
      const total_size = [...written.values()].reduce((a, b) => a + b, 0);
      writeFileSync(join(folder, fileNames.index), asJson({ metadata: { total_size }, weight_map: places }));
    }
    return written;
  });
}

function writeChunks(path: string, chunks: Iterable<Uint8Array>): void {
  const file = openSync(path, 'wx');
  try {
    for (const chunk of chunks) writeFileSync(file, chunk);
  } finally {
    closeSync(file);
  }
}

/** The header, then each tensor when its turn comes. */
function* chunksOf(tensors: readonly Placed[], precision: Precision): Generator<Uint8Array> {
  // Wider elements first, so that each is aligned.
  const ordered = [...tensors].sort((a, b) => widthOf(b) - widthOf(a));
  yield safetensorsHeader(ordered.map(({ name, shape, dtype }) => [name, { shape, dtype: dtype as Precision }]));
  for (const { file, name, dtype } of ordered) {
    const data = dtype === precision ? converted(file.float32(name).data, precision) : file.read(name).data;
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
}

const widthOf = ({ bytes, shape }: Placed): number =>
  bytes /
  Math.max(
    1,
    shape.reduce((size, n) => size * n, 1),
  );

const converted = (values: Float32Array, precision: Precision): Float32Array | Uint16Array =>
  precision === 'F32' ? values : Uint16Array.from(values, precision === 'F16' ? halfBits : bfloatBits);
