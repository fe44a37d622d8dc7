// modules.json of sentence-transformers: which modules a folder's vectors go through, in order, and where each lies.
import { readFile } from 'node:fs/promises';
import { isAbsolute, join, normalize } from 'node:path';
import { isFile, parseJsonFile, readJsonObject } from '../data/index.js';
import { fileNames } from './model-files.js';

/** What config.json calls a folder of model2vec. */
export const MODEL2VEC = 'model2vec';

/** One entry of modules.json. */
export interface Module {
  /** The last part of its type: Transformer, Pooling, Dense … */
  readonly kind: string;
  /** Where its files are. */
  readonly folder: string;
}

export interface Modules {
  readonly file: string;
  /** What turns tokens into vectors. */
  readonly kind: 'Transformer' | 'StaticEmbedding';
  /** Where its config.json, weights and tokenizer are. */
  readonly encoder: string;
  /** Those after the encoder; undefined if the folder does not say. */
  readonly others: readonly Module[] | undefined;
}

/**
 * Reads modules.json: an encoder, then others. A folder without it is an encoder, and does not say what comes after.
 * @throws naming the file: not a list of modules, one outside of the folder, of foreign code, or another one first
 */
export async function readModules(dir: string): Promise<Modules> {
  const file = join(dir, fileNames.modules);
  if (!(await isFile(file))) {
    const { model_type: type } = await readJsonObject(join(dir, fileNames.config)).catch(() => ({ model_type: '' }));
    return { file, kind: type === MODEL2VEC ? 'StaticEmbedding' : 'Transformer', encoder: dir, others: undefined };
  }
  const list = parseJsonFile(file, await readFile(file, 'utf8'));
  if (!Array.isArray(list) || list.length === 0)
    throw new Error(`${file}: expected a list of modules; copy or write it again.`);
  const [first, ...others] = list.map((entry: unknown, i) => moduleOf(dir, file, entry, i));
  const { kind, folder: encoder } = first;
  if (kind !== 'Transformer' && kind !== 'StaticEmbedding')
    throw new Error(
      `${file}: the first module is ${kind}, which is not built here; only Transformer and StaticEmbedding are.`,
    );
  return { file, kind, encoder, others };
}

/** Names from before classes had a file of their own ("models.pooling") are those of today in other letters. */
const KINDS = [
  'Transformer',
  'StaticEmbedding',
  'WordWeights',
  'Pooling',
  'Dense',
  'LayerNorm',
  'Normalize',
  'Dropout',
];
const plain = (name: string): string => name.replaceAll('_', '').toLowerCase();

function moduleOf(dir: string, file: string, entry: unknown, i: number): Module {
  const { type, path } = (typeof entry === 'object' && entry !== null ? entry : {}) as Record<string, unknown>;
  if (typeof type !== 'string' || typeof path !== 'string')
    throw new Error(`${file}: module ${i} has no type and path that are texts; copy or write it again.`);
  if (!type.startsWith('sentence_transformers.'))
    throw new Error(`${file}: module ${i} is ${JSON.stringify(type)}, code of the model's own, which is not run here.`);
  if (isAbsolute(path) || /^\.\.([\\/]|$)/.test(normalize(path)) || path.includes('\0'))
    throw new Error(`${file}: module ${i} lies at ${JSON.stringify(path)}, which is outside of the model's folder.`);
  const name = type.slice(type.lastIndexOf('.') + 1);
  const kind = KINDS.find((known) => plain(known) === plain(name)) ?? name;
  return { kind, folder: join(dir, path) };
}
