// Safetensors files on disk, opened for as long as they are read.
import { FileSource } from '../data/index.js';
import { SafetensorsFile } from '../nn/index.js';

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
      return new SafetensorsFile(source, path);
    });
    return use(files);
  } finally {
    for (const source of sources) source.close();
  }
}
