// The files of a Hugging Face model folder, as content in memory: for transformers, sentence-transformers, transformers.js.
import type { Tensor } from '../core/index.js';
import { tokenizerFiles, type WordPiece } from '../data/pure.js';
import { configToHuggingFace, parameters, Representation, safetensorsHeader } from '../nn/index.js';
import type { BertForMaskedLM } from '../nn/index.js';
import { modelCard, type ModelCard, type TrainedSimilarity } from './model-card.js';

export interface ModelFilesOptions {
  /** Tokens that the model was trained on, [CLS] and [SEP] included; at most its position table. */
  maxLength: number;
  /** How its vectors are to be compared. Default cosine. */
  similarity?: TrainedSimilarity;
  /** What of the hidden states a vector is; a mean is weighted by word where the model has `word_weights`. Default cls. */
  pooling?: TrainedPooling;
  prompts?: TrainedPrompts;
  card?: ModelCard;
}

/** Content by path within the folder; a path that ends in "/" is an empty folder. */
export type Files = Map<string, string | readonly Uint8Array[]>;

export const fileNames = {
  config: 'config.json',
  weights: 'model.safetensors',
  index: 'model.safetensors.index.json',
  dupmae: 'dupmae.safetensors',
  modules: 'modules.json',
  sentence: 'sentence_bert_config.json',
  sentenceTransformers: 'config_sentence_transformers.json',
  tokenizerConfig: 'tokenizer_config.json',
} as const;

/** What is put before texts. */
export type TrainedPrompts = Readonly<Record<'query' | 'document', string>>;
const NO_PROMPTS: TrainedPrompts = { query: '', document: '' };

/** How a model that was trained here makes one vector of a text's hidden states. */
export type TrainedPooling = 'cls' | 'mean';

export const asJson = (value: unknown): string => JSON.stringify(value, null, 2) + '\n';

/** The part of a model that a folder keeps: the encoder and the MLM head. */
export const encoderOf = ({ bert, cls }: BertForMaskedLM): object => ({ bert, cls });

/** What is trained beside them, and thrown away after that: all other fields. */
export function headOf(model: BertForMaskedLM): object {
  const { bert, cls, ...head } = model;
  return head;
}

/** DupMAE's representation among what is trained beside the encoder: a folder keeps it. */
export function representationOf(model: BertForMaskedLM & { cls_projection?: unknown }): Representation | undefined {
  return model.cls_projection instanceof Representation ? model.cls_projection : undefined;
}

/**
 * A safetensors file of these tensors, in float32 (which the reference backend's float64 is rounded to), each read when
 * its turn comes: the moments of an optimizer are twice the model.
 */
export async function* streamSafetensors(tensors: ReadonlyMap<string, Tensor>): AsyncGenerator<Uint8Array> {
  yield safetensorsHeader([...tensors].map(([name, { shape }]) => [name, { shape, dtype: 'F32' }]));
  for (const x of tensors.values()) {
    const data = await x.read();
    const { buffer, byteOffset, byteLength } = data instanceof Float64Array ? Float32Array.from(data) : data;
    yield new Uint8Array(buffer, byteOffset, byteLength);
  }
}

/** The same file in memory. */
export async function safetensorsOf(tensors: ReadonlyMap<string, Tensor>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of streamSafetensors(tensors)) chunks.push(chunk);
  return chunks;
}

/**
 * The whole folder, weights last. Of what was trained beside the encoder, a representation in the field `cls_projection` is
 * kept: its settings as `dupmae` in config.json, its weights in a file of their own, so that other tools see neither. The names in model.safetensors are those of BertForMaskedLM; its tied output table is
 * not written twice.
 * @throws if the tokenizer's vocabulary or `maxLength` is more than the model's
 */
export async function modelFiles(
  model: BertForMaskedLM,
  tokenizer: WordPiece,
  { maxLength, similarity = 'cosine', pooling = 'cls', prompts = NO_PROMPTS, card = {} }: ModelFilesOptions,
): Promise<Files> {
  const { config } = model;
  const weights = pooling === 'mean' ? model.word_weights : undefined;
  const steps = modulesOf({ similarity, pooling, weighted: weights !== undefined });
  const own = representationOf(model);
  // A table may have more rows than there are tokens: it is filled up to a round number.
  if (tokenizer.size > config.vocab_size)
    throw new Error(
      `saveModel: the tokenizer has ${tokenizer.size} tokens, the model ${config.vocab_size}. Save it with its own.`,
    );
  if (!(Number.isInteger(maxLength) && maxLength >= 3 && maxLength <= config.max_position_embeddings))
    throw new Error(
      `saveModel: maxLength is ${maxLength}, expected an integer 3 .. ${config.max_position_embeddings} (the model's positions).`,
    );
  const files: Files = new Map<string, string | readonly Uint8Array[]>([
    [fileNames.config, asJson({ ...configToHuggingFace(config), ...(own && { dupmae: settingsOf(own) }) })],
    ...tokenizerFiles(tokenizer, maxLength),
    [fileNames.modules, asJson(steps.map(moduleEntry))],
    [`${pathOf(steps, 'Pooling')}/config.json`, asJson(poolingConfig(config.hidden_size, pooling))],
    // The tokenizer's own files say how it folds case.
    [fileNames.sentence, asJson({ max_seq_length: maxLength, do_lower_case: false })],
    [fileNames.sentenceTransformers, asJson(sentenceTransformers(similarity, prompts))],
    [
      'README.md',
      modelCard({ config, maxLength, similarity, pooling, weighted: weights !== undefined, representation: own }, card),
    ],
  ]);
  if (own) files.set(fileNames.dupmae, await safetensorsOf(parameters({ cls_projection: own })));
  if (similarity === 'cosine') files.set(`${pathOf(steps, 'Normalize')}/`, '');
  if (weights) {
    const folder = pathOf(steps, WORD_WEIGHTS);
    files.set(`${folder}/config.json`, asJson(wordWeights(tokenizer, await weights.read())));
    files.set(`${folder}/${fileNames.weights}`, await safetensorsOf(new Map([[WEIGHTS_NAME, weights]])));
  }
  files.set(fileNames.weights, await safetensorsOf(parameters(encoderOf(model))));
  return files;
}

const settingsOf = ({ k, activation }: Representation) => ({ k, activation });

export const WORD_WEIGHTS = 'WordWeights';
/** The table of word weights by sentence-transformers' name. */
export const WEIGHTS_NAME = 'emb_layer.weight';

/** The modules of the folder in order; without them sentence-transformers would take the mean. */
const modulesOf = (how: { similarity: TrainedSimilarity; pooling: TrainedPooling; weighted: boolean }): string[] => [
  'Transformer',
  ...(how.weighted ? [WORD_WEIGHTS] : []),
  'Pooling',
  ...(how.similarity === 'cosine' ? ['Normalize'] : []),
];

/** The encoder lies at the top. */
const pathOf = (modules: readonly string[], type: string): string => {
  const place = modules.indexOf(type);
  return place === 0 ? '' : `${place}_${type}`;
};

/** An entry of modules.json, in the spelling of sentence-transformers 2 to 5, which 6 reads too. */
export const moduleEntry = (type: string, idx: number, all: readonly string[]) => ({
  idx,
  name: `${idx}`,
  path: pathOf(all, type),
  type: `sentence_transformers.models.${type}`,
});

const poolingConfig = (hidden: number, pooling: TrainedPooling) => ({
  word_embedding_dimension: hidden,
  pooling_mode_cls_token: pooling === 'cls',
  pooling_mode_mean_tokens: pooling === 'mean',
  pooling_mode_max_tokens: false,
  pooling_mode_mean_sqrt_len_tokens: false,
  pooling_mode_weightedmean_tokens: false,
  pooling_mode_lasttoken: false,
  include_prompt: true,
});

/** The weights once more by word, as sentence-transformers asks for them; rows beyond the vocabulary are nobody's. */
const wordWeights = ({ vocab }: WordPiece, weights: ArrayLike<number>) => ({
  vocab,
  word_weights: Object.fromEntries(vocab.map((word, id) => [word, Math.fround(weights[id])])),
  unknown_word_weight: 1,
});

export const sentenceTransformers = (similarity: TrainedSimilarity, prompts = NO_PROMPTS) => ({
  model_type: 'SentenceTransformer',
  // Readers warn where this is above their own version.
  __version__: { sentence_transformers: '3.0.0' },
  prompts,
  default_prompt_name: null,
  similarity_fn_name: similarity,
});
