// Model folders on disk: written so that they appear whole, read with nothing in them trusted. After Hugging Face's layout.
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Random } from '../core/index.js';
import { isFile, loadTokenizer, readJsonObject, writeDirAtomic, writeError, writeFileAtomic } from '../data/index.js';
import type { WordPiece } from '../data/index.js';
import { BertForMaskedLM, BertHead, configFromHuggingFace, loadWeights, parameters } from '../nn/index.js';
import type { BertConfig, LoadReport, SafetensorsFile } from '../nn/index.js';
import type { Similarity } from './model-card.js';
import { encoderOf, fileNames, headOf, modelFiles, type ModelFilesOptions } from './model-files.js';
import { withSafetensors } from './safetensors.js';

/** What was trained beside a model, as a checkpoint has it; the name is that of 0.1, whatever the objective. */
export const HEAD_FILE = join('training_state', 'decoder.safetensors');

/**
 * Writes a model as a Hugging Face folder: encoder and MLM head, tokenizer, settings for sentence-transformers, card.
 * A folder that is new or empty appears whole. In one that holds other things these stay, and the model's files are
 * replaced one by one, each atomically, the weights last.
 * @throws WriteError naming the path, with what was there left as it was; Error if tokenizer or length is not the model's
 */
export async function saveModel(
  dir: string,
  model: BertForMaskedLM,
  tokenizer: WordPiece,
  options: ModelFilesOptions,
): Promise<void> {
  const files = await modelFiles(model, tokenizer, options);
  try {
    await mkdir(dirname(dir), { recursive: true });
    if (await isNewOrEmpty(dir)) return await writeDirAtomic(dir, (folder) => writeFiles(folder, files, writeFile));
    await writeFiles(dir, files, writeFileAtomic);
  } catch (error) {
    throw writeError(dir, error);
  }
}

/** Writes every file below `folder`, with the folders on the way, in the order given. */
export async function writeFiles<T>(
  folder: string,
  files: ReadonlyMap<string, T>,
  write: (path: string, data: T) => Promise<void>,
): Promise<void> {
  for (const [path, content] of files) {
    const full = join(folder, path);
    await mkdir(path.endsWith('/') ? full : dirname(full), { recursive: true });
    if (!path.endsWith('/')) await write(full, content);
  }
}

async function isNewOrEmpty(dir: string): Promise<boolean> {
  try {
    return (await readdir(dir)).length === 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
    throw error;
  }
}

export interface LoadedModel {
  model: BertForMaskedLM;
  tokenizer: WordPiece;
  config: BertConfig;
  /** Tokens of the longest text to give it, [CLS] and [SEP] included. */
  maxLength: number;
  /** Which of the last hidden states its vectors are, where the folder says so; else that of [CLS]. */
  pooling: 'cls' | 'mean';
  /** How its vectors are to be compared, where the folder says so; else cosine. */
  similarity: Similarity;
  /** Lines for the user: what the folder lacks, or has and is not used. */
  notes: string[];
}

/**
 * Reads a model folder: one of ours, or any BERT checkpoint in safetensors, in one file or in shards, with the names of
 * today or of Google. A checkpoint without an MLM head gets a fresh one.
 * @param options.random what a fresh head is drawn from
 * @throws naming the file: missing, cut short, with a header that is not true, of other shapes than config.json, or with
 *   a vocabulary of another size or without [MASK]
 */
export async function loadModel(
  dir: string,
  { random = new Random(0) }: { random?: Random } = {},
): Promise<LoadedModel> {
  const config = await configOf(dir);
  const tokenizer = await loadTokenizer(dir);
  if (tokenizer.size !== config.vocab_size)
    throw new Error(
      `${dir}: the tokenizer has ${tokenizer.size} tokens, but vocab_size in ${fileNames.config} is ${config.vocab_size}. Copy the tokenizer of this very model.`,
    );
  const { notes, ...sentence } = await readSentenceSettings(dir, config);
  const paths = await weightFiles(dir);
  return withSafetensors(paths, (files) => {
    const model = new BertForMaskedLM(config, new Undrawn(0));
    if (!hasHead(files)) Object.assign(model, { cls: new BertHead(config, random) });
    return { model, tokenizer, config, ...sentence, notes: [...notes, ...loadEncoder(model, files)] };
  });
}

/** Draws nothing, for weights that a file replaces at once: drawing those of a BERT-base takes longer than reading them. */
class Undrawn extends Random {
  override normal(): number {
    return 0;
  }
}

/**
 * Begins a training with the encoder and the MLM head of a folder, and with what is trained beside them, if one of the same
 * shape is there. The tokenizer has to be the folder's as well. Returns lines for the user.
 * @throws as `loadModel`, or if a dimension of the model is not the folder's; the model may then be half filled
 */
export async function initialise(model: BertForMaskedLM, dir: string): Promise<string[]> {
  const found: Partial<Record<string, unknown>> = { ...(await configOf(dir)) };
  for (const name of DIMENSIONS)
    if (found[name] !== model.config[name])
      throw new Error(
        `${join(dir, fileNames.config)}: ${name} is ${found[name] as number}, but ${model.config[name]} is asked for. Ask for the same, or begin without it.`,
      );
  const notes = withSafetensors(await weightFiles(dir), (files) => loadEncoder(model, files));
  const head = headOf(model);
  if (parameters(head).size === 0) return notes;
  const path = join(dir, HEAD_FILE);
  if (!(await isFile(path))) return [...notes, 'What is trained beside the encoder begins with random weights.'];
  return withSafetensors([path], ([file]) => {
    if (!sameShapes(head, file))
      return [
        ...notes,
        `${path}: is of another shape, so what is trained beside the encoder begins with random weights.`,
      ];
    loadWeights(head, file);
    return notes;
  });
}

const DIMENSIONS = [
  'vocab_size',
  'hidden_size',
  'num_hidden_layers',
  'num_attention_heads',
  'intermediate_size',
  'max_position_embeddings',
  'type_vocab_size',
  'layer_norm_eps',
] as const;

function sameShapes(module: object, { tensors }: SafetensorsFile): boolean {
  const wanted = parameters(module);
  const fits = ([name, { shape }]: readonly [string, { shape: readonly number[] }]): boolean =>
    wanted.get(name)?.shape.join() === shape.join();
  return wanted.size === tensors.size && [...tensors].every(fits);
}

/** The dimensions of a folder's model. @throws naming config.json: missing, malformed, or not a BERT */
export async function configOf(dir: string): Promise<BertConfig> {
  const path = join(dir, fileNames.config);
  return configFromHuggingFace(await readJsonObject(path), path);
}

/** What sentence-transformers' files say, where they are there. */
async function readSentenceSettings(dir: string, config: BertConfig) {
  const optional = async (name: string): Promise<Record<string, unknown>> => {
    const path = join(dir, name);
    return (await isFile(path)) ? await readJsonObject(path) : {};
  };
  const lengths = [
    config.max_position_embeddings,
    (await optional(fileNames.tokenizerConfig)).model_max_length,
    (await optional(fileNames.sentence)).max_seq_length,
  ].filter((length): length is number => typeof length === 'number' && length >= 3);
  const { similarity_fn_name } = await optional(fileNames.sentenceTransformers);
  const similarity: Similarity = similarity_fn_name === 'dot' ? 'dot' : 'cosine';
  const file = join('1_Pooling', fileNames.config);
  const { pooling_mode_cls_token: cls, pooling_mode_mean_tokens: mean, pooling_mode: mode } = await optional(file);
  const pooling: LoadedModel['pooling'] = mode === 'mean' || (cls === false && mean === true) ? 'mean' : 'cls';
  const isOther = pooling === 'cls' && (cls === false || (mode !== undefined && mode !== 'cls'));
  const notes = isOther
    ? [`${join(dir, file)}: the model pools otherwise; here its vector is the last hidden state of [CLS].`]
    : [];
  return { maxLength: Math.min(...lengths), pooling, similarity, notes };
}

/** model.safetensors, or the shards that its index names. */
async function weightFiles(dir: string): Promise<string[]> {
  const single = join(dir, fileNames.weights);
  if (await isFile(single)) return [single];
  const index = join(dir, fileNames.index);
  if (!(await isFile(index)))
    throw new Error(
      `${single}: is not there, nor is ${fileNames.index}; expected a model in safetensors. Check the path, or convert the model (other formats are not read).`,
    );
  const { weight_map: map } = await readJsonObject(index);
  const shards = typeof map === 'object' && map !== null ? [...new Set(Object.values(map) as unknown[])] : [];
  const isName = (shard: unknown): shard is string => typeof shard === 'string' && basename(shard) === shard;
  if (shards.length === 0 || !shards.every(isName))
    throw new Error(`${index}: weight_map must name a file of this folder for each tensor; copy the index again.`);
  return shards.map((shard) => join(dir, shard));
}

/** Fills encoder and head from one file or several. Returns lines for the user. */
function loadEncoder(model: BertForMaskedLM, files: readonly SafetensorsFile[]): string[] {
  const optional = hasHead(files) ? () => false : (name: string) => name.startsWith('cls.');
  const { missing, unexpected } = loadFiles(encoderOf(model), files, optional);
  const [{ file }] = files;
  const notes = missing.length > 0 ? [`${file}: has no masked-language-model head, so a fresh one is used.`] : [];
  if (unexpected.length > 0)
    notes.push(`${file}: ${unexpected.length} tensors are not used, the first is ${unexpected[0]}.`);
  return notes;
}

const hasHead = (files: readonly SafetensorsFile[]): boolean =>
  files.some(({ tensors }) => [...tensors.keys()].some((name) => /^cls\.predictions\.(transform\.|bias$)/.test(name)));

/** `loadWeights` from several files: a parameter must be in one of them. */
function loadFiles(module: object, files: readonly SafetensorsFile[], optional: (name: string) => boolean): LoadReport {
  if (files.length === 1) return loadWeights(module, files[0], optional);
  const reports = files.map((file) => loadWeights(module, file, () => true));
  const missing = reports[0].missing.filter((name) => reports.every((report) => report.missing.includes(name)));
  const lacking = missing.filter((name) => !optional(name));
  if (lacking.length > 0)
    throw new Error(
      `${dirname(files[0].file)}: ${lacking.length} tensors are in none of the ${files.length} shards, the first is ${lacking[0]}. Copy all shards of one model.`,
    );
  return { missing, unexpected: reports.flatMap(({ unexpected }) => unexpected) };
}
