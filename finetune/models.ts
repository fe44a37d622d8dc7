// What a fine-tuning run trains: a static encoder or a BERT, new or from a folder, and how its folder is written.
import { Random, tensor } from '../core/index.js';
import type { WordPiece } from '../data/index.js';
import {
  configOf,
  crossFiles,
  crossFrom,
  initialise,
  isStatic,
  loadModel,
  loadStatic,
  staticFiles,
  type ModelCard,
} from '../hub/index.js';
import {
  bertConfig,
  BertForMaskedLM,
  CrossEncoder,
  initWords,
  pooledBert,
  type StaticModel,
  unitLength,
  type BertConfig,
  type TextModel,
  type VectorStep,
} from '../nn/index.js';
import type { Examples } from '../retromae/index.js';
import { keptBert, openTokens, tokensDir, type Kept, type Observer } from '../train/index.js';
import { bagOfWords } from './bag.js';
import type { FinetuneSettings, poolings } from './settings.js';

/** The stream of random numbers for initial weights, apart from those of the batches. */
const WEIGHTS = 0;

/** What is trained, and its view as what makes vectors. */
export interface Trained {
  readonly model: BertForMaskedLM | StaticModel | CrossEncoder;
  /** Where it makes vectors. */
  readonly text?: TextModel;
  readonly kept: Kept;
}

type Pooling = (typeof poolings)[number];

/**
 * The model that the settings name.
 * @param texts what new static words are counted in
 * @throws as `loadModel`, `loadStatic`, `initWords`
 */
export async function newTrained(
  settings: FinetuneSettings,
  tokenizer: WordPiece,
  texts: Examples,
  observer: Observer,
): Promise<Trained> {
  const { model: asked, seed, method } = settings;
  const random = new Random(seed, WEIGHTS);
  if (method === 'cross') return newCross(settings, tokenizer, random);
  if (asked === 'static')
    return keptStatic(await bagOfWords(tokenizer, texts, settings.width, random), settings, tokenizer);
  if (asked === 'bert') return newBert(settings, tokenizer, random);
  if (await isStatic(asked)) {
    const { model, notes } = await loadStatic(asked);
    notes.forEach((note) => observer.message?.(note));
    return keptStatic(model, settings, tokenizer);
  }
  return bertFrom(asked, settings, tokenizer, observer);
}

/** The bag of words that a run of `--model static` began with, from the text in its folder. */
export async function untrainedWords(
  settings: FinetuneSettings,
): Promise<{ model: StaticModel; tokenizer: WordPiece }> {
  const file = await openTokens(settings);
  if (!file) throw new Error(`${tokensDir(settings)}: is not there, though the run was begun. Begin in a new folder.`);
  try {
    const random = new Random(settings.seed, WEIGHTS);
    return { model: await bagOfWords(file.tokenizer, file, settings.width, random), tokenizer: file.tokenizer };
  } finally {
    file.close();
  }
}

/** The dimensions of a new BERT. */
function configFor(settings: FinetuneSettings, tokenizer: WordPiece): BertConfig {
  const { width, layers, heads, ffn, seq, dropout, initRange } = settings;
  return bertConfig({
    ...{ vocab_size: tokenizer.size, hidden_size: width, num_hidden_layers: layers, num_attention_heads: heads },
    ...{ intermediate_size: ffn || 4 * width, max_position_embeddings: Math.max(seq, settings.queryLength) },
    ...{ initializer_range: initRange, pad_token_id: tokenizer.pad },
    ...{ hidden_dropout_prob: dropout, attention_probs_dropout_prob: dropout },
  });
}

/** @throws if a static encoder is to begin with */
async function newCross(settings: FinetuneSettings, tokenizer: WordPiece, random: Random): Promise<Trained> {
  const { model: asked, seq, recompute } = settings;
  const model =
    asked === 'bert'
      ? new CrossEncoder(configFor(settings, tokenizer), random, recompute)
      : await crossFrom(asked, random, settings);
  const maxLength = Math.min(seq, model.config.max_position_embeddings);
  const files = () => crossFiles(model, tokenizer, { maxLength, card: cardOf(settings) });
  return { model, kept: { files, weights: model, head: {} } };
}

async function newBert(settings: FinetuneSettings, tokenizer: WordPiece, random: Random): Promise<Trained> {
  const { initWords: words, recompute } = settings;
  const model = new BertForMaskedLM(configFor(settings, tokenizer), random, recompute);
  const { pooling = words === undefined ? 'cls' : 'weighted' } = settings;
  if (words !== undefined) await initWords(model, (await loadStatic(words)).model, random, pooling === 'weighted');
  return keptPooled(model, pooling, settings, tokenizer);
}

async function bertFrom(
  dir: string,
  settings: FinetuneSettings,
  tokenizer: WordPiece,
  { message }: Observer,
): Promise<Trained> {
  const { dropout, recompute, seed } = settings;
  const loaded = await loadModel(dir);
  const config = { ...(await configOf(dir)), hidden_dropout_prob: dropout, attention_probs_dropout_prob: dropout };
  const model = new BertForMaskedLM(config, new Random(seed, WEIGHTS), recompute);
  (await initialise(model, dir)).forEach((note) => message?.(note));
  const { word_weights } = loaded.model;
  if (word_weights) Object.assign(model, { word_weights });
  const [only, ...more] = loaded.pooling;
  const found = only === 'mean' && word_weights ? 'weighted' : only;
  const { pooling = found } = settings;
  if (
    (more.length > 0 && settings.pooling === undefined) ||
    (pooling !== 'cls' && pooling !== 'mean' && pooling !== 'weighted')
  )
    throw new Error(`${dir}: pools by ${loaded.represent}, which is not trained here. Give --pooling cls or mean.`);
  return keptPooled(model, pooling, settings, tokenizer);
}

/** @throws if words are to be weighted, and there are no weights to begin with: then all are 1 */
function keptPooled(
  model: BertForMaskedLM,
  pooling: Pooling,
  settings: FinetuneSettings,
  tokenizer: WordPiece,
): Trained {
  const { vocab_size: words } = model.config;
  if (pooling === 'weighted' && !model.word_weights)
    Object.assign(model, { word_weights: tensor(new Float32Array(words).fill(1), [words, 1], { requiresGrad: true }) });
  if (pooling !== 'weighted' && model.word_weights) Object.assign(model, { word_weights: undefined });
  const mode = pooling === 'cls' ? 'cls' : 'mean';
  const { seq, queryLength, similarity } = settings;
  const maxLength = Math.min(Math.max(seq, queryLength), model.config.max_position_embeddings);
  const options = {
    maxLength,
    similarity,
    pooling: mode,
    prompts: promptsOf(settings),
    card: cardOf(settings),
  } as const;
  return { model, text: pooledBert(model, mode), kept: keptBert(model, tokenizer, options) };
}

function keptStatic(model: StaticModel, settings: FinetuneSettings, tokenizer: WordPiece): Trained {
  const { similarity } = settings;
  const options = { similarity, prompts: promptsOf(settings), card: cardOf(settings) };
  const kept = {
    files: () => staticFiles(model, tokenizer, options),
    weights: { embeddings: model.embedding.weight },
    head: {},
  };
  return { model, text: model, kept };
}

/** What is done with a vector, so that inner products are what the run compares by. */
export const vectorSteps = ({ similarity }: Pick<FinetuneSettings, 'similarity'>): VectorStep[] =>
  similarity === 'cosine' ? [unitLength] : [];

const promptsOf = ({ queryPrompt: query, documentPrompt: document }: FinetuneSettings) => ({ query, document });

const cardOf = (settings: FinetuneSettings): ModelCard => ({ method: methodOf(settings) });

function methodOf({ method, examples, pairs }: FinetuneSettings): string {
  if (method === 'cross') return 'a softmax over the passages of each query';
  if (method === 'distill') return 'distillation of a teacher’s scores';
  if (method === 'ance')
    return '[contrastive learning with negatives that the model finds as it learns](https://arxiv.org/abs/2007.00808)';
  const source = examples === undefined ? `pairs from raw text (${pairs})` : 'labelled examples';
  return `[contrastive learning](https://arxiv.org/abs/2004.04906) of ${source}`;
}
