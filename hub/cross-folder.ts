// Cross-encoders in folders: Hugging Face's BertForSequenceClassification with one label, which sentence-transformers opens too.
import { join } from 'node:path';
import type { Random } from '../core/index.js';
import { isFile, JsonFields, loadTokenizer, readJsonObject, shownValue, tokenizerFiles } from '../data/index.js';
import type { WordPiece } from '../data/index.js';
import { configFromHuggingFace, configToHuggingFace, CrossEncoder, parameters } from '../nn/index.js';
import type { BertConfig } from '../nn/index.js';
import { configOf } from './folder.js';
import { fieldsIfThere, within } from './fields.js';
import { fenced, frontMatter, type ModelCard } from './model-card.js';
import { asJson, fileNames, safetensorsOf, type Files } from './model-files.js';
import { readModules } from './modules.js';
import { withSafetensors } from './safetensors.js';
import { saveFiles } from './save-files.js';
import { Undrawn } from './undrawn.js';
import { checkSize, checkVocabulary, loadFiles, weightFiles } from './weight-files.js';

const ARCHITECTURE = 'BertForSequenceClassification';

export interface CrossFilesOptions {
  /** Tokens of a pair, [CLS] and both [SEP] included. */
  maxLength: number;
  card?: ModelCard;
}

/** The whole folder, weights last. */
export async function crossFiles(
  model: CrossEncoder,
  tokenizer: WordPiece,
  { maxLength, card = {} }: CrossFilesOptions,
): Promise<Files> {
  const config = {
    ...configToHuggingFace(model.config),
    architectures: [ARCHITECTURE],
    id2label: { 0: 'LABEL_0' },
    label2id: { LABEL_0: 0 },
    // Scores as they are: sentence-transformers would put them through a sigmoid.
    sentence_transformers: { activation_fn: 'torch.nn.modules.linear.Identity', version: '4.0.0' },
  };
  return new Map<string, string | readonly Uint8Array[]>([
    [fileNames.config, asJson(config)],
    ...tokenizerFiles(tokenizer, maxLength),
    ['README.md', crossCard(model.config, maxLength, card)],
    [fileNames.weights, await safetensorsOf(parameters(model))],
  ]);
}

function crossCard({ num_hidden_layers, hidden_size }: BertConfig, maxLength: number, card: ModelCard): string {
  const { name = 'BERT cross-encoder' } = card;
  return `${[
    frontMatter(name, ['cross-encoder', 'reranker'], card),
    `# ${name}`,
    `A cross-encoder (${num_hidden_layers} layers, hidden size ${hidden_size}, pairs of up to ${maxLength} tokens)` +
      `${card.method ? `, trained with ${card.method}` : ''}: it reads a query and a passage together and gives one number, the higher the better.`,
    ...(card.text ? [card.text.trim()] : []),
    '## Use',
    fenced('python', PYTHON),
  ].join('\n\n')}\n`;
}

const PYTHON = `from sentence_transformers import CrossEncoder
model = CrossEncoder(".")  # this folder
scores = model.predict([("a query", "a passage")])`;

/** Writes a cross-encoder as a folder. @throws as `saveModel` */
export const saveCross = async (
  dir: string,
  model: CrossEncoder,
  tokenizer: WordPiece,
  options: CrossFilesOptions,
): Promise<void> => saveFiles(dir, await crossFiles(model, tokenizer, options));

export interface LoadedCross {
  model: CrossEncoder;
  tokenizer: WordPiece;
  maxLength: number;
  /** What the folder asks scores to be put through before they are shown: nothing, or a sigmoid. Their order stays. */
  activation: (score: number) => number;
}

/** What sentence-transformers puts scores through. */
const ACTIVATIONS: Readonly<Record<string, (score: number) => number>> = {
  Identity: (score) => score,
  Sigmoid: (score) => 1 / (1 + Math.exp(-score)),
};

/**
 * What a folder asks for: `sentence_transformers.activation_fn`, before version 4 `sbert_ce_default_activation_function`.
 * Where it says nothing scores stay as transformers computes them; sentence-transformers would take a sigmoid then.
 * @throws naming the file and what is asked for, if it is neither
 */
function activationOf(json: object, path: string): (score: number) => number {
  const fields = new JsonFields(path, json, 'Take a model that ranks, or write one of these there.');
  const [own, name] = [within(fields, 'sentence_transformers'), 'sbert_ce_default_activation_function'];
  const now = own.text('activation_fn');
  const asked = now ?? fields.text(name) ?? 'torch.nn.Identity';
  const [, known = ''] = /^torch\.nn\.(?:modules\.\w+\.)?(Identity|Sigmoid)$/.exec(asked) ?? [];
  if (known !== '') return ACTIVATIONS[known];
  const wanted = 'torch.nn.modules.linear.Identity or torch.nn.modules.activation.Sigmoid';
  throw now === undefined ? fields.refuse(name, wanted) : own.refuse('activation_fn', wanted);
}

/** Whether a folder has a cross-encoder. */
export async function isCross(dir: string): Promise<boolean> {
  const path = join(dir, fileNames.config);
  if (!(await isFile(path))) return false;
  const { architectures } = await readJsonObject(path);
  return Array.isArray(architectures) && architectures[0] === ARCHITECTURE;
}

/** @throws naming the file: missing, damaged, of another architecture, or with more labels than one, or another activation */
export async function loadCross(dir: string): Promise<LoadedCross> {
  const path = join(dir, fileNames.config);
  const json = await readJsonObject(path);
  const { architectures, id2label, num_labels: count } = json;
  if (!Array.isArray(architectures) || architectures[0] !== ARCHITECTURE)
    throw new Error(
      `${path}: architectures is ${shownValue(architectures)}, expected ["${ARCHITECTURE}"], a cross-encoder. Train one with \`retromae finetune --method cross\`.`,
    );
  // As transformers counts them: what num_labels says goes before the names.
  const named = typeof id2label === 'object' && id2label !== null ? Object.keys(id2label).length : 2;
  const labels = typeof count === 'number' ? count : named;
  if (labels !== 1)
    throw new Error(
      `${path}: ${typeof count === 'number' ? 'num_labels says' : 'id2label has'} ${labels} labels, expected one, a score. Take a model that ranks.`,
    );
  const activation = activationOf(json, path);
  const config = configFromHuggingFace(json, path);
  const paths = await weightFiles(dir);
  const tokenizer = await loadTokenizer(dir);
  checkVocabulary(dir, tokenizer, config);
  const told = (await fieldsIfThere(join(dir, fileNames.tokenizerConfig))).number('model_max_length', 5) ?? Infinity;
  const model = withSafetensors(paths, (files) => {
    checkSize(config, path, files);
    const made = new CrossEncoder(config, new Undrawn(0));
    loadFiles(made, files, () => false);
    return made;
  });
  return { model, tokenizer, maxLength: Math.min(told, config.max_position_embeddings), activation };
}

/**
 * A cross-encoder that begins with the BERT of a folder, whatever it was trained for; what the folder lacks (the pooler, the
 * classifier) is drawn.
 * @throws as `loadModel`, or if the folder has no second token type
 */
export async function crossFrom(
  dir: string,
  random: Random,
  { dropout, recompute }: { dropout: number; recompute: boolean },
): Promise<CrossEncoder> {
  const config = { ...(await configOf(dir)), hidden_dropout_prob: dropout, attention_probs_dropout_prob: dropout };
  const model = new CrossEncoder(config, random, recompute);
  withSafetensors(await weightFiles((await readModules(dir)).encoder), (files) =>
    loadFiles(model, files, (name) => name.includes('pooler') || name.startsWith('classifier')),
  );
  return model;
}
