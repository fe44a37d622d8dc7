// Lines of a UTF-8 text file, streamed, each with its number. The node:fs part of reading text.
import { open } from 'node:fs/promises';

export interface Line {
  /** "FILE:LINE", for errors. */
  readonly at: string;
  readonly text: string;
}

/**
 * Yields every line without its end (\n or \r\n); a byte order mark at the start is dropped.
 * @throws if the file cannot be read, or a line is not UTF-8
 */
export async function* readLines(file: string): AsyncGenerator<Line> {
  const handle = await open(file).catch((error: Error) => {
    throw new Error(
      `${file}: cannot be read (${error.message}), expected a text file; check the path and its permissions.`,
      {
        cause: error,
      },
    );
  });
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let number = 0;
  const line = (bytes: Uint8Array): Line => {
    const at = `${file}:${++number}`;
    try {
      const text = decoder.decode(bytes);
      return { at, text: text.endsWith('\r') ? text.slice(0, -1) : text };
    } catch {
      throw new Error(`${at}: not valid UTF-8, expected UTF-8 text; convert the file, with iconv for instance.`);
    }
  };
  let pending: Uint8Array[] = [];
  for await (const chunk of handle.createReadStream({ highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      yield line(Buffer.concat([...pending, chunk.subarray(start, end)]));
      pending = [];
      start = end + 1;
    }
    if (start < chunk.length) pending.push(chunk.subarray(start));
  }
  if (pending.length > 0) yield line(Buffer.concat(pending));
}
