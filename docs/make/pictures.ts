// The pictures of the guides: drawn by the examples, and by what lies beside this file.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, posix, resolve } from 'node:path';
import { promisify } from 'node:util';
import { runPicture } from './run-picture.js';
import { streamsPicture } from './streams.js';

const run = promisify(execFile);

/** Which example draws what, under docs/pictures. */
export const pictures: Readonly<Record<string, readonly string[]>> = {
  '03-attention.js': ['attention.svg'],
  '04-masks.js': ['masks.svg'],
};

export interface Picture {
  readonly path: string;
  readonly svg: string;
}

/** The pictures that need no example. */
export const ownPictures = async (root: string): Promise<Picture[]> => [
  { path: 'docs/pictures/streams.svg', svg: streamsPicture() },
  { path: 'docs/pictures/run.svg', svg: await runPicture(root) },
];

/** All pictures; runs the examples that draw. @throws what an example throws */
export async function drawn(root: string): Promise<Picture[]> {
  const all = await ownPictures(root);
  for (const [example, names] of Object.entries(pictures)) {
    const cwd = await mkdtemp(join(tmpdir(), 'docs-'));
    try {
      await run(process.execPath, [resolve(root, 'examples', example)], { cwd });
      for (const name of names)
        all.push({ path: posix.join('docs/pictures', name), svg: await readFile(join(cwd, 'runs', name), 'utf8') });
    } finally {
      await rm(cwd, { recursive: true });
    }
  }
  return all;
}
