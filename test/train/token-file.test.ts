// A tokenised corpus: what is written comes back block by block, with its document, sentences, title and words.
import { copyFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { PackedBlock } from '../../data/index.js';
import { passageOf, type Passage } from '../../retromae/index.js';
import { TokenFile } from '../../train/token-file.js';
import { writeTokens } from '../../train/token-writer.js';
import { tokenizer } from '../retromae/tiny.js';

const block = (ids: number[], sentences: number[], continues?: number[]): PackedBlock => ({
  ids: Int32Array.from(ids),
  sentences: Int32Array.from(sentences),
  ...(continues && { continues: Uint8Array.from(continues) }),
});

const documents = [
  { title: Int32Array.of(20, 21), blocks: [block([20, 21, 5, 6], [0, 2]), block([7, 8, 9], [0, 1], [0, 0, 1])] },
  { title: Int32Array.of(), blocks: [] },
  { title: Int32Array.of(), blocks: [block([10], [0])] },
];

async function written(t: Test, words = true): Promise<string> {
  const dir = join(t.testdir({}), 'tokens');
  await writeTokens(dir, tokenizer, documents, { words });
  return dir;
}

const plain = ({ ids, sentences, continues, title, documentId, siblings }: Passage) => ({
  ...{ ids: Array.from(ids), sentences: Array.from(sentences), title: Array.from(title), documentId },
  ...{ continues: continues && Array.from(continues), count: siblings.count, place: siblings.place },
});

void t.test('blocks, and what is known of them', async (t) => {
  const file = await TokenFile.open(await written(t));
  t.teardown(() => file.close());
  t.equal(file.length, 3);
  t.equal(file.tokens, 8);
  const passages = [0, 1, 2].map((i) => passageOf(file.at(i)));
  t.same(passages.map(plain), [
    { ids: [20, 21, 5, 6], sentences: [0, 2], title: [], documentId: 0, continues: [0, 0, 0, 0], count: 2, place: 0 },
    { ids: [7, 8, 9], sentences: [0, 1], title: [20, 21], documentId: 0, continues: [0, 0, 1], count: 2, place: 1 },
    { ids: [10], sentences: [0], title: [], documentId: 1, continues: [0], count: 1, place: 0 },
  ]);
  t.same(plain(passages[0].siblings.at(1)), plain(passages[1]));
  const without = await TokenFile.open(await written(t, false));
  t.teardown(() => without.close());
  t.equal(passageOf(without.at(1)).continues, undefined);
});

void t.test('a folder that is not whole is refused', async (t) => {
  const dir = await written(t);
  const refused = (what: string) => t.rejects(TokenFile.open(dir), /not a whole tokenised corpus/, what);
  for (const name of ['tokens', 'blocks', 'sentences', 'documents', 'titles', 'words']) {
    const path = join(dir, `${name}.bin`);
    copyFileSync(path, `${path}.kept`);
    truncateSync(path, Math.max(0, readFileSync(path).length - 1));
    await refused(`${name} is short`);
    copyFileSync(`${path}.kept`, path);
  }
  const path = join(dir, 'blocks.bin');
  const numbers = readFileSync(path);
  numbers.writeUInt32LE(3, 0);
  writeFileSync(path, numbers);
  await refused('lengths that do not add up');
  t.equal(copyFileSync(`${path}.kept`, path), undefined);
  const about = JSON.parse(readFileSync(join(dir, 'about.json'), 'utf8')) as Record<string, unknown>;
  for (const change of [{ format: 'other' }, { blocks: 4 }, { titles: 1 }, { words: false, tokens: 7 }, { data: 3 }]) {
    writeFileSync(join(dir, 'about.json'), JSON.stringify({ ...about, ...change }));
    await refused(JSON.stringify(change));
  }
  writeFileSync(join(dir, 'about.json'), JSON.stringify(about));
  (await TokenFile.open(dir)).close();
});

void t.test('a corpus without text', async (t) => {
  const dir = join(t.testdir({}), 'tokens');
  await t.rejects(writeTokens(dir, tokenizer, [documents[1]]), /the corpus has no text to train on/);
});
