// The files of a static encoder: one folder that sentence-transformers (StaticEmbedding) and model2vec both open.
import { tokenizerFiles, type WordPiece } from '../data/pure.js';
import type { StaticModel } from '../nn/index.js';
import { fenced, frontMatter, PYTHON, type ModelCard, type TrainedSimilarity } from './model-card.js';
import {
  asJson,
  fileNames,
  moduleEntry,
  safetensorsOf,
  sentenceTransformers,
  type Files,
  type TrainedPrompts,
} from './model-files.js';

export interface StaticFilesOptions {
  /** How its vectors are to be compared. Default cosine. */
  similarity?: TrainedSimilarity;
  prompts?: TrainedPrompts;
  card?: ModelCard;
}

/** model2vec's name of the table, which sentence-transformers reads too. */
export const EMBEDDINGS = 'embeddings';

/**
 * The whole folder, weights last.
 * @throws if the tokenizer's vocabulary is not the model's: here a row is a token, and no more
 */
export async function staticFiles(
  model: StaticModel,
  tokenizer: WordPiece,
  { similarity = 'cosine', prompts, card = {} }: StaticFilesOptions = {},
): Promise<Files> {
  const { words, dim } = model.config;
  if (tokenizer.size !== words)
    throw new Error(
      `saveStatic: the tokenizer has ${tokenizer.size} tokens, the model ${words}. Save it with its own.`,
    );
  const modules = ['StaticEmbedding', ...(similarity === 'cosine' ? ['Normalize'] : [])];
  const files: Files = new Map<string, string | readonly Uint8Array[]>([
    [fileNames.config, asJson(config(model, similarity))],
    ...tokenizerFiles(tokenizer, model.maxLength),
    [fileNames.modules, asJson(modules.map(moduleEntry))],
    [fileNames.sentenceTransformers, asJson(sentenceTransformers(similarity, prompts))],
    ['README.md', staticCard({ words, dim, similarity }, card)],
  ]);
  if (similarity === 'cosine') files.set('1_Normalize/', '');
  files.set(fileNames.weights, await safetensorsOf(new Map([[EMBEDDINGS, model.embedding.weight]])));
  return files;
}

const config = ({ dim, maxLength }: StaticModel, similarity: TrainedSimilarity) => ({
  model_type: 'model2vec',
  architectures: ['StaticModel'],
  hidden_dim: dim,
  seq_length: maxLength,
  normalize: similarity === 'cosine',
});

function staticCard(
  { words, dim, similarity }: { words: number; dim: number; similarity: TrainedSimilarity },
  card: ModelCard,
): string {
  const { name = 'Static encoder' } = card;
  const compared = similarity === 'cosine' ? 'cosine' : 'dot product';
  const paragraphs = [
    frontMatter(name, ['model2vec', 'static-embeddings'], card),
    `# ${name}`,
    `A table of ${words} vectors of ${dim} numbers${card.method ? `, trained with ${card.method}` : ''}. A text's vector ` +
      `is the mean of those of its tokens: no order, no context, no limit of length; vectors are compared by ${compared}.`,
    ...(card.text ? [card.text.trim()] : []),
    '## Use',
    'In Python, with sentence-transformers:',
    fenced('python', PYTHON),
    'Or with model2vec:',
    fenced('python', MODEL2VEC),
  ];
  return `${paragraphs.join('\n\n')}\n`;
}

const MODEL2VEC = `from model2vec import StaticModel
model = StaticModel.from_pretrained(".")  # this folder
vectors = model.encode(["a query", "a passage"])`;
