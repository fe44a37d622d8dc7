// A pre-training run of four steps on twelve sentences, in a folder of its own.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { PretrainSettings } from '../../train/index.js';

/** A temporary folder with the corpus, for the lifetime of the test. */
export function folderFor(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'tiny-run-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const texts = Array.from({ length: 12 }, (_, i) =>
    JSON.stringify({ text: `the ${i} canals and ${'locks '.repeat(1 + (i % 5))}` }),
  );
  writeFileSync(join(dir, 'corpus.jsonl'), texts.join('\n'));
  return dir;
}

/** Settings of the run `name` in such a folder. */
export const tinySettings = (dir: string, name: string): Partial<PretrainSettings> => ({
  ...{ corpus: join(dir, 'corpus.jsonl'), out: join(dir, name), seq: 16, batch: 2, vocabSize: 60 },
  ...{ layers: 1, hidden: 8, heads: 2, steps: 4, saveEvery: 2, keep: 5, evalEvery: 0, workers: 0 },
});
