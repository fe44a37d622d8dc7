// Spoils a golden file.
import { readFile, writeFile } from 'node:fs/promises';

/** Multiplies the largest number of a tensor by `factor`. */
export async function scaleLargest(file: string, tensor: string, factor: number): Promise<void> {
  const bytes = await readFile(file);
  const start = 8 + Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.toString('utf8', 8, start)) as Record<string, { data_offsets: [number, number] }>;
  const [from, to] = header[tensor].data_offsets;
  const places = Array.from({ length: (to - from) / 4 }, (_, i) => start + from + 4 * i);
  const size = (at: number) => Math.abs(bytes.readFloatLE(at));
  const largest = places.reduce((best, at) => (size(at) > size(best) ? at : best));
  bytes.writeFloatLE(bytes.readFloatLE(largest) * factor, largest);
  await writeFile(file, bytes);
}
