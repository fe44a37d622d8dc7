// Static encoders on disk: sentence-transformers' StaticEmbedding and model2vec's folders, read with nothing in them trusted.
import { join } from 'node:path';
import { loadTokenizer, toTokenizerJson, type WordPiece } from '../data/index.js';
import { assign, StaticModel, truncate, unitLength, type SafetensorsFile, type VectorStep } from '../nn/index.js';
import { COMPARED, UNIT } from './description.js';
import { fieldsIfThere } from './fields.js';
import { Fingerprint } from './fingerprint.js';
import { fileNames } from './model-files.js';
import { MODEL2VEC, readModules } from './modules.js';
import { withSafetensors } from './safetensors.js';
import { vectorSettings, type VectorSettings } from './sentence-settings.js';
import { saveFiles } from './save-files.js';
import { EMBEDDINGS, staticFiles, type StaticFilesOptions } from './static-files.js';
import { Undrawn } from './undrawn.js';
import { readSteps } from './vectors.js';
import { weightFiles } from './weight-files.js';

export interface LoadedStatic extends VectorSettings {
  model: StaticModel;
  tokenizer: WordPiece;
  maxLength: number;
  /** What is done with a mean, in order. */
  steps: readonly VectorStep[];
  /** How a text becomes a vector, in a sentence. */
  description: string;
  /** One for all folders that give the same vectors. */
  fingerprint: string;
  notes: readonly string[];
}

/** Writes a static encoder as a folder. @throws as `saveModel` */
export const saveStatic = async (
  dir: string,
  model: StaticModel,
  tokenizer: WordPiece,
  options: StaticFilesOptions = {},
): Promise<void> => saveFiles(dir, await staticFiles(model, tokenizer, options));

/** Whether a folder has a static encoder. @throws if its modules.json cannot be read */
export const isStatic = async (dir: string): Promise<boolean> => (await readModules(dir)).kind === 'StaticEmbedding';

/**
 * Reads the folder of a static encoder. Weights of tokens, and rows that several tokens share, as model2vec has them, are
 * put into the table.
 * @throws naming the file: missing, cut short, of another shape than the tokenizer's, or what is not built here
 */
export async function loadStatic(dir: string): Promise<LoadedStatic> {
  const modules = await readModules(dir);
  const tokenizer = await loadTokenizer(modules.encoder);
  const fields = await fieldsIfThere(join(modules.encoder, fileNames.config));
  const isModel2vec = fields.text('model_type') === MODEL2VEC;
  const fingerprint = new Fingerprint();
  const model = withSafetensors(await weightFiles(modules.encoder), ([file]) => tableOf(file, tokenizer, isModel2vec));
  fingerprint.add('embedding.weight', Float32Array.from(await model.embedding.weight.read()));
  const settings = await vectorSettings(dir);
  const { steps: found } = await readSteps(modules, modules.others ?? [], model.dim, fingerprint.add);
  const scaled = modules.others === undefined && (fields.boolean('normalize') ?? false);
  const own = [
    ...(scaled ? [{ does: UNIT, step: unitLength }] : found),
    ...(settings.width === undefined
      ? []
      : [{ does: `cut to ${settings.width} numbers`, step: truncate(settings.width) }]),
  ];
  const does = own.map((each) => each.does);
  const taken = ['the mean of the vectors of its tokens', ...does].join(', then ');
  return {
    ...settings,
    model,
    tokenizer,
    maxLength: model.maxLength,
    steps: own.map(({ step }) => step),
    description: `A static encoder: ${taken}; vectors are compared by ${COMPARED[settings.similarity]}.`,
    fingerprint: fingerprint.of([toTokenizerJson(tokenizer), settings.prompts, does]),
  };
}

/** The table of a file, a row a token. */
function tableOf(file: SafetensorsFile, tokenizer: WordPiece, isModel2vec: boolean): StaticModel {
  const name = [EMBEDDINGS, 'embedding.weight'].find((each) => file.tensors.has(each));
  const { size, unk } = tokenizer;
  const [rows, dim] = (name && file.tensors.get(name)!.shape) || [];
  if (name === undefined || dim === undefined || file.tensors.get(name)!.shape.length !== 2)
    throw new Error(`${file.file}: has no table "${EMBEDDINGS}" of rows and columns; copy the folder again.`);
  const table = file.float32(name).data;
  const each = (tensor: string): ArrayLike<number> | undefined =>
    file.tensors.has(tensor) ? file.float32(tensor).data : undefined;
  const [weights, mapping] = [each('weights'), each('mapping')];
  const model = new StaticModel({ words: size, dim, unk }, new Undrawn(0));
  const values = new Float32Array(size * dim);
  for (let id = 0; id < size; id++) {
    const row = mapping ? mapping[id] : id;
    if (!(row >= 0 && row < rows))
      throw new Error(
        `${file.file}: ${name} has ${rows} rows, but the tokenizer has ${size} tokens. Copy the tokenizer of this very model.`,
      );
    // model2vec leaves out what it does not know; of a mean that is scaled, zeros are the same.
    if (isModel2vec && id === unk) continue;
    for (let i = 0; i < dim; i++) values[id * dim + i] = (weights?.[id] ?? 1) * table[row * dim + i];
  }
  assign(model.embedding.weight, values);
  return model;
}
