// Documents that say nearly the same, found by MinHash (Broder, 1997): they are never each other's negatives.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isThere, writeFileAtomic } from '../data/index.js';
import { passageOf } from '../retromae/index.js';
import type { TokenFile } from '../train/index.js';

/** Tokens in a shingle. */
const SHINGLE = 5;
/** Two documents are of one cluster if all hashes of a band agree: at a similarity of 0.7, 9 times of 10; at 0.3, 1 of 100. */
const BANDS = 20;
const ROWS = 6;

const FILE = 'clusters.bin';

export const hasClusters = (dir: string): Promise<boolean> => isThere(join(dir, FILE));

/** The cluster of each document, by the number of its first; undefined if nobody looked. */
export async function readClusters(dir: string): Promise<Uint32Array | undefined> {
  const path = join(dir, FILE);
  return (await hasClusters(dir)) ? new Uint32Array(Uint8Array.from(await readFile(path)).buffer) : undefined;
}

/** Finds the clusters of documents and writes them into their folder. @returns how many documents are of another's cluster */
export async function writeClusters(dir: string, documents: Iterable<ArrayLike<number>>): Promise<number> {
  const clusters = clustersOf(documents);
  await writeFileAtomic(join(dir, FILE), new Uint8Array(clusters.buffer as ArrayBuffer));
  return clusters.reduce((count, first, document) => count + Number(first !== document), 0);
}

/** The tokens of one document of a corpus after the other. */
export function* documentsOf(file: TokenFile): Generator<number[]> {
  let tokens: number[] = [];
  let current = 0;
  for (let i = 0; i < file.length; i++) {
    const { documentId = i, ids } = passageOf(file.at(i));
    if (documentId !== current) {
      yield tokens;
      tokens = [];
      current = documentId;
    }
    for (let at = 0; at < ids.length; at++) tokens.push(ids[at]);
  }
  yield tokens;
}

/** The cluster of each document, named by its first. Documents shorter than a shingle are equal only if all is. */
export function clustersOf(documents: Iterable<ArrayLike<number>>): Uint32Array {
  const parents: number[] = [];
  const find = (document: number): number => {
    let root = document;
    while (parents[root] !== root) root = parents[root];
    return root;
  };
  const buckets = new Map<string, number>();
  for (const tokens of documents) {
    const document = parents.length;
    parents.push(document);
    const hashes = minHashes(tokens);
    for (let band = 0; band < BANDS; band++) {
      const key = `${band}:${hashes.subarray(band * ROWS, (band + 1) * ROWS).join()}`;
      const other = buckets.get(key);
      if (other === undefined) buckets.set(key, document);
      else {
        const [a, b] = [find(other), find(document)];
        parents[Math.max(a, b)] = Math.min(a, b);
      }
    }
  }
  return Uint32Array.from(parents, (_, document) => find(document));
}

/** The least hash of all shingles, under each of so many hash functions. */
function minHashes(tokens: ArrayLike<number>): Uint32Array {
  const least = new Uint32Array(BANDS * ROWS).fill(2 ** 32 - 1);
  for (let at = 0; at === 0 || at + SHINGLE <= tokens.length; at++) {
    let shingle = 0x811c9dc5;
    for (let i = at; i < Math.min(at + SHINGLE, tokens.length); i++) shingle = mixed(shingle ^ tokens[i]);
    for (let h = 0; h < least.length; h++) {
      const hash = mixed(shingle ^ Math.imul(h + 1, 0x9e3779b1));
      if (hash < least[h]) least[h] = hash;
    }
  }
  return least;
}

/** A bijection of 32 bits in which every bit depends on every other (the finalizer of MurmurHash3, Appleby). */
function mixed(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
