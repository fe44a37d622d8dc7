// Safetensors files on disk, opened for as long as they are read.
import { FileSource, refusePointer } from '../data/index.js';
import { SafetensorsFile } from '../nn/index.js';

/** Bytes of a file that a Git LFS pointer would begin with; it has some 130. */
const POINTER_SIZE = 64;

/**
 * Opens safetensors files for the time that `use` takes. All headers are checked before it begins.
 * @throws naming the file: not there, cut short, or with a header that is not true
 */
export function withSafetensors<T>(paths: readonly string[], use: (files: readonly SafetensorsFile[]) => T): T {
  const sources: FileSource[] = [];
  try {
    const files = paths.map((path) => {
      const source = new FileSource(path);
      sources.push(source);
      refusePointer(path, source.read(0, Math.min(source.size, POINTER_SIZE)));
      return new SafetensorsFile(source, path);
    });
    return use(files);
  } finally {
    for (const source of sources) source.close();
  }
}
