// The weights of a model folder: which files they are in, and from them into a model.
import { basename, dirname, join } from 'node:path';
import { isFile, readJsonObject, type WordPiece } from '../data/index.js';
import { loadWeights } from '../nn/index.js';
import type { BertConfig, BertForMaskedLM, LoadReport, SafetensorsFile } from '../nn/index.js';
import { encoderOf, fileNames } from './model-files.js';

/** Hears of every tensor that is read, by the name that it has here. */
export type Weights = (name: string, values: Float32Array) => void;

/** One line of Python that writes the safetensors file of a pickled one. */
const CONVERT =
  'python -c "import torch, safetensors.torch as s; ' +
  "s.save_file({k: v.clone() for k, v in torch.load('pytorch_model.bin', map_location='cpu', weights_only=True).items()}, 'model.safetensors')\"";

/** model.safetensors, or the shards that its index names. @throws naming the file that is missing or cannot be read */
export async function weightFiles(dir: string): Promise<string[]> {
  const single = join(dir, fileNames.weights);
  if (await isFile(single)) return [single];
  const index = join(dir, fileNames.index);
  if (await isFile(index)) return shardsOf(dir, index);
  for (const name of ['pytorch_model.bin', 'pytorch_model.bin.index.json'])
    if (await isFile(join(dir, name)))
      throw new Error(
        `${join(dir, name)}: a pickle is a program and is not run; expected ${fileNames.weights}. ` +
          (name.endsWith('.bin')
            ? `Convert it, in that folder: ${CONVERT}`
            : 'Convert the model with save_pretrained of transformers.'),
      );
  throw new Error(
    `${single}: is not there, nor is ${fileNames.index}; expected a model in safetensors. Check the path, or convert the model (other formats are not read).`,
  );
}

async function shardsOf(dir: string, index: string): Promise<string[]> {
  const { weight_map: map } = await readJsonObject(index);
  const shards = typeof map === 'object' && map !== null ? [...new Set(Object.values(map) as unknown[])] : [];
  const isName = (shard: unknown): shard is string => typeof shard === 'string' && basename(shard) === shard;
  if (shards.length === 0 || !shards.every(isName))
    throw new Error(`${index}: weight_map must name a file of this folder for each tensor; copy the index again.`);
  return shards.map((shard) => join(dir, shard));
}

/**
 * Before memory is taken for them: whether the numbers that a configuration describes can be in these files.
 * @throws if they are so many more that it is another model's, or damaged
 */
export function checkSize(config: BertConfig, configFile: string, files: readonly SafetensorsFile[]): void {
  const { hidden_size: hidden, intermediate_size: inner, num_hidden_layers: layers } = config;
  const rows = config.vocab_size + config.max_position_embeddings + config.type_vocab_size;
  const described = hidden * (rows + layers * (4 * hidden + 2 * inner));
  const elements = files.flatMap(({ tensors }) =>
    [...tensors.values()].map(({ shape }) => shape.reduce((size, n) => size * n, 1)),
  );
  const stored = elements.reduce((sum, n) => sum + n, 0);
  // Smaller differences are told by the tensor that is missing or of another shape.
  if (described > 4 * stored + 1e6)
    throw new Error(
      `${configFile}: describes a model of ${described} numbers, but ${files[0].file} has ${stored}. Copy config.json and weights of one model.`,
    );
}

/** @throws naming the folder, if the tokenizer has ids that the word table has no rows for */
export function checkVocabulary(dir: string, { size }: WordPiece, { vocab_size: rows }: BertConfig): void {
  if (size > rows)
    throw new Error(
      `${dir}: the tokenizer has ${size} tokens, but vocab_size in ${fileNames.config} is ${rows}. Copy the tokenizer of this very model.`,
    );
}

/** Fills encoder and head from one file or several. Returns lines for the user. */
export function loadEncoder(model: BertForMaskedLM, files: readonly SafetensorsFile[], weights?: Weights): string[] {
  const optional = hasHead(files) ? () => false : (name: string) => name.startsWith('cls.');
  const { missing, unexpected } = loadFiles(encoderOf(model), files, optional, weights);
  const [{ file }] = files;
  const notes = missing.length > 0 ? [`${file}: has no masked-language-model head, so a fresh one is used.`] : [];
  if (unexpected.length > 0)
    notes.push(`${file}: ${unexpected.length} tensors are not used, the first is ${unexpected[0]}.`);
  return notes;
}

export const hasHead = (files: readonly SafetensorsFile[]): boolean =>
  files.some(({ tensors }) => [...tensors.keys()].some((name) => /^cls\.predictions\.(transform\.|bias$)/.test(name)));

/** `loadWeights` from several files: a parameter must be in one of them. */
export function loadFiles(
  module: object,
  files: readonly SafetensorsFile[],
  optional: (name: string) => boolean,
  weights?: Weights,
): LoadReport {
  if (files.length === 1) return loadWeights(module, files[0], optional, weights);
  const reports = files.map((file) => loadWeights(module, file, () => true, weights));
  const missing = reports[0].missing.filter((name) => reports.every((report) => report.missing.includes(name)));
  const lacking = missing.filter((name) => !optional(name));
  if (lacking.length > 0)
    throw new Error(
      `${dirname(files[0].file)}: ${lacking.length} tensors are in none of the ${files.length} shards, the first is ${lacking[0]}. Copy all shards of one model.`,
    );
  return { missing, unexpected: reports.flatMap(({ unexpected }) => unexpected) };
}
