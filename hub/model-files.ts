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
  { maxLength, similarity = 'cosine', card = {} }: ModelFilesOptions,
): Promise<Files> {
  const { config } = model;
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
    [fileNames.modules, asJson(modules(similarity))],
    [`${POOLING}/config.json`, asJson(clsPooling(config.hidden_size))],
    // The tokenizer's own files say how it folds case.
    [fileNames.sentence, asJson({ max_seq_length: maxLength, do_lower_case: false })],
    [fileNames.sentenceTransformers, asJson(sentenceTransformers(similarity))],
    ['README.md', modelCard({ config, maxLength, similarity, representation: own }, card)],
  ]);
  if (own) files.set(fileNames.dupmae, await safetensorsOf(parameters({ cls_projection: own })));
  if (similarity === 'cosine') files.set(`${NORMALIZE}/`, '');
  files.set(fileNames.weights, await safetensorsOf(parameters(encoderOf(model))));
  return files;
}

const settingsOf = ({ k, activation }: Representation) => ({ k, activation });

const POOLING = '1_Pooling';
const NORMALIZE = '2_Normalize';

/** The spelling of sentence-transformers 2 to 5, which 6 reads too. Without this file it would take the mean. */
function modules(similarity: TrainedSimilarity): unknown[] {
  const steps = [
    ['Transformer', ''],
    ['Pooling', POOLING],
    ['Normalize', NORMALIZE],
  ];
  const used = similarity === 'cosine' ? steps : steps.slice(0, 2);
  return used.map(([type, path], idx) => ({ idx, name: `${idx}`, path, type: `sentence_transformers.models.${type}` }));
}

const clsPooling = (hidden: number) => ({
  word_embedding_dimension: hidden,
  pooling_mode_cls_token: true,
  pooling_mode_mean_tokens: false,
  pooling_mode_max_tokens: false,
  pooling_mode_mean_sqrt_len_tokens: false,
  pooling_mode_weightedmean_tokens: false,
  pooling_mode_lasttoken: false,
  include_prompt: true,
});

const sentenceTransformers = (similarity: TrainedSimilarity) => ({
  model_type: 'SentenceTransformer',
  // Readers warn where this is above their own version.
  __version__: { sentence_transformers: '3.0.0' },
  prompts: { query: '', document: '' },
  default_prompt_name: null,
  similarity_fn_name: similarity,
});
